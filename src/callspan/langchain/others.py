"""Another LangChain instrumentation in the process doubles every span: it is named, once."""

from __future__ import annotations

import inspect
import logging

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from callspan import telemetry
from callspan.patching import wrappers_of_others

_log = logging.getLogger("callspan")


def warn_of_others(manager: type) -> None:
    """Warn of others at the first run: by then every instrumentation is in place, in whatever order.

    Args:
        manager: A class of callback managers; the known instrumentations wrap what makes it.
    """
    if not telemetry.once("others"):
        return
    names = sorted({*_instrumentors(), *wrappers_of_others(inspect.getattr_static(manager, "__init__"))})
    if names:
        _log.warning(
            "another LangChain instrumentation is active (%s): each call will have two spans. "
            "Switch one off, for example with OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=langchain",
            ", ".join(names),
        )


def _instrumentors() -> list[str]:
    return [cls.__module__ for cls in BaseInstrumentor.__subclasses__() if _is_langchain(cls) and _is_active(cls)]


def _is_langchain(cls: type) -> bool:
    return "langchain" in f"{cls.__module__}.{cls.__name__}".lower() and not cls.__module__.startswith("callspan.")


def _is_active(cls: type) -> bool:
    made = getattr(cls, "_instance", None)
    return made is not None and bool(made.is_instrumented_by_opentelemetry)
