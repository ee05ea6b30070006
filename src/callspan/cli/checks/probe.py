"""A process under `opentelemetry-instrument`'s own loader: what it loads, what it says, and which patches take."""

from __future__ import annotations

import importlib
from typing import Any

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from callspan.cli.checks.child import Hearing, load_all, write_report
from callspan.core import patching, state
from callspan.instrumentor import CallspanInstrumentor, instrument
from callspan.langchain.patches import PATCHES

QUIET = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
"""Variables for this process: it has nothing to send."""


def main() -> None:
    """Write the report."""
    hearing = Hearing()
    hearing.start()
    load_all()
    loaded = bool(CallspanInstrumentor().is_instrumented_by_opentelemetry)
    if not loaded:
        instrument()
    broken = _imported()
    provider: Any = trace.get_tracer_provider()
    settings = state.active().settings
    write_report(
        {
            "loaded": loaded,
            "provider": _name(type(provider)),
            "said": hearing.said,
            "active": sorted({_name(cls) for cls in BaseInstrumentor.__subclasses__() if _is_active(cls)}),
            "patches": {f"{patch.module}:{patch.path}": patching.patch_state(patch) for patch in PATCHES},
            "broken": broken,
            "content": settings.content,
            "content_limit": settings.content_limit,
            "redact": settings.redact if isinstance(settings.redact, str) else _name(settings.redact),
            "detail": settings.detail,
        }
    )


def _imported() -> dict[str, str]:
    """Import what there is to patch; give what is installed and cannot be imported, with the reason."""
    broken: dict[str, str] = {}
    for module in dict.fromkeys(patch.module for patch in PATCHES):
        try:
            importlib.import_module(module)
        except ModuleNotFoundError:
            pass  # not installed, or of another version: there is nothing to patch
        except Exception as error:  # noqa: BLE001 - a broken library may raise anything; that is what is looked for
            broken[module] = f"{type(error).__name__}: {error}"
    return broken


def _is_active(cls: Any) -> bool:
    made = getattr(cls, "_instance", None)
    return made is not None and bool(made.is_instrumented_by_opentelemetry)


def _name(thing: Any) -> str:
    return f"{thing.__module__}.{getattr(thing, '__qualname__', type(thing).__qualname__)}"


if __name__ == "__main__":
    main()
