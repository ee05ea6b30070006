"""An exception of a hook that is no stop changes nothing but the log."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor
from tests.callbacks.hearing import Notes, Witness, stopper
from tests.callbacks.stoppable import ALL, PLAIN, Body, Case

import callspan
from callspan.testing import Recording, record

pytestmark = pytest.mark.may_log

COLOURS = pytest.mark.parametrize("asynchronous", [False, True], ids=["def", "async def"])

FEW = [case for case in ALL if case.name in (
    "chat.invoke", "chat.ainvoke", "chat.astream", "tool.invoke", "retriever.ainvoke", "embedder.embed_query",
    "lambda.invoke", "graph.stream", "graph.ainvoke", "workflow.block", "workflow.coroutine",
)]  # fmt: skip

CHAT = PLAIN[0]


def log(caplog: Any) -> list[str]:
    """Give what callspan logged, without what it says of asynchronous hooks in synchronous calls."""
    mine = [entry.getMessage() for entry in caplog.records if entry.name == "callspan"]
    return [line for line in mine if not line.startswith("an async hook")]


@COLOURS
@pytest.mark.parametrize("event", ["start", "end", "error"])
@pytest.mark.parametrize("case", FEW, ids=str)
def test_the_call_goes_on(case: Case, event: str, asynchronous: bool, caplog: Any) -> None:
    """The result, or the exception, is what it is without callbacks; the others hear all; the log says it once."""
    failure = ValueError("broken") if event == "error" else None
    notes = Notes()
    accident = stopper(f"on_{case.kind}_{event}", KeyError("oops"), notes, asynchronous=asynchronous)
    trees = []
    for callbacks in [], [Witness("first", notes), accident, Witness("last", notes)]:
        with record(callbacks=callbacks) as recording:
            for _ in range(2):
                came_out(case, failure)
            trees.append(recording.tree())
    assert trees[0] == trees[1]
    end = "end" if failure is None else "error"
    for run in notes.runs:
        for name in ("first", "stopper", "last"):
            assert [line for line in notes.of(run) if line.startswith(name)] == [f"{name} start", f"{name} {end}"]
    assert log(caplog) == [f"Stopper.on_{case.kind}_{event} failed; the call goes on"]


def came_out(case: Case, failure: Exception | None) -> None:
    """Make a call, whose caller gets what its body raises."""
    with nullcontext() if failure is None else pytest.raises(ValueError, match="broken") as raised:
        case.call(Body(failure))
    if failure is not None:
        assert raised.value is failure


class Sometimes(callspan.Callback):
    """Fails when it is told to."""

    def __init__(self) -> None:
        self.fails, self.heard = True, 0

    def on_llm_end(self, run: callspan.Run) -> None:
        self.heard += 1
        if self.fails:
            raise KeyError("oops")


class SometimesAsync(Sometimes):
    """Likewise, asynchronously."""

    async def on_llm_end(self, run: callspan.Run) -> None:
        super().on_llm_end(run)


@pytest.mark.parametrize("cls", [Sometimes, SometimesAsync])
def test_who_fails_five_times_in_a_row_is_dropped(cls: type[Sometimes], recording: Recording, caplog: Any) -> None:
    """It is said once, and the callback hears nothing more; the others do."""
    notes, callback = Notes(), cls()
    with callspan.callbacks(callback, Witness("last", notes)):
        for _ in range(7):
            CHAT.call(Body())
    assert callback.heard == 5
    assert [line for _, line in notes.lines] == ["last start", "last end"] * 7
    assert log(caplog) == [
        f"{cls.__name__}.on_llm_end failed; the call goes on",
        f"{cls.__name__} is dropped: it failed 5 times in a row",
    ]


@pytest.mark.parametrize("cls", [Sometimes, SometimesAsync])
def test_a_success_resets_the_count(cls: type[Sometimes], recording: Recording) -> None:
    """Only failures in a row count."""
    callback = cls()
    with callspan.callbacks(callback):
        for fails in [True] * 4 + [False] + [True] * 4 + [False]:
            callback.fails = fails
            CHAT.call(Body())
    assert callback.heard == 10


def test_a_stop_is_no_failure(recording: Recording) -> None:
    """A callback that stops every call is never dropped."""
    budget = stopper("on_llm_start", callspan.Stop("enough"), Notes(), asynchronous=False)
    with callspan.callbacks(budget):
        for _ in range(7):
            with pytest.raises(callspan.Stop):
                CHAT.call(Body())


def test_a_stop_that_comes_too_late_is_no_failure(recording: Recording, caplog: Any) -> None:
    """A callback that cannot stop what has ended is never dropped."""
    notes = Notes()
    guard = stopper("on_llm_end", callspan.Stop("enough"), notes, asynchronous=False)
    from tests.modes.models.chat_models import ChatNative

    with callspan.callbacks(guard):
        for _ in range(7):
            stream = ChatNative().stream("hello")
            next(stream)
            stream.close()
    assert [line for _, line in notes.lines].count("stopper start") == 7
    assert log(caplog) == ["Stopper.on_llm_end cannot stop a run that has ended: closed"]


class Choosy(Witness):
    """Fails when it is asked what it wants."""

    def wants(self, run: callspan.Run) -> bool:
        raise KeyError("oops")


def test_who_fails_when_it_is_asked_hears_nothing(recording: Recording, caplog: Any) -> None:
    """An exception of `wants` is isolated as a hook's is, and counts."""
    notes = Notes()
    with callspan.callbacks(Choosy("choosy", notes), Witness("last", notes)):
        for _ in range(7):
            CHAT.call(Body())
    assert {line for _, line in notes.lines} == {"last start", "last end"}
    assert log(caplog) == ["Choosy.wants failed; the call goes on", "Choosy is dropped: it failed 5 times in a row"]


