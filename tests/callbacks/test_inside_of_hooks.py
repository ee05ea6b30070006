"""What a hook may do and be: run chains itself, set context variables, be reached in a loop, be equal to another."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

import pytest
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from opentelemetry.instrumentation.utils import suppress_instrumentation
from tests.callbacks.forms import FORMS, in_form
from tests.callbacks.recorder import Awaited, Recorder
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ChatNative

import callspan
from callspan.core import state
from callspan.testing import open_runs, record

Fn = Callable[..., Any]

inner: Any = RunnableLambda(lambda value: value, name="inner")

said: ContextVar[str] = ContextVar("said", default="nothing")


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("event", ["start", "end"])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_hook_that_runs_a_chain(asynchronous: bool, event: str, form: str) -> None:
    """What a hook runs hangs under the run that it hears, at its end too."""

    def hook(self: Any, run: callspan.Run) -> None:
        inner.invoke("x")

    async def ahook(self: Any, run: callspan.Run) -> None:
        await inner.ainvoke("x")

    hooks = {f"on_llm_{event}": ahook if asynchronous else hook}
    running = type("Running", (callspan.Callback,), hooks)()
    recorder = Recorder(names="inner")
    with record(callbacks=[running, recorder]) as recording:
        state.first_time("async hook")
        in_form(form, ChatNative(), "hello")
        assert recording.tree() == "chat m\n  chain inner\n"
    assert [run.parent_ref is not None for _, run, _ in recorder.told] == [True] * 4
    assert recorder.without("chain_start", "chain_end") == ["run_start inner", "run_end inner"]


@pytest.mark.parametrize(("form", "asynchronous"), [("invoke", False), ("ainvoke", False), ("ainvoke", True)])
def test_what_a_start_hook_sets_is_there_in_the_body(asynchronous: bool, form: str) -> None:
    """A hook of the start runs in the caller's own context: the body sees the variables that it sets."""

    async def on_start(run: callspan.Run) -> None:
        said.set(run.name)

    listening = callspan.Listen(on_start=on_start if asynchronous else lambda run: said.set(run.name) and None)
    seen: list[str] = []

    async def body(value: Any) -> None:
        seen.append(said.get())

    def main() -> None:
        call(form, RunnableLambda(lambda value: seen.append(said.get()), body, name="f"), "x")

    with record(callbacks=[listening]):
        copy_context().run(main)
    assert seen == ["f"]


@pytest.mark.parametrize("form", ["invoke", "stream", "batch", "graph"])
async def test_a_sync_call_inside_a_loop(form: str) -> None:
    """Where a loop runs in the caller's thread, coroutines are run to their end in another one, inside their run."""
    recorder = Awaited()
    with record(callbacks=[recorder]):
        state.first_time("async hook")
        in_form(form, inner, "x")
    assert [line for line in recorder.heard if line.split()[1] == "inner"] == [
        "run_start inner", "chain_start inner", "chain_end inner", "run_end inner",
    ]  # fmt: skip


def test_a_sync_call_in_a_task_of_an_async_graph() -> None:
    """Between coroutines and plain calls each is heard in its place."""
    recorder = Awaited()

    async def f(value: Any) -> Any:
        inner.invoke(value)
        return await inner.ainvoke(value)

    with record(callbacks=[recorder]):
        state.first_time("async hook")
        asyncio.run(RunnableLambda(f).ainvoke("x"))
    assert recorder.without("chain_start", "chain_end") == [
        *("run_start f", "run_start inner", "run_end inner", "run_start inner", "run_end inner", "run_end f"),
    ]


@dataclass
class Budget(callspan.Callback):
    """Equal to others by value, and so not hashable."""

    limit: int = 0
    heard: list[str] = field(default_factory=list, compare=False)

    def on_run_start(self, run: callspan.Run) -> None:
        self.heard.append(run.name)


def test_callbacks_that_are_equal() -> None:
    """Two that are equal are two, by every door that is callspan's."""
    one, two, three, four = (Budget() for _ in range(4))
    with record(callbacks=[one, two]), callspan.callbacks(three, four):
        undo = callspan.add_callback(four)
        inner.invoke("x")
        undo()
        inner.invoke("x")
    assert [each.heard for each in (one, two, three, four)] == [["inner", "inner"]] * 4


def test_undo_takes_away_what_it_added() -> None:
    """Of one that was added twice the first undo leaves one, and a second call of it does nothing."""
    recorder = Recorder()
    with record():
        first, second = callspan.add_callback(recorder), callspan.add_callback(recorder)
        first()
        first()
        inner.invoke("x")
        second()
        inner.invoke("x")
    assert len(recorder.only("run_start")) == 1


