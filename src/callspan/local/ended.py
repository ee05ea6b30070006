"""Spans of this process, as a file would have them: only with what a line says of them."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

from callspan import semconv
from callspan.local.kind import kind_of
from callspan.local.otlp import Event, Link, RawSpan
from callspan.local.said import CONTENT

_SHOWN = frozenset(
    {
        *(semconv.OUTPUT_MESSAGES, semconv.TOOL_ARGUMENTS, semconv.QUERY_TEXT, semconv.DOCUMENTS),
        semconv.INTERRUPT_VALUE,
    }
)
_UNSEEN = CONTENT - _SHOWN  # what was said and no line shows: a long conversation is not kept for it


def raw_of(span: ReadableSpan, *, whole: bool = False) -> RawSpan:
    """Return a span of this process as a file would have it."""
    context: Any = span.context
    parent = span.parent
    service = span.resource.attributes.get("service.name") if whole else None
    return RawSpan(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        parent_id=None if parent is None else format_span_id(parent.span_id),
        name=span.name,
        start=span.start_time or 0,
        end=span.end_time,
        attributes=_said(span.attributes, _NONE if whole else _UNSEEN),
        failed=span.status.status_code is StatusCode.ERROR,
        message=span.status.description or "",
        events=[
            Event(event.name, event.timestamp, dict(event.attributes or {}))
            for event in span.events
            if whole or event.name == semconv.EXCEPTION or semconv.INTERRUPT_VALUE in (event.attributes or {})
        ],
        links=[_link(link) for link in span.links] if whole else (),
        service=service if isinstance(service, str) else None,
    )


def _link(link: Any) -> Link:
    to = link.context
    return Link(format_trace_id(to.trace_id), format_span_id(to.span_id), dict(link.attributes or {}))


_NONE: frozenset[str] = frozenset()


def _said(attributes: Any, without: frozenset[str]) -> dict[str, Any]:
    """Return attributes as a file would: its lists are no tuples."""
    said = {name: value for name, value in dict(attributes or {}).items() if name not in without}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}


def is_ours(raw: RawSpan) -> bool:
    """Return whether a span is of a call that this is about, and not one of a web server or a database."""
    return kind_of(raw) not in ("http", "other")
