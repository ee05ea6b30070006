"""Processes of their own, for what would change this one: load every instrumentation, and send a test span.

`report_of` starts one, and `python -m callspan.cli.checks.probe loading|sending FILE` is that process.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from callspan.core import patching, state
from callspan.instrumentor import CallspanInstrumentor, instrument
from callspan.langchain.patches import PATCHES
from callspan.settings import has_file

TRIAL_SECONDS = 5.0  # an exporter that cannot send tries again for at most so long, also if the variables allow more

_PATIENCE = 60  # seconds that a process may take
_SPAN = "callspan doctor"  # the name of the test span, and of its tracer
_EXPORTING = ("opentelemetry.exporter", "opentelemetry.sdk.trace", "opentelemetry.sdk._shared_internal")
_LOCAL = ("none", "console", "otlp_json_file")  # exporters that send nothing


def report_of(part: str, variables: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Run one of the parts below in a process of its own, in this folder.

    Returns:
        Its report, and an empty text; or an empty report, and why there is none.
    """
    with tempfile.TemporaryDirectory(prefix="callspan-doctor-") as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "callspan.cli.checks.probe", part, str(report)]
        environment = {**os.environ, **variables}
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {}, f"no answer within {_PATIENCE} s"
        if done.returncode == 0 and report.exists():
            found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
            return found, ""
        printed = done.stderr.decode(errors="replace").strip().splitlines()
        return {}, printed[-1] if printed else f"exit code {done.returncode}"


class _Warnings(logging.Handler):
    """Keeps the warnings and errors of OpenTelemetry and callspan."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[dict[str, str]] = []
        for name in ("opentelemetry", "callspan"):
            logging.getLogger(name).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f": {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        self.kept.append({"by": record.name, "text": " ".join(text.split())})


def _load_all() -> None:
    """Set up and load what `opentelemetry-instrument` would, in this process."""
    loader: Any = import_module("opentelemetry.instrumentation.auto_instrumentation")
    loader.initialize()


def _loading() -> dict[str, Any]:
    """Report what is loaded, what is logged, which patches take, and the settings in force."""
    warnings = _Warnings()
    _load_all()
    loaded = bool(CallspanInstrumentor().is_instrumented_by_opentelemetry)
    if not loaded:
        instrument()
    broken = _imported()
    settings = state.active().settings
    return {
        "loaded": loaded,
        "provider": _name(type(trace.get_tracer_provider())),
        "warnings": warnings.kept,
        "active": sorted({_name(cls) for cls in BaseInstrumentor.__subclasses__() if _is_active(cls)}),
        "patches": {f"{patch.module}:{patch.path}": patching.patch_state(patch) for patch in PATCHES},
        "broken": broken,
        "content": settings.content,
        "content_limit": settings.content_limit,
        "redact": settings.redact if isinstance(settings.redact, str) else _name(settings.redact),
        "detail": settings.detail,
    }


def _imported() -> dict[str, str]:
    """Import every patched module; return those that are installed and cannot be imported, with the reason."""
    broken: dict[str, str] = {}
    for module in dict.fromkeys(patch.module for patch in PATCHES):
        try:
            import_module(module)
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


def _sending() -> dict[str, Any]:
    """Report whether one real span is sent: by what a configuration file sets up, or by each configured exporter."""
    warnings = _Warnings()
    logging.getLogger("opentelemetry").setLevel(logging.WARNING)
    if not has_file():
        return {"exporters": _sent_by_exporters(warnings)}
    _load_all()
    trace.get_tracer(_SPAN).start_span(_SPAN).end()
    flush: Any = getattr(trace.get_tracer_provider(), "force_flush", None)
    flushed = flush is not None and bool(flush(int(TRIAL_SECONDS * 2000)))
    logged = [one["text"] for one in warnings.kept if one["by"].startswith(_EXPORTING) or not flushed]
    return {"file": {"sent": flushed and not logged, "logged": logged}}


def _sent_by_exporters(warnings: _Warnings) -> list[dict[str, Any]]:
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    provider.get_tracer(_SPAN).start_span(_SPAN).end()
    spans = kept.get_finished_spans()  # none where the SDK is disabled
    known = {entry.name: entry for entry in entry_points(group="opentelemetry_traces_exporter")}
    found: list[dict[str, Any]] = []
    for name in _exporters() if spans else ():
        before, entry = len(warnings.kept), known.get(name)
        sent = entry is not None and entry.load()().export(spans) is SpanExportResult.SUCCESS
        logged = [one["text"] for one in warnings.kept[before:]]
        found.append({"name": name, "installed": entry is not None, "sent": sent, "logged": logged})
    return found


def _exporters() -> list[str]:
    """Return the names of the configured exporters that send, as their packages have them."""
    version = protocol(os.environ)
    otlp = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}.get(version, f"otlp with {version}")
    names = [name.strip() for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(",") if name.strip()]
    return [otlp if name == "otlp" else name for name in names if name not in _LOCAL]


def protocol(variables: Mapping[str, str]) -> str:
    """Return the OTLP protocol for traces."""
    named = variables.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or variables.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    return (named or "grpc").strip()


if __name__ == "__main__":
    part = {"loading": _loading, "sending": _sending}[sys.argv[1]]
    Path(sys.argv[2]).write_text(json.dumps(part()), encoding="utf-8")
