"""OpenTelemetry tracing for LangChain and LangGraph: every run one span, current while its body runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callspan.callback.callback import Callback
    from callspan.callback.forward import Forward
    from callspan.callback.scope import add_callback, callbacks
    from callspan.callback.session import session
    from callspan.capture.content import content
    from callspan.capture.redact import Place, redact_secrets
    from callspan.core.dispatch import Stop
    from callspan.core.errors import ToolError
    from callspan.core.run import Run, current_run
    from callspan.core.usage import TokenCounts
    from callspan.handlers.approval import Approval
    from callspan.handlers.budget import Budget
    from callspan.handlers.collect import Collect
    from callspan.handlers.console import Console
    from callspan.handlers.evaluate import Evaluate, Score
    from callspan.handlers.from_langchain import FromLangChain
    from callspan.handlers.guard import Guard
    from callspan.handlers.latency import Latency
    from callspan.handlers.limits import OverBudget
    from callspan.handlers.listen import Listen
    from callspan.handlers.logs import Logs
    from callspan.handlers.recorder import Recorder
    from callspan.handlers.token_stream import TokenStream
    from callspan.handlers.usage import Usage
    from callspan.instrumentor import CallspanInstrumentor, flush, instrument, uninstrument
    from callspan.langchain.workflows import workflow
    from callspan.version import __version__
    from callspan.viewer.notebook import show

__all__ = [
    "Approval",
    "Budget",
    "Callback",
    "CallspanInstrumentor",
    "Collect",
    "Console",
    "Evaluate",
    "Forward",
    "FromLangChain",
    "Guard",
    "Latency",
    "Listen",
    "Logs",
    "OverBudget",
    "Place",
    "Recorder",
    "Run",
    "Score",
    "Stop",
    "TokenCounts",
    "TokenStream",
    "ToolError",
    "Usage",
    "__version__",
    "add_callback",
    "callbacks",
    "content",
    "current_run",
    "flush",
    "instrument",
    "redact_secrets",
    "session",
    "show",
    "uninstrument",
    "workflow",
]

_HOME = {
    "Approval": "handlers.approval",
    "Budget": "handlers.budget",
    "Callback": "callback.callback",
    "CallspanInstrumentor": "instrumentor",
    "Collect": "handlers.collect",
    "Console": "handlers.console",
    "Evaluate": "handlers.evaluate",
    "Forward": "callback.forward",
    "FromLangChain": "handlers.from_langchain",
    "Guard": "handlers.guard",
    "Latency": "handlers.latency",
    "Listen": "handlers.listen",
    "Logs": "handlers.logs",
    "OverBudget": "handlers.limits",
    "Place": "capture.redact",
    "Recorder": "handlers.recorder",
    "Run": "core.run",
    "Score": "handlers.evaluate",
    "Stop": "core.dispatch",
    "TokenCounts": "core.usage",
    "TokenStream": "handlers.token_stream",
    "ToolError": "core.errors",
    "Usage": "handlers.usage",
    "__version__": "version",
    "add_callback": "callback.scope",
    "callbacks": "callback.scope",
    "content": "capture.content",
    "current_run": "core.run",
    "flush": "instrumentor",
    "instrument": "instrumentor",
    "redact_secrets": "capture.redact",
    "session": "callback.session",
    "show": "viewer.notebook",
    "uninstrument": "instrumentor",
    "workflow": "langchain.workflows",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562): `import callspan` alone imports nothing."""
    if name in _HOME:
        return getattr(import_module(f"callspan.{_HOME[name]}"), name)
    raise AttributeError(f"module 'callspan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
