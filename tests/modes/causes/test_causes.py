"""Why a run was made: links, and attributes that say the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolCall
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from opentelemetry.trace import format_span_id

Fn = Callable[..., Any]
CAUSES = ("asked_by", "retry_of", "instead_of", "resumes")


def causes(recording: Any) -> list[str]:
    """Tell each cause as `span -> cause -> span`, and check that link and attribute say the same."""
    spans = sorted(recording.spans, key=lambda span: span.start_time)
    names = {span.context.span_id: f"{span.name}#{index}" for index, span in enumerate(spans)}
    told = []
    for span in spans:
        linked = [(link.attributes["langchain.link.cause"], link.context.span_id) for link in span.links]
        said = [(cause, span.attributes.get(f"langchain.{cause}")) for cause in CAUSES]
        assert [(cause, format_span_id(of)) for cause, of in linked] == [(c, of) for c, of in said if of is not None]
        told += [f"{names[span.context.span_id]} {cause} {names[of]}" for cause, of in linked]
    return told


def flaky(failures: int) -> Fn:
    """Make a function that fails so many times before it works."""
    left = [failures]

    def body(value: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise ConnectionError("not yet")
        return value

    return body


async def run(form: str, runnable: Any, given: Any, *args: Any) -> Any:
    return await runnable.ainvoke(given, *args) if form == "ainvoke" else runnable.invoke(given, *args)


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
async def test_a_retry_answers_to_the_failed_attempt(form, recording):
    """Each attempt of `with_retry` but the first is linked to the one before, and counted."""
    retrying = RunnableLambda(flaky(2), name="f").with_retry(wait_exponential_jitter=False, stop_after_attempt=3)
    assert await run(form, retrying, 1) == 1
    assert causes(recording) == ["chain f#2 retry_of chain f#1", "chain f#3 retry_of chain f#2"]
    attempts = [span.attributes.get("langchain.run.attempt") for span in recording.spans if span.name == "chain f"]
    assert attempts == [None, 2, 3]


@pytest.mark.parametrize("run_name", [None, "careful"])
@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
async def test_a_fallback_is_there_instead_of_what_failed(form, run_name, recording):
    """Whatever the fallbacks are called, each alternative is linked to the one that failed before it."""
    first, second = (RunnableLambda(flaky(1), name=name) for name in "ab")
    fallbacks = first.with_fallbacks([second, RunnableLambda(lambda x: x, name="c")])
    assert await run(form, fallbacks, 1, {"run_name": run_name} if run_name else {}) == 1
    numbered = [[word.rpartition("#")[2] for word in cause.split() if word != "chain"] for cause in causes(recording)]
    assert numbered == [["2", "instead_of", "1"], ["3", "instead_of", "2"]]  # LangChain hands the name on


class Model(GenericFakeChatModel):
    """Answers as scripted; an exception is raised."""

    named: str = "m"

    def _get_ls_params(self, *args: Any, **kwargs: Any) -> Any:
        return {"ls_provider": "fake", "ls_model_name": self.named, "ls_model_type": "chat"}

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        answer = next(self.messages)
        if isinstance(answer, Exception):
            raise answer
        self.messages = iter([answer])
        return super()._generate(*args, **kwargs)


def failing(name: str) -> Model:
    return Model(messages=iter([ConnectionError("no")]), named=name)


def working(name: str) -> Model:
    return Model(messages=iter([AIMessage("yes")]), named=name)


def attempts(*questions: tuple[Model, str]) -> Any:
    """Ask one after the other until an answer comes, as a careful program does."""

    def body(_: Any) -> str:
        for model, question in questions:
            try:
                return str(model.invoke(question).content)
            except ConnectionError:
                continue
        return "nobody"

    return RunnableLambda(body, name="ask")


def test_the_same_model_asked_the_same_again_is_a_retry(recording):
    assert attempts((failing("m"), "hi"), (working("m"), "hi")).invoke(0) == "yes"
    assert causes(recording) == ["chat m#2 retry_of chat m#1"]


def test_another_model_asked_the_same_is_there_instead(recording):
    assert attempts((failing("m"), "hi"), (working("n"), "hi")).invoke(0) == "yes"
    assert causes(recording) == ["chat n#2 instead_of chat m#1"]


def test_another_question_is_no_retry(recording):
    assert attempts((failing("m"), "hi"), (working("m"), "ho")).invoke(0) == "yes"
    assert causes(recording) == []


@tool
def look(what: str) -> str:
    """Look at it."""
    return what


def asking(*ids: str) -> Model:
    calls = [ToolCall(name="look", args={"what": id_}, id=id_) for id_ in ids]
    return Model(messages=iter([AIMessage("", tool_calls=calls)]))


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
async def test_a_tool_is_asked_for_by_the_chat_that_called_it(form, recording):
    """By the id of its call, also if two chats have asked; a call that nobody asked for has no cause."""

    async def body(_: Any) -> None:
        first = await run(form, asking("one", "two"), "hi")
        second = await run(form, asking("three"), "hi")
        for call in [*second.tool_calls, *first.tool_calls, ToolCall(name="look", args={"what": "x"}, id="four")]:
            await run(form, look, {**call, "type": "tool_call"})

    await RunnableLambda(body, name="f").ainvoke(0)
    assert causes(recording) == [
        "execute_tool look#3 asked_by chat m#2",
        "execute_tool look#4 asked_by chat m#1",
        "execute_tool look#5 asked_by chat m#1",
    ]


def test_the_same_call_in_another_trace_is_another_call(recording):
    """Scripted models use the same ids again and again: only what is in the trace, or the conversation, counts."""
    asking("one").invoke("hi")
    look.invoke({"name": "look", "args": {"what": "x"}, "id": "one", "type": "tool_call"})
    assert causes(recording) == []


def test_a_tool_that_is_called_again_is_a_retry(recording):
    """The same call under the same parent, as middleware does it, asked for by the same chat."""
    body = flaky(1)

    @tool
    def look(what: str) -> str:
        """Look at it."""
        return body(what)

    def agent(_: Any) -> None:
        (call,) = asking("one").invoke("hi").tool_calls
        with pytest.raises(ConnectionError):
            look.invoke({**call, "type": "tool_call"})
        look.invoke({**call, "type": "tool_call"})

    RunnableLambda(agent, name="f").invoke(0)
    assert causes(recording) == [
        "execute_tool look#2 asked_by chat m#1",
        "execute_tool look#3 asked_by chat m#1",
        "execute_tool look#3 retry_of execute_tool look#2",
    ]


def test_runs_that_are_over_are_no_causes_of_others(recording):
    """What failed under one parent has nothing to do with what starts under another."""
    for _ in range(2):
        with pytest.raises(ConnectionError):
            RunnableLambda(lambda _: failing("m").invoke("hi"), name="f").invoke(0)
    assert causes(recording) == []


def test_one_run_answers_to_a_failure_and_not_all_that_come_later(recording):
    asked = [(failing("m"), "hi"), (working("m"), "hi")]

    def body(_: Any) -> None:
        attempts(*asked).invoke(0)
        for _ in range(2):
            working("m").invoke("hi")

    RunnableLambda(body, name="f").invoke(0)
    assert causes(recording) == ["chat m#3 retry_of chat m#2"]


def test_the_branches_of_a_map_are_no_attempts(recording):
    """They are asked the same, and the next one begins after the first one failed."""
    branches = RunnableParallel(a=failing("m").with_fallbacks([]), b=working("m"))
    with pytest.raises(ConnectionError):
        branches.invoke("hi", {"max_concurrency": 1})
    assert causes(recording) == []


class Printing:
    """Complains when it is printed."""

    def __repr__(self) -> str:
        raise ValueError("printed")


def test_what_a_failed_model_was_asked_is_never_printed(recording):
    """Objects in a message are the user's, and so is what their `repr` does; the failure is told as ever."""
    question = HumanMessage([{"type": "x", "data": Printing()}])

    def body(_: Any) -> None:
        for model in (failing("m"), failing("m")):
            with pytest.raises(ConnectionError):
                model.invoke([question])

    RunnableLambda(body, name="f").invoke(0)
    assert causes(recording) == ["chat m#2 retry_of chat m#1"]
    assert [span.attributes.get("error.type") for span in recording.spans if span.name == "chat m"] == [
        "ConnectionError"
    ] * 2


@pytest.mark.may_log
def test_odd_tool_calls_cost_the_link_and_nothing_else(recording, monkeypatch):
    """What cannot be remembered is logged; the run ends as it did."""
    from callspan.core import state

    inforce = state.active()
    monkeypatch.setattr(state, "_current", replace(inforce, settings=replace(inforce.settings, strict=False)))
    odd = AIMessage("", response_metadata={"model_name": "m-1"})
    odd.tool_calls = [{"name": "look", "args": {}, "id": ["x"]}]  # type: ignore[list-item]
    Model(messages=iter([odd])).invoke("hi")
    assert recording.named("chat m").attributes["gen_ai.response.model"] == "m-1"


@pytest.mark.parametrize("recording", [{"detail": "steps"}], indirect=True)
def test_a_hidden_failure_is_told_by_what_failed_inside_it(recording):
    """Never by the span around, which hidden runs stand for."""
    broken = RunnableLambda(lambda x: x) | failing("m")
    fallbacks = broken.with_fallbacks([working("n")])
    RunnableLambda(fallbacks.invoke, name="root").invoke("hi")
    assert causes(recording) == ["chat n#2 instead_of chat m#1"]
