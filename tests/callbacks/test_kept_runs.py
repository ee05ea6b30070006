"""What a `Run` says after its end, to whoever keeps it, and what it holds."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManager
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from tests.callbacks.stoppable import ALL, PLAIN, Body, Case
from tests.modes.models.chat_models import ANSWER, ChatNative
from tests.modes.retrievers.embedders import DOCUMENT, Embedder, Retriever

import callspan
from callspan import Run, TokenCounts
from callspan.core.registry import RunOwner
from callspan.core.wrappers import Frame
from callspan.testing import Recording, open_runs, record

Fn = Callable[..., Any]


class Keeps(callspan.Callback):
    """Keeps every run that it hears."""

    def __init__(self) -> None:
        self.runs: list[Run] = []

    def on_run_start(self, run: Run) -> None:
        self.runs.append(run)


def kept(call: Fn) -> list[Run]:
    """Give the runs of a call, after it has ended."""
    keeps = Keeps()
    with callspan.callbacks(keeps), suppress(ValueError):
        call()
    return keeps.runs


@pytest.mark.parametrize("form", ["invoke", "stream"])
def test_what_a_models_run_says_after_its_end(form: str, recording: Recording) -> None:
    """LangChain's own objects, the counts and the times."""
    asked = HumanMessage("hello")
    before = datetime.now(UTC)
    [run] = kept(lambda: list(getattr(ChatNative(model="m"), form)([asked])))
    assert run.kind == "llm"
    assert run.operation == "chat"
    assert (run.name, run.model, run.outcome, run.error) == ("ChatNative", "m", "ok", None)
    assert run.provider is None or isinstance(run.provider, str)
    assert [message.content for message in run.messages] == ["hello"]
    assert run.message.content == ANSWER
    assert run.outputs.generations[0][0].message is run.message
    assert run.usage == TokenCounts(input_tokens=3, output_tokens=2)
    assert before <= run.started_at <= datetime.now(UTC)
    assert run.duration is not None
    assert run.duration >= 0
    if form == "stream":
        assert run.time_to_first_token is not None
        assert 0 <= run.time_to_first_token <= run.duration
    else:
        assert run.time_to_first_token is None
    assert run.parent is None
    assert run.root is run
    assert run.span.get_span_context() == recording.spans[0].get_span_context()
    assert repr(run) == "<Run llm 'ChatNative' ok>"


@pytest.mark.parametrize(
    ("call", "inputs", "outputs"),
    [
        (lambda: Retriever(body=str).invoke("q"), "q", [DOCUMENT]),
        (lambda: RunnableLambda(str).invoke(1), 1, "1"),
        (lambda: PLAIN_TOOL.call(Body()), "{'x': 1}", "done"),
    ],
)
def test_what_other_runs_say_after_their_end(call: Fn, inputs: Any, outputs: Any, recording: Recording) -> None:
    """The input and the result; no messages and no counts."""
    [run] = kept(call)
    assert (run.inputs, run.outputs) == (inputs, outputs)
    assert (run.message, list(run.messages), run.usage) == (None, [], TokenCounts())
    assert run.model is None


PLAIN_TOOL = next(case for case in PLAIN if case.name == "tool.invoke")


def test_what_a_failed_run_says(recording: Recording) -> None:
    """The exception that the caller got; no result."""
    failure = ValueError("broken")
    [run] = kept(lambda: ChatNative(body=Body(failure)).invoke("hello"))
    assert run.outcome == "error"
    assert run.error is failure
    assert run.message is None
    assert run.usage == TokenCounts()
    assert run.duration is not None


def test_an_embedders_run(recording: Recording) -> None:
    """It says its model."""
    [run] = kept(lambda: Embedder(str).embed_query("q"))
    assert (run.kind, run.operation, run.model) == ("embedding", "embeddings", "e")


def test_the_runs_around(recording: Recording) -> None:
    """A run knows its parent and its root as long as they live, and keeps neither."""
    runs = kept(lambda: (RunnableLambda(str, name="f") | RunnableLambda(len, name="g")).invoke(1))
    sequence, f, g = runs
    assert [f.parent, g.parent, f.root, g.root, sequence.parent] == [sequence, sequence, sequence, sequence, None]
    gone = weakref.ref(sequence)
    del sequence, runs[0]
    gc.collect()
    assert gone() is None
    assert f.parent is None
    assert f.root is f


def test_the_state_of_a_callback(recording: Recording) -> None:
    """`run.state` is one dict for each run, in which each callback has a place of its own."""

    class Counts(callspan.Callback):
        def on_run_start(self, run: Run) -> None:
            run.state[self] = len(run.state)

        def on_run_end(self, run: Run) -> None:
            run.state[self] += 10

    first, second, keeps = Counts(), Counts(), Keeps()
    with callspan.callbacks(first, second, keeps):
        asyncio.run(ChatNative().abatch(["a", "b"]))
    assert [[run.state[one] for one in (first, second)] for run in keeps.runs] == [[10, 11], [10, 11]]