class Broken(callspan.Callback):
    """Its overrides of OpenTelemetry's own methods fail."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise KeyError("start")

    def on_end(self, span: Any) -> None:
        raise KeyError("end")


@pytest.mark.parametrize("door", ["process", "provider", "block"])
def test_overrides_of_opentelemetrys_own_methods(door: str, caplog: Any) -> None:
    """Neither a run's span nor one of the program's own is broken by them, through whichever door they come."""
    with record(callbacks=[Broken()] if door == "process" else []) as recording:
        if door == "provider":
            recording.provider.add_span_processor(Broken())
        with callspan.callbacks(*[Broken()] if door == "block" else []), recording.tracer.start_as_current_span("mine"):
            CHAT.call(Body())
        assert recording.tree() == "mine\n  chat m\n"
    assert sorted(log(caplog)) == [f"Broken.{name} failed; the call goes on" for name in ("on_end", "on_start")]


class Foreign(SpanProcessor):
    """A processor of somebody else's that fails.

    Args:
        method: Where it fails.
    """

    def __init__(self, method: str) -> None:
        self.method = method

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if self.method == "on_start" and span.name not in ("mine", "child"):
            raise KeyError("start")

    def on_end(self, span: Any) -> None:
        if self.method == "on_end" and span.name not in ("mine", "child"):
            raise KeyError("end")


@pytest.mark.parametrize("method", ["on_start", "on_end"])
@pytest.mark.parametrize("case", FEW, ids=str)
def test_a_foreign_processor_that_fails(case: Case, method: str) -> None:
    """The call goes on, its children hang under our parent, and callbacks still hear it."""
    notes = Notes()
    with record(callbacks=[Witness("a", notes)]) as recording:
        recording.provider.add_span_processor(Foreign(method))
        with recording.tracer.start_as_current_span("mine") as mine:

            def body() -> None:
                with recording.tracer.start_as_current_span("child"):
                    pass

            case.call(_Calling(body))
        children = [span for span in recording.spans if span.name == "child"]
    assert children
    assert {span.context.trace_id for span in children} == {mine.get_span_context().trace_id}
    if method == "on_start":
        assert {span.parent.span_id for span in children} == {mine.get_span_context().span_id}
    assert notes.runs
    for run in notes.runs:
        assert notes.of(run) == ["a start", "a end"]


class _Calling(Body):
    """A body that calls a function of the test's."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def __call__(self, *args: Any) -> Any:
        self.function()
        return super().__call__(*args)


def test_plain_processors_in_a_block_that_fail(recording: Recording, caplog: Any) -> None:
    """One that callspan was given is isolated as a callback is."""
    caplog.set_level(logging.WARNING)
    with callspan.callbacks(Foreign("on_start"), Foreign("on_end")):
        CHAT.call(Body())
    assert recording.tree() == "chat m\n"
    assert log(caplog) == ["Forward.on_start failed; the call goes on", "Forward.on_end failed; the call goes on"]
