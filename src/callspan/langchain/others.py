"""Another LangChain instrumentation in the process doubles every span: it is named, once."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.trace import Tracer

from callspan.core import state
from callspan.core.dispatch import subscriptions
from callspan.core.patching import wrappers_of_others

_log = logging.getLogger("callspan")

_MAKERS = (
    ("langfuse.langchain", "Langfuse"),
    ("openinference.instrumentation.langchain", "OpenInference"),
    ("opentelemetry.instrumentation.langchain", "OpenLLMetry or OpenTelemetry"),
    ("opentelemetry.instrumentation.genai.langchain", "OpenTelemetry"),
    ("langchain_azure_ai.callbacks.tracers", "Azure AI"),
    ("langwatch.langchain", "LangWatch"),
    ("agentops.integration.callbacks", "AgentOps"),
)
"""Handlers of LangChain's that make spans of OpenTelemetry's: where their classes are defined, and whose they are."""

_seen: WeakSet[type] = WeakSet()
"""Classes of handlers that were looked at."""


def warn_of_others(manager: type) -> None:
    """Warn of others at the first run: by then every instrumentation is in place, in whatever order.

    Args:
        manager: A class of callback managers; the known instrumentations wrap what makes it.
    """
    if not state.once("others"):
        return
    names = _active(manager)
    if names:
        _log.warning(
            "another LangChain instrumentation is active (%s): each call will have two spans. "
            "Switch one off, for example with OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=langchain",
            ", ".join(names),
        )


def _active(manager: type) -> list[str]:
    return sorted({*_instrumentors(), *wrappers_of_others(inspect.getattr_static(manager, "__init__"))})


def warn_of_handlers(handlers: Iterable[Any], manager: type | None = None) -> None:
    """Warn of handlers that make a span for each run too, once for each class; a class is looked at once.

    Args:
        handlers: The handlers of a run.
        manager: The class of their manager, if there is one: instrumentations that it tells of are warned of already.
    """
    for one in handlers:
        if type(one) not in _seen:
            _look_at(one, manager)


def _look_at(handler: Any, manager: type | None) -> None:
    cls = type(handler)
    if _is_langsmiths(cls):
        exporter = getattr(getattr(handler, "client", None), "otel_exporter", None)
        if not type(exporter).__module__.startswith("langsmith."):
            return  # another one may have another client
    _seen.add(cls)
    if subscriptions.callback_class is not None and isinstance(handler, subscriptions.callback_class):
        return
    made = _made_by(handler)
    if made is None or (manager is not None and any(cls.__module__.startswith(name) for name in _active(manager))):
        return
    name, (whose, what) = f"{cls.__module__}.{cls.__qualname__}", made
    if state.once(f"handler {name}"):
        _log.warning("%s (%s) %s", whose, name, what)


def _is_langsmiths(cls: type) -> bool:
    return any(one.__name__ == "LangChainTracer" for one in cls.__mro__)


def _made_by(handler: Any) -> tuple[str, str] | None:
    """Return whose handler it is and what is wrong with it, if it makes spans."""
    if _is_langsmiths(type(handler)):
        return "LangSmith's OpenTelemetry mode", (
            "makes a span of each run too: each call will have two. "
            "Unset LANGSMITH_OTEL_ENABLED or set LANGSMITH_TRACING_MODE=langsmith, or uninstrument callspan"
        )
    for cls in type(handler).__mro__:
        for module, maker in _MAKERS:
            if f"{cls.__module__}.".startswith(f"{module}."):
                return f"a handler of {maker}", (
                    "makes a span of each run too: each call will have two. "
                    "Do not pass it to calls that callspan traces, or uninstrument callspan"
                )
    if any(isinstance(value, Tracer) for value in getattr(handler, "__dict__", {}).values()):
        return "a handler of LangChain's", (
            "has a tracer of OpenTelemetry's: if it makes a span of each run too, each call will have two. "
            "Do not pass it to calls that callspan traces then"
        )
    return None


def _instrumentors() -> list[str]:
    return [cls.__module__ for cls in BaseInstrumentor.__subclasses__() if _is_langchain(cls) and _is_active(cls)]


def _is_langchain(cls: type) -> bool:
    return "langchain" in f"{cls.__module__}.{cls.__name__}".lower() and not cls.__module__.startswith("callspan.")


def _is_active(cls: type) -> bool:
    made = getattr(cls, "_instance", None)
    return made is not None and bool(made.is_instrumented_by_opentelemetry)