def test_a_list_of_runs_keeps_none_of_them_open(recording: Recording) -> None:
    """What is abandoned ends, though the user keeps the run."""
    keeps = Keeps()
    with callspan.callbacks(keeps):
        manager = CallbackManager.configure().on_chain_start({"name": "lost"}, {})
        stream = ChatNative().stream("hello")
        next(stream)
    assert len(open_runs()) == 2
    del manager, stream
    assert open_runs() == []
    assert [run.outcome for run in keeps.runs] == ["abandoned", "closed"]


OURS = (Run, RunOwner, Frame)

FEW = [case for case in ALL if case.name in (
    "chat.invoke", "chat.ainvoke", "chat.astream", "completion.agenerate", "tool.ainvoke", "retriever.invoke",
    "embedder native.aembed_query", "lambda.abatch", "generator.stream", "graph.stream", "graph.ainvoke",
    "agent, its tool.invoke", "workflow.block", "workflow.async_generator",
)]  # fmt: skip


@pytest.mark.parametrize("case", FEW, ids=str)
def test_a_kept_run_holds_nothing_of_the_call(case: Case, recording: Recording) -> None:
    """Neither a context nor a lease nor a frame; so a list of runs grows by runs alone."""
    case.call(Body())
    gc.collect()
    before = {id(one) for one in gc.get_objects() if isinstance(one, OURS)}
    runs = kept(lambda: case.call(Body()))
    gc.collect()
    mine = {id(run) for run in runs}
    left = [one for one in gc.get_objects() if isinstance(one, OURS) and id(one) not in before | mine]
    assert left == []
    assert runs
    assert {(run.context, run.outside, run.answer, run.subject, run.arguments) for run in runs} == {(None,) * 5}


@pytest.mark.parametrize("failure", [None, ValueError("broken")], ids=["ok", "error"])
def test_a_run_that_nobody_hears_holds_nothing_after_its_end(failure: Any, recording: Recording) -> None:
    """It may live as long as a context that a task keeps; the objects of the call do not."""
    runs: list[Any] = []

    def f(value: Any) -> Any:
        runs.append(callspan.current_run())
        if failure is not None:
            raise failure
        return AIMessage("hi")

    with suppress(ValueError):
        RunnableLambda(f).invoke(HumanMessage("hello"))
    [run] = runs
    held = (run.inputs, run.outputs, run.error, run.context, run.answer, run.failures, run.subject, run.notes)
    assert held == (None,) * len(held)
    assert (dict(run.extra), dict(run.serialized)) == ({}, {})
    assert run.outcome == ("ok" if failure is None else "error")


def test_a_thousand_heard_runs_leave_no_growth() -> None:
    """The number of objects does not grow with the number of calls, whoever hears them."""
    heard: list[str] = []

    class Counts(callspan.Callback):
        def on_run_start(self, run: Run) -> None:
            run.state[self] = run

        def on_run_end(self, run: Run) -> None:
            heard.append(run.kind)

        async def on_llm_end(self, run: Run) -> None: ...

    def count() -> int:
        asyncio.run(main())
        recording.clear()
        gc.collect()
        return len(gc.get_objects())

    chain = RunnableLambda(str) | ChatNative()

    async def main() -> None:
        for _ in range(30):
            await chain.ainvoke(1)
            async for _ in chain.astream(1):
                pass

    with record(callbacks=[Counts()]) as recording:
        for _ in range(3):
            count()
        first = count()
        for _ in range(2):
            last = count()
    assert len(heard) >= 1_000
    assert last - first < 60  # sixty calls of three runs: one object for each would be 180


BAD: list[Any] = [
    object(),
    None,
    {"a": 1},
    {1, 2},
    10**30,
    float("nan"),
    "\ud800",
    ["a", 1, None],
    [[1]],
    b"x",
    lambda: 1,
]


@pytest.mark.parametrize("value", BAD, ids=lambda value: type(value).__name__)
def test_values_that_no_attribute_can_hold(value: Any, recording: Recording) -> None:
    """They are left out, or what of them can be held is written; nothing is raised or logged."""

    class Writes(callspan.Callback):
        def on_run_end(self, run: Run) -> None:
            run.set_attribute("bad", value)
            run.set_attribute(value, "bad")
            run.add_event("happened", {"bad": value, "good": 1})
            run.add_event(value, {"good": 1})
            run.add_event("odd", value)

    keeps = Keeps()
    with callspan.callbacks(Writes(), keeps):
        ChatNative().invoke("hello")
        [run] = keeps.runs
    run.set_attribute("late", 1)
    run.add_event("late")
    [span] = recording.spans
    assert "late" not in (span.attributes or {})
    first, second, third = span.events
    assert [dict(event.attributes or {}).get("good") for event in (first, second)] == [1, 1]
    assert (first.name, third.name) == ("happened", "odd")
    for text in (*(span.attributes or {}), *(event.name for event in span.events)):
        text.encode()
