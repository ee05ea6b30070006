"""Settings, telemetry and patches, put together; and taken apart again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.trace import TracerProvider

from callspan import langchain, run, telemetry
from callspan.patching import Undo
from callspan.semconv import SCHEMA_URL
from callspan.settings import read_settings
from callspan.telemetry import Telemetry
from callspan.version import __version__


class CallspanInstrumentor(BaseInstrumentor):
    """OpenTelemetry's handle on callspan: its loader finds it under the name `callspan`."""

    # On the class: the instance is a singleton whose `__init__` runs at every call.
    _undo: ClassVar[list[Undo]] = []

    def instrumentation_dependencies(self) -> Collection[str]:
        """Give what must be installed for this to be of use."""
        return ("langchain-core >= 0.3",)

    def _instrument(self, **kwargs: Any) -> None:
        settings = read_settings(detail=kwargs.get("detail"))
        tracer = trace.get_tracer("callspan", __version__, kwargs.get("tracer_provider"), SCHEMA_URL)
        telemetry.put(Telemetry(tracer, settings))
        self._undo.append(langchain.install_all())

    def _uninstrument(self, **kwargs: Any) -> None:
        while self._undo:
            self._undo.pop()()
        run.end_all()
        telemetry.put(None)


def instrument(*, tracer_provider: TracerProvider | None = None, detail: str | None = None) -> None:
    """Instrument LangChain and LangGraph, imported already or later. Doing it twice changes nothing.

    Args:
        tracer_provider: Where spans go; the global provider by default, also if it is set later.
        detail: Which runs get a span: `all` (default), `steps` (no plain chains), `calls` (no graph nodes either).

    Raises:
        ValueError: A keyword has a value that is not allowed.
    """
    if not CallspanInstrumentor().is_instrumented_by_opentelemetry:
        CallspanInstrumentor().instrument(tracer_provider=tracer_provider, detail=detail)


def uninstrument() -> None:
    """Restore every original; runs that are still open end as abandoned."""
    if CallspanInstrumentor().is_instrumented_by_opentelemetry:
        CallspanInstrumentor().uninstrument()


def flush(timeout: float = 30.0) -> bool:
    """End what was abandoned and send out what has ended.

    Args:
        timeout: Seconds to wait at most.

    Returns:
        Whether the global provider sent everything; True if there is none that could.
    """
    run.reap()
    force = getattr(trace.get_tracer_provider(), "force_flush", None)
    return True if force is None else bool(force(int(timeout * 1000)))
