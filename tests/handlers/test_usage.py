"""`Usage`: tokens and cost by model, session and root; each call once, and what is not known is said."""

from __future__ import annotations

import asyncio
from dataclasses import FrozenInstanceError

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.handlers.billed_agents import ASKED, EVERY_DOOR, FORMS, INPUT, MODEL_CALLS, OUTPUT, Around, agent, prices
from tests.modes.models.calls import call

import callspan
from callspan import Usage
from callspan.testing import ScriptedChatModel, record


@EVERY_DOOR
@FORMS
def test_an_agent_by_every_door_in_every_form(door, form, tmp_path):
    usage = Usage(prices=prices(tmp_path))
    with record() as recording, door(usage, recording) as config:
        call(form, agent(), ASKED, config)

    total = usage.total
    assert (total.calls, total.input_tokens, total.output_tokens) == (MODEL_CALLS, INPUT, OUTPUT)
    assert (total.cost, total.tokens, total.is_whole) == (INPUT + 10 * OUTPUT, INPUT + OUTPUT, True)


@FORMS
def test_sampled_out(form):
    usage = Usage()
    with record(sampler=ALWAYS_OFF, callbacks=[usage]) as recording:
        call(form, agent(), ASKED)

    assert (usage.total.tokens, len(recording.spans)) == (INPUT + OUTPUT, 0)


def test_by_model_session_and_root(tmp_path):
    usage, runs = Usage(prices=prices(tmp_path)), []
    cheap, dear = ScriptedChatModel("yes", model="cheap"), ScriptedChatModel("no", "no")
    with record(callbacks=[usage, callspan.Listen(on_end=runs.append)]):
        with callspan.session("s"), callspan.workflow("both"):
            cheap.invoke("a")
            dear.invoke("b")
        dear.invoke("c")
    seen = usage.snapshot()

    assert {model: one.calls for model, one in seen.models.items()} == {"cheap": 1, "scripted": 2}
    assert {session: one.calls for session, one in seen.sessions.items()} == {"s": 2}
    assert sorted(one.calls for one in seen.roots.values()) == [1, 2]
    assert usage.of_model("cheap").unpriced == usage.of_session("s").unpriced == 1
    assert usage.of_session("s").cost == usage.of_model("scripted").cost / 2
    assert {usage.of_root(run).calls for run in runs if run.name == "both"} == {2}
    assert usage.of_model("nobody's").calls == 0


def test_a_price_that_is_not_known_stays_unknown(tmp_path):
    usage = Usage(prices=prices(tmp_path))
    with record(callbacks=[usage]):
        ScriptedChatModel("yes", model="cheap").invoke("a")
        assert (usage.total.cost, usage.total.unpriced, usage.total.is_whole) == (None, 1, False)
        ScriptedChatModel("yes").invoke("a")

    assert usage.total.cost == 1 + 10
    assert (usage.total.unpriced, usage.total.is_whole) == (1, False)


def test_a_call_that_does_not_say_its_tokens_is_a_gap():
    usage = Usage(prices="off")
    with record(callbacks=[usage]):
        FakeListChatModel(responses=["yes"]).invoke("a")
        with pytest.raises(LookupError):
            ScriptedChatModel(LookupError("no")).invoke("a")
        DeterministicFakeEmbedding(size=3).embed_query("a")
        next(ScriptedChatModel("one two three").stream("a"))

    assert (usage.total.calls, usage.total.uncounted, usage.total.unpriced) == (4, 4, 0)


def test_a_model_inside_a_model_counts_once():
    usage = Usage()
    with record(callbacks=[usage]):
        Around(inner=Around(inner=ScriptedChatModel("yes"))).invoke("a")

    assert (usage.total.calls, usage.total.tokens) == (1, 2)
    assert list(usage.snapshot().models) == ["scripted"]


def test_a_model_inside_a_model_that_is_not_heard_counts_outside():
    class OnlyOuter(Usage):
        names = "Around"

    with record(callbacks=[OnlyOuter()]) as recording:
        usage = OnlyOuter()
        with callspan.callbacks(usage):
            Around(inner=ScriptedChatModel("yes")).invoke("a")
        assert len(recording.spans) == 2

    assert (usage.total.calls, usage.total.tokens) == (1, 2)


