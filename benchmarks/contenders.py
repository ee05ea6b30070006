"""Who runs the workloads: each contender puts something in place, and takes it away after its turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import Tracer

import callspan


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to run a workload.

    Args:
        name: What it is called in tables.
        in_place: Holds what it is for the length of a turn.
        config: The LangChain config of its calls.
        tracer: Writes bare spans after each call, if there is one.
    """

    name: str
    in_place: Callable[[], AbstractContextManager[None]] = nullcontext
    config: Any = None
    tracer: Tracer | None = None


@contextmanager
def _instrumented(provider: TracerProvider) -> Iterator[None]:
    callspan.instrument(tracer_provider=provider, detail="all")
    try:
        yield
    finally:
        callspan.uninstrument()


@contextmanager
def _uninstrumented(provider: TracerProvider) -> Iterator[None]:
    with _instrumented(provider):
        pass
    yield


PLAIN = "plain"
FLOOR, CALLSPAN = "floor", "callspan"
FLOOR_OFF, CALLSPAN_OFF = "floor, sampled out", "callspan, sampled out"
UNINSTRUMENTED = "uninstrumented"
HANDLER = "LangChain handler"


def all_contenders() -> list[Contender]:
    """Give every contender. No provider has a processor: what exporting costs is not the instrumentation's."""
    on = TracerProvider(sampler=ParentBased(ALWAYS_ON), shutdown_on_exit=False)
    off = TracerProvider(sampler=ParentBased(ALWAYS_OFF), shutdown_on_exit=False)
    return [
        Contender(PLAIN),
        Contender(FLOOR, tracer=on.get_tracer("floor")),
        Contender(CALLSPAN, lambda: _instrumented(on)),
        Contender(FLOOR_OFF, tracer=off.get_tracer("floor")),
        Contender(CALLSPAN_OFF, lambda: _instrumented(off)),
        Contender(UNINSTRUMENTED, lambda: _uninstrumented(on)),
        Contender(HANDLER, config={"callbacks": [BaseCallbackHandler()]}),
    ]
