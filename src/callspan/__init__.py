"""OpenTelemetry tracing for LangChain and LangGraph: every run one span, current while its body runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callspan.instrumentor import CallspanInstrumentor, flush, instrument, uninstrument
    from callspan.run import Run, current_run
    from callspan.version import __version__

__all__ = ["CallspanInstrumentor", "Run", "__version__", "current_run", "flush", "instrument", "uninstrument"]

_HOME = {
    "CallspanInstrumentor": "instrumentor",
    "Run": "run",
    "__version__": "version",
    "current_run": "run",
    "flush": "instrumentor",
    "instrument": "instrumentor",
    "uninstrument": "instrumentor",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562): `import callspan` alone imports nothing."""
    if name in _HOME:
        return getattr(import_module(f"callspan.{_HOME[name]}"), name)
    raise AttributeError(f"module 'callspan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
