"""A process that sends one real span through each exporter that the variables configure."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from callspan.cli.checks.child import Hearing, load_all, write_report
from callspan.settings import has_file

NAME = "callspan doctor"
"""The name of the span, and of its tracer."""

LONGEST = 5.0
"""Seconds: an exporter that cannot send tries again that long, whatever the variables allow it."""


def main() -> None:
    """Write the report."""
    hearing = Hearing()
    hearing.start()
    logging.getLogger("opentelemetry").setLevel(logging.WARNING)
    write_report({"file": True, **_by_file(hearing)} if has_file() else {"file": False, "exporters": _each(hearing)})


def _by_file(hearing: Hearing) -> dict[str, Any]:
    """Send through what OpenTelemetry's configuration file sets up, whatever that is."""
    load_all()
    trace.get_tracer(NAME).start_span(NAME).end()
    provider: Any = trace.get_tracer_provider()
    flush = getattr(provider, "force_flush", None)
    flushed = flush is not None and bool(flush(int(LONGEST * 2000)))
    said = [one["text"] for one in hearing.said if one["by"].startswith(_EXPORTING) or not flushed]
    return {"sent": flushed and not said, "said": said}


_EXPORTING = ("opentelemetry.exporter", "opentelemetry.sdk.trace", "opentelemetry.sdk._shared_internal")
"""Whose complaints mean that a span was not sent."""


def _each(hearing: Hearing) -> list[dict[str, Any]]:
    span = _span()
    if span is None:
        return []
    found: list[dict[str, Any]] = []
    for name, entry in _exporters():
        before = len(hearing.said)
        sent = entry is not None and entry.load()().export([span]) is SpanExportResult.SUCCESS
        said = [one["text"] for one in hearing.said[before:]]
        found.append({"name": name, "installed": entry is not None, "sent": sent, "said": said})
    return found


def _span() -> ReadableSpan | None:
    """Make the span; there is none where the SDK is disabled."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    provider.get_tracer(NAME).start_span(NAME).end()
    return next(iter(kept.get_finished_spans()), None)


def _exporters() -> Iterator[tuple[str, EntryPoint | None]]:
    """Return the exporters that send somewhere; those that write to the terminal are none."""
    known = {entry.name: entry for entry in entry_points(group="opentelemetry_traces_exporter")}
    for name in names(os.environ.get("OTEL_TRACES_EXPORTER", "otlp"), protocol(os.environ)):
        yield name, known.get(name)


def protocol(environment: Any) -> str:
    """Return the protocol of OTLP for traces."""
    named = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    return (named or "grpc").strip()


def names(said: str, spoken: str) -> list[str]:
    """Return the names of the exporters that send, as their packages have them."""
    given = [name.strip() for name in said.split(",") if name.strip()]
    otlp = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}.get(spoken, f"otlp with {spoken}")
    return [otlp if name == "otlp" else name for name in given if name not in _LOCAL]


_LOCAL = ("none", "console", "otlp_json_file")


if __name__ == "__main__":
    main()
