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

# LangChain handlers that make OpenTelemetry spans: the modules of their classes, and their makers.
_MAKERS = (
    ("langfuse.langchain", "Langfuse"),
    ("openinference.instrumentation.langchain", "OpenInference"),
    ("opentelemetry.instrumentation.langchain", "OpenLLMetry or OpenTelemetry"),
    ("opentelemetry.instrumentation.genai.langchain", "OpenTelemetry"),
    ("langchain_azure_ai.callbacks.tracers", "Azure AI"),
    ("langwatch.langchain", "LangWatch"),
    ("agentops.integration.callbacks", "AgentOps"),
)

_seen: WeakSet[type] = WeakSet()  # classes of handlers


def warn_of_others(manager: type) -> None:
    """Warn of other instrumentations at the first run, when all are in place; they wrap the callback manager."""
    if state.first_time("others") and (names := _active(manager)):
        _log.warning(
            "another LangChain instrumentation is active (%s): each call will have two spans. "
            "Switch one off, for example with OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=langchain",
            ", ".join(names),
        )


def _active(manager: type) -> list[str]:
    """Return the modules of other active LangChain instrumentations."""
    found = set(wrappers_of_others(inspect.getattr_static(manager, "__init__")))
    for cls in BaseInstrumentor.__subclasses__():
        instance = getattr(cls, "_instance", None)
        if "langchain" not in f"{cls.__module__}.{cls.__name__}".lower() or cls.__module__.startswith("callspan."):
            continue
        if instance is not None and instance.is_instrumented_by_opentelemetry:
            found.add(cls.__module__)
    return sorted(found)


def warn_of_handlers(handlers: Iterable[Any], manager: type | None = None) -> None:
    """Warn of handlers that make a span for each run too, once for each class."""
    for handler in handlers:
        if type(handler) not in _seen:
            _check(handler, manager)


def _check(handler: Any, manager: type | None) -> None:
    cls = type(handler)
    is_langsmiths = any(base.__name__ == "LangChainTracer" for base in cls.__mro__)
    if is_langsmiths:
        exporter = getattr(getattr(handler, "client", None), "otel_exporter", None)
        if not type(exporter).__module__.startswith("langsmith."):
            return  # another instance may have another client
    _seen.add(cls)
    if subscriptions.callback_class is not None and isinstance(handler, subscriptions.callback_class):
        return
    problem = _LANGSMITHS if is_langsmiths else _problem(handler)
    if problem is None or (manager is not None and any(cls.__module__.startswith(name) for name in _active(manager))):
        return
    name = f"{cls.__module__}.{cls.__qualname__}"
    if state.first_time(f"handler {name}"):
        _log.warning("%s (%s) %s", problem[0], name, problem[1])


_LANGSMITHS = (
    "LangSmith's OpenTelemetry mode",
    (
        "makes a span of each run too: each call will have two. "
        "Unset LANGSMITH_OTEL_ENABLED or set LANGSMITH_TRACING_MODE=langsmith, or uninstrument callspan"
    ),
)


def _problem(handler: Any) -> tuple[str, str] | None:
    """Return whose handler it is and what is wrong with it, if it makes spans."""
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
