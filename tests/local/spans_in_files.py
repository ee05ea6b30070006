"""Spans as a file would have them, each known by its name, and files of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from callspan.viewer.analyze import analyze
from callspan.viewer.otlp import Event, Link, RawSpan
from callspan.viewer.trace import Span, Trace

ORIGIN = 1_795_000_000_000_000_000
"""Nanoseconds since 1970: when the traces start."""

MS = 1_000_000


def id_of(name: str, digits: int = 16) -> str:
    """The id of the span of that name, or with 32 digits of the trace."""
    return name.encode().hex()[-digits:].rjust(digits, "0")


def span(
    name: str,
    start: float = 0,
    stop: float | None = 10,
    under: str | None = None,
    *,
    trace: str = "trace",
    failed: bool = False,
    said: Mapping[str, Any] | None = None,
    events: list[Event] | None = None,
    links: Mapping[str, str] | None = None,
    **more: Any,
) -> RawSpan:
    """A span; times are milliseconds from the start, `links` names other spans and why."""
    return RawSpan(
        trace_id=id_of(trace, 32),
        span_id=id_of(name),
        parent_id=None if under is None else id_of(under),
        name=more.pop("called", name),
        start=ORIGIN + int(start * MS),
        end=None if stop is None else ORIGIN + int(stop * MS),
        attributes=dict(said or {}),
        failed=failed,
        events=events or (),
        links=[
            Link(id_of(trace, 32), id_of(other), {"langchain.link.cause": why}) for other, why in (links or {}).items()
        ],
        **more,
    )


def model(name: str, *where: Any, said: Mapping[str, Any] | None = None, **more: Any) -> RawSpan:
    """A call of a model."""
    return span(name, *where, said={"gen_ai.operation.name": "chat", **(said or {})}, **more)


def tool(name: str, *where: Any, said: Mapping[str, Any] | None = None, **more: Any) -> RawSpan:
    """A call of a tool."""
    return span(name, *where, said={"gen_ai.operation.name": "execute_tool", **(said or {})}, **more)


def trace_of(*spans: RawSpan, **options: Any) -> Trace:
    """The one trace of some spans, explained."""
    (trace,) = analyze(spans, **options)
    return trace


def tree(trace: Trace) -> str:
    """The names of its spans, each under its parent."""
    return "".join(f"{'  ' * one.depth}{one.raw.name}\n" for one in trace.spans)


def by_name(trace: Trace) -> dict[str, Span]:
    """Its spans by their names."""
    return {one.raw.name: one for one in trace.spans}


def said(attributes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Attributes as OTLP JSON has them, of texts."""
    return [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]


def exported(*names: str, **fields: Any) -> dict[str, Any]:
    """An export of spans of one trace, each of that name and with these fields."""
    spans = [
        {
            "traceId": id_of("trace", 32),
            "spanId": id_of(name),
            "name": name,
            "startTimeUnixNano": str(ORIGIN),
            "endTimeUnixNano": str(ORIGIN + MS),
            **fields,
        }
        for name in names
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def line(*names: str, **fields: Any) -> str:
    """The same as a line of a file."""
    return json.dumps(exported(*names, **fields)) + "\n"