@pytest.mark.parametrize("sampler", [None, ALWAYS_OFF])
def test_a_cached_answer_costs_nothing(tmp_path, sampler):
    usage = Usage(prices=prices(tmp_path))
    model = ScriptedChatModel("yes", cache=InMemoryCache())
    with record(callbacks=[usage], **({} if sampler is None else {"sampler": sampler})):
        model.invoke("a")
        cost = usage.total.cost
        model.invoke("a")

    assert (usage.total.calls, usage.total.cached, usage.total.cost) == (2, 1, cost)
    assert usage.total.is_whole


def test_a_call_that_is_not_made_is_none():
    def refuse(run: callspan.Run) -> None:
        raise callspan.Stop("no")

    usage, budget = Usage(), callspan.Budget(calls=3)
    with record(callbacks=[usage, budget, callspan.Listen(on_start=refuse, tags="refused")]):
        model = ScriptedChatModel("yes")
        with pytest.raises(callspan.Stop):
            model.invoke("a", {"tags": ["refused"]})
        model.invoke("a")

    assert (usage.total.calls, usage.total.is_whole, budget.left()["calls"]) == (1, False, 2)
    assert usage.total.unpriced == 1


def test_blocks_count_what_is_in_them():
    outer, inner = Usage(), Usage()
    with record():
        with callspan.callbacks(outer):
            agent().invoke(ASKED)
            with callspan.callbacks(inner):
                agent().invoke(ASKED)
        agent().invoke(ASKED)

    assert (outer.total.calls, inner.total.calls) == (2 * MODEL_CALLS, MODEL_CALLS)


def test_a_snapshot_stays_and_a_reset_loses_nothing():
    usage = Usage()
    with record(callbacks=[usage]):
        agent().invoke(ASKED)
        before = usage.snapshot()
        agent().invoke(ASKED)
        taken = usage.reset()
        assert (before.total.calls, taken.total.calls, usage.total.calls) == (MODEL_CALLS, 2 * MODEL_CALLS, 0)
        with pytest.raises(FrozenInstanceError):
            before.total.calls = 7  # type: ignore[misc]
        with pytest.raises(TypeError):
            before.models["x"] = before.total  # type: ignore[index]
        agent().invoke(ASKED)

    assert usage.total.calls == MODEL_CALLS


def test_what_is_kept_is_bounded_and_the_total_is_whole():
    usage = Usage(keep=3)
    with record(callbacks=[usage]):
        for number in range(10):
            with callspan.session(f"s{number}"):
                ScriptedChatModel("yes", model=f"m{number}").invoke("a")
    seen = usage.snapshot()

    assert list(seen.models) == ["m7", "m8", "m9"]
    assert list(seen.sessions) == ["s7", "s8", "s9"]
    assert (len(seen.roots), seen.total.calls) == (3, 10)


def test_batches():
    usage = Usage()
    with record(callbacks=[usage]):
        model = ScriptedChatModel(lambda messages: "one two")
        model.batch(["a"] * 20)
        asyncio.run((RunnableLambda(str) | model).abatch([1] * 20))

    assert (usage.total.calls, usage.total.output_tokens) == (40, 80)


def test_the_setting_has_the_prices_if_none_are_given(tmp_path):
    usage = Usage()
    with record(callbacks=[usage], prices=prices(tmp_path)):
        ScriptedChatModel("yes").invoke("a")

    assert usage.total.cost == 11


def test_other_instrumentations_calls_count_too(tmp_path):
    usage = Usage(prices=prices(tmp_path))
    asking = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "scripted"}
    with record() as recording, callspan.callbacks(usage):
        span = recording.tracer.start_span("chat", attributes=asking)
        span.set_attributes({"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 2})
        span.end()

    assert (usage.total.calls, usage.total.cost) == (1, 23)


def test_prices_by_genai_prices():
    pytest.importorskip("genai_prices", reason="needs the extra prices")
    usage = Usage(prices="builtin")
    with record(callbacks=[usage]):
        ScriptedChatModel("yes", model="gpt-5-mini").invoke("a")

    assert 0 < usage.total.cost < 0.001


@pytest.mark.parametrize("wrong", [{"prices": "/nowhere.json"}, {"keep": 0}])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=r"no prices|is not allowed"):
        Usage(**wrong)
