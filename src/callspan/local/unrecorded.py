"""Why a program under `callspan run` has left no span of LangChain or LangGraph."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from opentelemetry import trace

from callspan.core import state

_DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_SAMPLER = "OTEL_TRACES_SAMPLER"
_OLDEST = (0, 3)


def why_nothing(*, was_bound: bool) -> str:
    """Return the reason, in a sentence."""
    if was_bound:
        return _why_not_recorded()
    return _why_not_seen() or "no run of LangChain or LangGraph was seen"


def _why_not_recorded() -> str:
    sampler = os.environ.get(_SAMPLER)
    if sampler:
        return f"no span was recorded: a sampler does not want them ({_SAMPLER} is {sampler!r})"
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return "no span was recorded: nothing has ended"
    provider: Any = trace.get_tracer_provider()
    whose = f"the program's tracer provider ({type(provider).__name__})"
    return f"no span was recorded: a sampler does not want them, that of {whose}, or nothing has ended"


def _why_not_seen() -> str:
    try:
        found = version("langchain-core")
    except PackageNotFoundError:
        return f"nothing to trace: LangChain is not installed in this Python ({sys.executable})"
    disabled = {name.strip() for name in os.environ.get(_DISABLED, "").split(",")}
    if disabled & {"callspan", "*"}:
        return f"nothing is traced: {_DISABLED} is {os.environ[_DISABLED]!r}"
    if tuple(int(part) for part in found.split(".")[:2] if part.isdecimal()) < _OLDEST:
        return f"nothing is traced: langchain-core {found} is installed, and callspan needs 0.3 or newer"
    if not state.is_active():
        return "nothing was traced: callspan is not instrumented, or the program has called callspan.uninstrument()"
    return ""
