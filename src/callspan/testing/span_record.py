"""The one shape of a finished span that the tree works on, whether it comes from the SDK or from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A finished span.

    Args:
        name: Its name.
        trace_id: Its trace, as 32 hex digits.
        span_id: Its id, as 16 hex digits.
        parent_id: The id of its parent; None for a root.
        start: When it started, in nanoseconds since 1970.
        attributes: Its attributes; sequences are tuples.
        failed: Whether its status is ERROR.
        end: When it ended, in nanoseconds since 1970; None if that is not known.
    """

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start: int
    attributes: Mapping[str, Any]
    failed: bool
    end: int | None = None


def span_record(span: ReadableSpan) -> SpanRecord:
    """Return what the tree needs of a span of the SDK.

    Args:
        span: The span, as an exporter gets it.

    Raises:
        ValueError: The span has no context, so it has no place in a tree.
    """
    context = span.get_span_context()
    if context is None:
        raise ValueError(f"the span {span.name!r} has no context")
    return SpanRecord(
        name=span.name,
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        parent_id=format_span_id(span.parent.span_id) if span.parent else None,
        start=span.start_time or 0,
        attributes=dict(span.attributes or {}),
        failed=span.status.status_code is StatusCode.ERROR,
        end=span.end_time,
    )
