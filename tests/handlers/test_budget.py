"""`Budget`: over a limit the next call is not made, and a streamed answer is cut short; its caller gets the stop."""

from __future__ import annotations

import asyncio
import copy
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.handlers.billed_agents import ASKED, EVERY_DOOR, FORMS, agent, prices
from tests.modes.models.calls import call

import callspan
from callspan import Budget, OverBudget
from callspan.handlers.limits import Account
from callspan.testing import ScriptedChatModel, record

WORDS = "one two three four five six seven eight"


def stopped(form: str, runnable: Any, given: Any = "hi", config: Any = None) -> OverBudget:
    """Make a call that a budget stops, and give the stop."""
    with pytest.raises(OverBudget) as raised:
        call(form, runnable, given, config)
    return raised.value


def consume(form: str, model: Any, heard: list[str]) -> None:
    """Let a model stream to its end, and note what it says as it comes."""

    async def astream() -> None:
        async for chunk in model.astream("hi"):
            heard.append(chunk.content)  # noqa: PERF401 - what was heard before it is stopped

    if form == "astream":
        asyncio.run(astream())
    else:
        heard.extend(chunk.content for chunk in model.stream("hi"))


@EVERY_DOOR
@FORMS
def test_an_agent_is_stopped_by_every_door_in_every_form(door, form):
    with record() as recording, door(Budget(calls=1), recording) as config:
        stop = stopped(form, agent(), ASKED, config)
        outcomes = [(span.attributes or {}).get("langchain.run.outcome") for span in recording.spans]

    assert (stop.limit, stop.allowed, stop.used, dict(stop.left)) == ("calls", 1, 1, {"calls": 0})
    assert (stop.call, stop.begun, stop.key) == ("chat scripted", False, None)
    assert str(stop) == "over budget: 1 of 1 calls used; chat scripted was not called"
    assert outcomes.count("stopped") == 1
    assert isinstance(stop, callspan.Stop)


@FORMS
def test_sampled_out(form):
    with record(sampler=ALWAYS_OFF, callbacks=[Budget(calls=1)]):
        stopped(form, agent(), ASKED)


@pytest.mark.parametrize(
    ("limits", "limit", "used"),
    [
        ({"tokens": 3}, "tokens", 11),
        ({"output_tokens": 3}, "output_tokens", 10),
        ({"cost": 0.5}, "cost", 101.0),
        ({"calls": 1, "tokens": 99}, "calls", 1),
    ],
)
def test_each_limit_stops_the_next_call(limits, limit, used, tmp_path):
    model = ScriptedChatModel(WORDS, WORDS)
    with record(callbacks=[Budget(**limits, prices=prices(tmp_path))]):
        model.invoke("hi")  # what it uses is known when it has ended
        stop = stopped("invoke", model)

    assert (stop.limit, stop.used, stop.begun) == (limit, used, False)
    assert len(model.asked) == 1


def test_the_message_says_what_is_left(tmp_path):
    with record(callbacks=[Budget(tokens=100, cost=200, calls=1, prices=prices(tmp_path))]) as recording:
        model = ScriptedChatModel(WORDS, WORDS)
        model.invoke("hi")
        stop = stopped("invoke", model)
        events = [event for span in recording.spans for event in span.events if event.name == "exception"]

    assert str(stop) == "over budget: 1 of 1 calls used; chat scripted was not called; left: 89 tokens, 99 US dollars"
    assert dict(stop.left) == {"tokens": 89, "cost": 99.0, "calls": 0}
    assert [dict(event.attributes or {})["exception.type"] for event in events] == ["callspan.OverBudget"]


@pytest.mark.parametrize("form", ["stream", "astream"])
@pytest.mark.parametrize(
    ("limits", "limit"), [({"tokens": 3}, "tokens"), ({"output_tokens": 3}, "output_tokens"), ({"cost": 35}, "cost")]
)
def test_a_streamed_answer_ends_in_its_middle(form, limits, limit, tmp_path):
    budget = Budget(**limits, prices=prices(tmp_path))
    heard: list[str] = []

    with record(callbacks=[budget]), pytest.raises(OverBudget) as raised:
        consume(form, ScriptedChatModel(WORDS), heard)

    assert (raised.value.limit, raised.value.begun) == (limit, True)
    assert "".join(heard) == "one two three"
    assert "was stopped in its answer" in str(raised.value)
    assert budget.left()[limit] == 0  # what had come of the answer stays used


def test_a_stream_within_the_budget_counts_what_the_model_says():
    budget = Budget(output_tokens=100)
    with record(callbacks=[budget]):
        list(ScriptedChatModel("wwwwwwwwwwww " * 8).stream("hi"))

    assert budget.left() == {"output_tokens": 74}, "not the estimate, which is 24"


@pytest.mark.skipif(not hasattr(BaseChatModel, "_iter_v2_events"), reason="v3 streams came with langchain-core 1.4")
@pytest.mark.filterwarnings("ignore:.*is in beta", "ignore:The v3 streaming protocol")
def test_a_stream_of_the_newer_protocol_ends_in_its_middle():
    with record(callbacks=[Budget(output_tokens=3)]), pytest.raises(OverBudget) as raised:
        for _ in ScriptedChatModel(WORDS).stream_events("hi", version="v3"):
            pass

    assert (raised.value.used, raised.value.begun) == (4, True)