class SpansToo(Recorder):  # type: ignore[misc, valid-type]
    """Hears runs, and spans as a span processor does."""

    def __init__(self, **selection: Any) -> None:
        super().__init__(**selection)
        self.spans: list[str] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        super().on_start(span, parent_context)
        self.spans.append(f"start {span.name}")

    def on_end(self, span: Any) -> None:
        super().on_end(span)
        self.spans.append(f"end {span.name}")


@pytest.mark.parametrize("doors", ["process", "provider", "block", "call", "all"])
def test_a_callback_that_is_told_of_spans_too(doors: str) -> None:
    """It is told once of each span of its scope, a run's own among them, by whatever doors."""
    callback = SpansToo()

    def program(recording: Any, config: Any) -> None:
        with recording.tracer.start_as_current_span("mine"):
            inner.invoke("x", config)

    everywhere = doors == "all"
    with record(callbacks=[callback] * (everywhere or doors == "process")) as recording:
        if everywhere or doors == "provider":
            recording.provider.add_span_processor(callback)
        with callspan.callbacks(*[callback] * (everywhere or doors == "block")):
            program(recording, {"callbacks": [callback] * (everywhere or doors == "call")})
    runs = ["start invoke_workflow inner", "end invoke_workflow inner"]
    assert callback.spans == (runs if doors == "call" else ["start mine", *runs, "end mine"])
    assert callback.without("chain_start", "chain_end") == ["run_start inner", "run_end inner"]


@pytest.mark.parametrize("form", FORMS)
def test_suppressed(form: str) -> None:
    """Where the program asked for no instrumentation nobody hears."""
    recorder = Recorder()
    with record(callbacks=[recorder]) as recording, suppress_instrumentation():
        in_form(form, inner | ChatNative(), "hello", {"callbacks": [recorder]})
    assert (recorder.heard, recording.spans) == ([], [])


@pytest.mark.filterwarnings("ignore:astream_events version='v1'", "ignore:astream_log is deprecated")
@pytest.mark.parametrize("form", ["astream_events v1", "astream_events v2", "astream_log"])
def test_streams_of_events(form: str) -> None:
    """Under LangChain's own streams of events each run and each token is heard once."""
    recorder = Recorder()
    with record(callbacks=[recorder]):
        call(form, inner | ChatNative(), "hello", {"callbacks": [recorder]})
    assert [token for token, _ in recorder.payloads("on_llm_new_token") if token] == ["one ", "two ", "three"]
    ends = ["run_end inner", "run_end ChatNative", "run_end RunnableSequence"]
    assert recorder.only("run_start") == ["run_start RunnableSequence", "run_start inner", "run_start ChatNative"]
    assert sorted(recorder.only("run_end")) == sorted(ends)


def test_uninstrumented_in_mid_stream() -> None:
    """What is open when callspan is switched off is heard as abandoned, once; the stream goes on."""
    recorder = Recorder()

    def letters(chunks: Any) -> Any:
        for chunk in chunks:
            yield from chunk

    with record(callbacks=[recorder]):
        stream = RunnableGenerator(letters).stream("xyz")
        next(stream)
    assert list(stream) == ["y", "z"]
    assert [line.rpartition(" ")[2] for line in recorder.only("run_end", "run_error")] == ["~abandoned"]


def test_nothing_holds_what_a_callback_does_not_keep() -> None:
    """A callback that has gone and the runs that it heard are let go of without the garbage collector."""
    runs: list[Any] = []
    callback = callspan.Listen(on_end=lambda run: runs.append(weakref.ref(run)))
    gone = weakref.ref(callback)
    gc.disable()
    try:
        with record():
            with callspan.callbacks(callback):
                (inner | ChatNative()).invoke("hello")
            inner.invoke("x", {"callbacks": [callback]})
            del callback
            assert gone() is None
            assert [ref() for ref in runs] == [None] * 4
    finally:
        gc.enable()


def test_a_run_that_is_kept() -> None:
    """Who keeps a run keeps it readable, and keeps none open that was abandoned."""
    recorder = Recorder()
    with record(callbacks=[recorder]):
        stream = ChatNative().stream("hello")
        next(stream)
        del stream
        gc.collect()
        assert open_runs() == []
        ChatNative().invoke("hello")
    run = recorder.told[-1][1]
    assert (run.message.content, run.name, run.messages[0].content) == ("one two three", "ChatNative", "hello")
