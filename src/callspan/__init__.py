"""OpenTelemetry tracing for LangChain and LangGraph: every run one span, current while its body runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callspan.callback.callback import Callback as Callback
    from callspan.callback.forward import Forward as Forward
    from callspan.callback.scope import add_callback as add_callback
    from callspan.callback.scope import callbacks as callbacks
    from callspan.callback.session import session as session
    from callspan.capture.content import content as content
    from callspan.capture.redact import Place as Place
    from callspan.capture.redact import redact_secrets as redact_secrets
    from callspan.core.dispatch import Stop as Stop
    from callspan.core.errors import ToolError as ToolError
    from callspan.core.run import Run as Run
    from callspan.core.run import current_run as current_run
    from callspan.core.usage import TokenCounts as TokenCounts
    from callspan.handlers.approval import Approval as Approval
    from callspan.handlers.budget import Budget as Budget
    from callspan.handlers.collect import Collect as Collect
    from callspan.handlers.console import Console as Console
    from callspan.handlers.evaluate import Evaluate as Evaluate
    from callspan.handlers.evaluate import Score as Score
    from callspan.handlers.from_langchain import FromLangChain as FromLangChain
    from callspan.handlers.guard import Guard as Guard
    from callspan.handlers.latency import Latency as Latency
    from callspan.handlers.limits import OverBudget as OverBudget
    from callspan.handlers.listen import Listen as Listen
    from callspan.handlers.logs import Logs as Logs
    from callspan.handlers.recorder import Recorder as Recorder
    from callspan.handlers.token_stream import TokenStream as TokenStream
    from callspan.handlers.usage import Usage as Usage
    from callspan.instrumentor import CallspanInstrumentor as CallspanInstrumentor
    from callspan.instrumentor import flush as flush
    from callspan.instrumentor import instrument as instrument
    from callspan.instrumentor import uninstrument as uninstrument
    from callspan.langchain.workflows import workflow as workflow
    from callspan.version import __version__ as __version__
    from callspan.viewer.notebook import show as show

# The same for run time: a module is imported when one of its names is first used (PEP 562)
_MODULES = {
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

if not TYPE_CHECKING:  # type checkers have the imports above, and report every other name
    __all__ = sorted(_MODULES)  # noqa: PLE0605

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return getattr(import_module(f"callspan.{_MODULES[name]}"), name)
        raise AttributeError(f"module 'callspan' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return __all__
