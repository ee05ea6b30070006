"""Runs that have no recorded span: callspan's own doors hear them, OpenTelemetry's does not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import NoOpTracerProvider
from tests.callbacks.recorder import Recorder, started
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ChatNative

import callspan
from callspan.testing import record

Fn = Callable[..., Any]

inner: Any = RunnableLambda(lambda value: value, name="inner")

DOORS = ("process", "add_callback", "block", "call", "object")


def by(door: str, recorder: Any, call_it: Callable[[Any], Any]) -> None:
    """Let the callback in by a door, and call with the config for it."""
    undo: Fn = lambda: None  # noqa: E731
    around: AbstractContextManager[Any] = nullcontext()
    config: dict[str, Any] = {}
    if door in ("process", "add_callback"):
        undo = callspan.add_callback(recorder)
    elif door == "block":
        around = callspan.callbacks(recorder)
    else:
        config["callbacks"] = [recorder]
    with around:
        call_it(config)
    undo()


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("door", DOORS)
class TestOwnDoors:
    """They hear all, inside of whatever span there is."""

    def test_sampled_out(self, door: str, form: str) -> None:
        recorder = Recorder(is_recorded=False)
        with record(sampler=ALWAYS_OFF) as recording:
            by(door, recorder, lambda config: call(form, inner | ChatNative(), "hello", config))
        assert recording.spans == []
        assert started(recorder) == ["RunnableSequence", "inner", "ChatNative"]
        assert recorder.told[-1][1].usage.input_tokens is None  # of the sequence
        assert next(run for _, run, _ in recorder.told if run.kind == "llm").usage.input_tokens == 3

    def test_no_sdk(self, door: str, form: str) -> None:
        recorder = Recorder(is_recorded=False)
        callspan.instrument(tracer_provider=NoOpTracerProvider())
        try:
            by(door, recorder, lambda config: call(form, inner | ChatNative(), "hello", config))
        finally:
            callspan.uninstrument()
        assert started(recorder) == ["RunnableSequence", "inner", "ChatNative"]

    def test_hidden_by_detail(self, door: str, form: str) -> None:
        """A run that has no span of its own is heard with a span that does not record."""
        recorder = Recorder(is_recorded=False)
        recorder.names = "inner"
        with record(detail="calls") as recording:
            by(door, recorder, lambda config: call(form, inner | ChatNative(), "hello", config))
        assert recording.tree() == "invoke_workflow\n  chat m\n"
        assert started(recorder) == ["inner"]

    def test_hidden_by_tag(self, door: str, form: str) -> None:
        recorder = Recorder(is_recorded=False)
        recorder.tags = "langsmith:hidden"
        hidden = inner.with_config(tags=["langsmith:hidden"])
        with record() as recording:
            by(door, recorder, lambda config: call(form, hidden | ChatNative(), "hello", config))
        assert recording.tree() == "invoke_workflow\n  chat m\n"
        assert started(recorder) == ["inner"]


@pytest.mark.parametrize(
    ("options", "heard"),
    [
        ({"sampler": ALWAYS_OFF}, []),
        ({"detail": "calls"}, ["RunnableSequence", "ChatNative"]),
        ({}, ["RunnableSequence", "ChatNative"]),
    ],
    ids=["sampled out", "hidden by detail", "hidden by tag"],
)
def test_opentelemetrys_door(options: Any, heard: list[str]) -> None:
    """`add_span_processor` hears recorded spans, as OpenTelemetry has it."""
    recorder = Recorder()
    with record(**options) as recording:
        recording.provider.add_span_processor(recorder)
        (inner.with_config(tags=["langsmith:hidden"]) | ChatNative()).invoke("hello")
    assert started(recorder) == heard


def test_a_tenth_is_sampled() -> None:
    """Of many runs the process hears all, OpenTelemetry's door exactly those that are recorded."""
    heard: list[Any] = []
    everybody, recorded = callspan.Listen(on_end=heard.append), Recorder()
    with record(callbacks=[everybody], sampler=ParentBased(TraceIdRatioBased(0.1))) as recording:
        recording.provider.add_span_processor(recorded)
        for number in range(200):
            inner.with_config(run_name=f"number {number}").invoke("x")
        spans = recording.spans
    assert len(heard) == 200
    assert 0 < len(spans) < 200
    assert [f"invoke_workflow {name}" for name in started(recorded)] == [span.name for span in spans]