def test_time_stops_calls_tools_and_answers():
    def wait(text: Any) -> Any:
        time.sleep(0.15)
        return text

    slow = RunnableLambda(wait) | ScriptedChatModel(WORDS)
    with record(callbacks=[Budget(seconds=0.1)]):
        stop = stopped("invoke", slow)
    assert (stop.limit, stop.begun) == ("seconds", False)
    assert stop.used >= 0.15

    with record(callbacks=[Budget(seconds=0.1)]):
        stream = ScriptedChatModel(WORDS).stream("hi")
        next(stream)
        time.sleep(0.15)
        with pytest.raises(OverBudget, match="stopped in its answer"):
            next(stream)


def test_per_session_user_and_root():
    for per, key in (("session", "s"), ("user", "u")):
        budget = Budget(calls=1, per=per)
        with record(callbacks=[budget]):
            model = ScriptedChatModel(lambda messages: "yes")
            with callspan.session("s", user="u"):
                model.invoke("a")
                assert stopped("invoke", model).key == key
            with callspan.session("other", user="other"):
                model.invoke("a")
            assert (budget.left(key)["calls"], budget.left("nobody")["calls"]) == (0, 1)
            budget.reset(key)
            with callspan.session("s", user="u"):
                model.invoke("a")

    budget = Budget(calls=2, per="root")
    with record(callbacks=[budget]):
        for _ in range(3):
            agent().invoke(ASKED)
        with callspan.workflow("two agents"):
            agent().invoke(ASKED)
            stopped("invoke", agent(), ASKED)
    assert not budget._accounts, "an account of a root ends with it"


def test_accounts_are_bounded():
    budget = Budget(calls=5, per="session", keep=3)
    with record(callbacks=[budget]):
        for number in range(10):
            with callspan.session(f"s{number}"):
                ScriptedChatModel("yes").invoke("a")

    assert list(budget._accounts) == ["s7", "s8", "s9"]


class Slow(Account):
    """An account whose calls take their time to be counted, so that whoever is not kept out gets in between."""

    counted = 0

    @property
    def calls(self) -> int:  # type: ignore[override]
        return self.counted

    @calls.setter
    def calls(self, value: int) -> None:
        time.sleep(0.001)
        self.counted = value


def test_concurrent_calls_share_it_and_none_slips_through(monkeypatch):
    monkeypatch.setattr("callspan.handlers.budget.Account", Slow)
    budget, model = Budget(calls=100), ScriptedChatModel(lambda messages: "yes")

    def one(number: int) -> bool:
        try:
            with callspan.callbacks(budget):
                model.invoke("a")
        except OverBudget:
            return False
        return True

    async def many() -> list[Any]:
        with callspan.callbacks(budget):
            return await asyncio.gather(*(model.ainvoke("a") for _ in range(60)), return_exceptions=True)

    with record(), ThreadPoolExecutor(16) as pool:
        made = sum(pool.map(one, range(60)))
        made += sum(not isinstance(answer, OverBudget) for answer in asyncio.run(many()))

    assert (made, len(model.asked)) == (100, 100)


def test_concurrent_streams_count_together():
    budget = Budget(output_tokens=5)
    with record(callbacks=[budget]):
        first, second = (ScriptedChatModel(WORDS).stream("hi") for _ in range(2))
        next(first), next(first), next(second), next(second), next(first)
        with pytest.raises(OverBudget) as raised:
            next(second)
        with pytest.raises(OverBudget):
            next(first)

    assert (raised.value.used, raised.value.begun) == (6, True)


def test_what_a_cancelled_stream_said_stays_used():
    budget = Budget(output_tokens=50)
    with record(callbacks=[budget]):
        stream = ScriptedChatModel(WORDS).stream("hi")
        next(stream), next(stream)
        stream.close()

    assert budget.left()["output_tokens"] == 48


def test_a_retry_is_stopped_before_each_attempt():
    model = ScriptedChatModel("yes", "never")
    with record(callbacks=[Budget(calls=1)]):
        model.invoke("a")
        stopped("invoke", model.with_retry(stop_after_attempt=3, wait_exponential_jitter=False))

    assert len(model.asked) == 1


def test_other_instrumentations_calls_count_and_are_never_stopped():
    budget = Budget(calls=1, tokens=4)
    asking = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    with record() as recording, callspan.callbacks(budget):
        for _ in range(2):
            with recording.tracer.start_as_current_span("chat", attributes=asking) as span:
                span.set_attribute("gen_ai.usage.input_tokens", 3)

    assert budget.left() == {"tokens": 0, "calls": 0}


def test_the_stop_can_be_copied_and_pickled():
    with record(callbacks=[Budget(calls=0)]):
        stop = stopped("invoke", ScriptedChatModel("yes"))

    for again in (pickle.loads(pickle.dumps(stop)), copy.copy(stop)):
        assert (str(again), again.limit, again.left, again.key) == (str(stop), "calls", {"calls": 0}, None)


def test_a_budget_of_calls_alone_does_not_hear_tokens():
    assert "on_llm_new_token" not in Budget(calls=1).callspan_heard
    assert "on_llm_new_token" in Budget(calls=1, seconds=1).callspan_heard


@pytest.mark.parametrize(
    "wrong", [{}, {"calls": -1}, {"cost": "1"}, {"tokens": True}, {"calls": 1, "per": "day"}, {"seconds": float("nan")}]
)
def test_wrong_limits_are_refused(wrong):
    with pytest.raises(ValueError, match=r"is not allowed|needs a limit"):
        Budget(**wrong)
