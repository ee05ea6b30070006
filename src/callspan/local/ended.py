"""Spans of this process, as a file would have them: only with what a line says of them."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

from callspan import semconv
from callspan.local.kind import kind_of
from callspan.local.otlp import Event, RawSpan
from callspan.local.said import CONTENT

_SHOWN = frozenset(
    {
        *(semconv.OUTPUT_MESSAGES, semconv.TOOL_ARGUMENTS, semconv.QUERY_TEXT, semconv.DOCUMENTS),
        semconv.INTERRUPT_VALUE,
    }
)
_UNSEEN = CONTENT - _SHOWN
"""What was said and no line shows: a long conversation is not kept for it."""


def raw_of(span: ReadableSpan) -> RawSpan:
    """Give a span of this process as a file would have it.

    Args:
        span: The span; it may still be open.
    """
    context: Any = span.context
    parent = span.parent
    return RawSpan(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        parent_id=None if parent is None else format_span_id(parent.span_id),
        name=span.name,
        start=span.start_time or 0,
        end=span.end_time,
        attributes=_said(span.attributes),
        failed=span.status.status_code is StatusCode.ERROR,
        message=span.status.description or "",
        events=[
            Event(event.name, event.timestamp, dict(event.attributes or {}))
            for event in span.events
            if event.name == semconv.EXCEPTION or semconv.INTERRUPT_VALUE in (event.attributes or {})
        ],
    )


def _said(attributes: Any) -> dict[str, Any]:
    return {name: value for name, value in dict(attributes or {}).items() if name not in _UNSEEN}


def is_ours(raw: RawSpan) -> bool:
    """Tell whether a span is of a call that this is about, and not one of a web server or a database.

    Args:
        raw: The span.
    """
    return kind_of(raw) not in ("http", "other")
