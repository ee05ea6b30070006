"""The doors that a handler can come through, each as a way to make one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider
from tests.modes.models.calls import call

import callspan
from callspan.testing import Recording, record

DOORS = ("process", "added", "opentelemetry", "block", "call", "config", "sampled out", "no sdk")


def through(door: str, handler: Any, form: str, make: Callable[[], Any], given: Any) -> tuple[Any, Recording]:
    """Make a call that a handler hears by this door; gives the result, or its exception, and what was recorded."""
    process = [handler] if door in ("process", "sampled out", "no sdk") else []
    sampler: dict[str, Any] = {"sampler": ALWAYS_OFF} if door == "sampled out" else {}
    with record(callbacks=process, **sampler) as recording:
        if door == "no sdk":
            callspan.uninstrument()
            callspan.instrument(callbacks=process, tracer_provider=NoOpTracerProvider())
        runnable = make()
        undo = callspan.add_callback(handler) if door == "added" else lambda: None
        if door == "opentelemetry":
            recording.provider.add_span_processor(handler)
        if door == "config":
            runnable = runnable.with_config(callbacks=[handler])
        config: Any = {"callbacks": [handler]} if door == "call" else {}
        try:
            if door == "block":
                with callspan.callbacks(handler):
                    return call(form, runnable, given, config), recording
            return call(form, runnable, given, config), recording
        except callspan.Stop as stop:
            return stop, recording
        finally:
            undo()


UNRECORDED = ("sampled out", "no sdk")


def outcomes(recording: Recording) -> dict[str, Any]:
    """Give the outcomes that spans say, by their names."""
    said = {span.name: dict(span.attributes or {}) for span in recording.spans}
    return {name: each["langchain.run.outcome"] for name, each in said.items() if "langchain.run.outcome" in each}
