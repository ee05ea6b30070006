"""In which order callbacks hear, and where in the life of a span."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import time_ns
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.trace import get_current_span
from tests.callbacks.hearing import Notes, Witness
from tests.callbacks.stoppable import ALL, Body, Case
from tests.modes.models.chat_models import ChatNative

import callspan
from callspan.testing import Recording, record

FEW = [case for case in ALL if case.name in (
    "chat.invoke", "chat.ainvoke", "chat.stream", "chat.astream", "completion.ainvoke", "tool.invoke", "tool.ainvoke",
    "retriever.invoke", "retriever native.ainvoke", "embedder.embed_query", "embedder native.aembed_query",
    "lambda.invoke", "lambda.ainvoke", "graph.stream", "graph.astream", "workflow.block", "workflow.async_generator",
)]  # fmt: skip


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_the_doors_in_their_order(form: str) -> None:
    """Process, OpenTelemetry's door, blocks from outside in, the object, the call: at the start as at the end."""
    notes = Notes()

    def witness(name: str) -> Witness:
        return Witness(name, notes)

    model = ChatNative(callbacks=[witness("object")])
    config: Any = {"callbacks": [witness("call")]}
    with record(callbacks=[witness("process 1"), witness("process 2")]) as recording:
        undo = callspan.add_callback(witness("process 3"))
        recording.provider.add_span_processor(witness("provider"))
        with callspan.callbacks(witness("outer")), callspan.callbacks(witness("inner 1"), witness("inner 2")):
            if form == "invoke":
                model.invoke("hello", config)
            else:
                asyncio.run(model.ainvoke("hello", config))
        undo()
    names = ["process 1", "process 2", "process 3", "provider", "outer", "inner 1", "inner 2", "call", "object"]
    assert [line for _, line in notes.lines] == [f"{name} {event}" for event in ("start", "end") for name in names]


def test_the_hook_of_every_kind_and_that_of_one(recording: Recording) -> None:
    """`on_run_start` comes before the kind's own start, and `on_run_end` after its end: for each callback in turn."""
    heard: list[str] = []

    def hearing(name: str) -> callspan.Callback:
        hooks = ("on_run_start", "on_llm_start", "on_llm_end", "on_run_end")
        cls = type("Hearing", (callspan.Callback,), {
            hook: lambda self, run, hook=hook: heard.append(f"{name} {hook}") for hook in hooks
        })  # fmt: skip
        made: callspan.Callback = cls()
        return made

    with callspan.callbacks(hearing("a"), hearing("b")):
        ChatNative().invoke("hello")
    assert heard == [
        *("a on_run_start", "a on_llm_start", "b on_run_start", "b on_llm_start"),
        *("a on_llm_end", "a on_run_end", "b on_llm_end", "b on_run_end"),
    ]


class Spans(callspan.Callback):
    """Notes what the span is like when it is told of the start and of the end, and when that was."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.starts: list[tuple[callspan.Run, Any, int, int]] = []
        self.ends: list[tuple[callspan.Run, bool, int]] = []

    def _start(self, run: callspan.Run) -> None:
        assert get_current_span() is run.span
        assert callspan.current_run() is run
        assert run.duration is None
        self.starts.append((run, dict(run.span.attributes), self.body.calls, time_ns()))

    def _end(self, run: callspan.Run) -> None:
        assert get_current_span() is run.span
        assert run.duration is not None
        run.set_attribute("mine", 1)
        self.ends.append((run, run.span.is_recording(), time_ns()))

    def on_run_start(self, run: callspan.Run) -> Any:
        self._start(run)

    def on_run_end(self, run: callspan.Run) -> Any:
        self._end(run)


class SpansAsync(Spans):
    """Likewise, after it has let the event loop go round."""

    async def on_run_start(self, run: callspan.Run) -> None:
        await asyncio.sleep(0)
        self._start(run)

    async def on_run_end(self, run: callspan.Run) -> None:
        await asyncio.sleep(0)
        self._end(run)


@pytest.mark.may_log  # of asynchronous hooks in synchronous calls
@pytest.mark.parametrize("cls", [Spans, SpansAsync])
@pytest.mark.parametrize("case", FEW, ids=str)
def test_where_in_the_life_of_a_span(case: Case, cls: type[Spans]) -> None:
    """A start hook finds the span current and said, its body not begun; an end hook writes on it, and takes no time."""
    body = Body()
    spans = cls(body)
    with record(callbacks=[spans]) as recording:
        case.call(body)
        by_id = {span.context.span_id: span for span in recording.spans}
    assert body.calls
    assert len(spans.starts) == len(spans.ends) == len(by_id)
    for run, said, calls, at in spans.starts:
        span = by_id[run.span.get_span_context().span_id]
        assert calls == 0
        assert said["langchain.run.id"] == str(run.id)
        assert said.items() <= dict(span.attributes or {}).items()
        assert span.start_time <= at <= span.end_time  # the time of a start hook is the run's
    for run, was_recording, at in spans.ends:
        span = by_id[run.span.get_span_context().span_id]
        assert was_recording
        assert (span.attributes or {})["mine"] == 1
        assert run.ended_at == span.end_time <= at  # that of an end hook is not


def test_a_run_inside_a_hook_of_the_start(recording: Recording, tree: Callable[..., str]) -> None:
    """What a hook calls nests under the run that it hears."""

    class Asks(callspan.Callback):
        kinds = ("llm",)

        def on_run_start(self, run: callspan.Run) -> None:
            RunnableLambda(str, name="before").invoke(1)

        def on_run_end(self, run: callspan.Run) -> None:
            RunnableLambda(str, name="after").invoke(1)

    with callspan.callbacks(Asks()):
        ChatNative().invoke("hello")
        asyncio.run(ChatNative().ainvoke("hello"))
    assert tree() == "chat m\n  chain before\n  chain after\n" * 2
