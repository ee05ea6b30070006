"""Spans of this process as a file would have them, and the traces of which spans are still open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

from callspan import semconv
from callspan.viewer.analyze import analyze
from callspan.viewer.conversation import CONTENT
from callspan.viewer.otlp import Event, Link, RawSpan
from callspan.viewer.trace import Trace, kind_of, name_of

# Content that no line shows: a long conversation is not kept for it
_UNSEEN = CONTENT - {
    *(semconv.OUTPUT_MESSAGES, semconv.TOOL_ARGUMENTS, semconv.QUERY_TEXT, semconv.DOCUMENTS),
    semconv.INTERRUPT_VALUE,
}


def raw_of(span: ReadableSpan, *, whole: bool = False) -> RawSpan:
    """Return a span of this process as a file would have it; unless `whole`, only with what a line shows."""
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
        attributes={
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dict(span.attributes or {}).items()
            if whole or name not in _UNSEEN
        },
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


@dataclass(slots=True)
class OpenTrace:
    """The spans of one trace, from the first that is open to the last."""

    open: dict[str, ReadableSpan] = field(default_factory=dict[str, ReadableSpan])  # by their ids
    ended: list[RawSpan] = field(default_factory=list[RawSpan])
    # By the id of each span: the name of what it called, and its parent
    known: dict[str, tuple[str, str | None]] = field(default_factory=dict[str, "tuple[str, str | None]"])

    def start(self, raw: RawSpan, span: ReadableSpan) -> None:
        """Add a span that has started."""
        self.open[raw.span_id] = span
        self.known[raw.span_id] = (name_of(raw, kind_of(raw)), raw.parent_id)

    def end(self, raw: RawSpan) -> None:
        """Note that a span has ended."""
        self.open.pop(raw.span_id, None)
        self.ended.append(raw)
        self.known[raw.span_id] = (name_of(raw, kind_of(raw)), raw.parent_id)

    def above(self, raw: RawSpan) -> list[str]:
        """Return the names of those above a span, outermost first."""
        return list(self._above(raw))[::-1]

    def _above(self, raw: RawSpan) -> Iterator[str]:
        parent = raw.parent_id
        for _ in range(len(self.known)):
            if parent is None or parent not in self.known:
                return
            name, above = self.known[parent]
            if (span := self.open.get(parent)) is not None:  # its name may have come after its start
                started = raw_of(span)
                name = name_of(started, kind_of(started))
            parent = above
            yield name

    def trace(self) -> Trace | None:
        """Return the trace so far, analyzed; None if it has only spans of web servers, databases and their like."""
        spans = [*list(self.ended), *(raw_of(span) for span in list(self.open.values()))]
        if all(kind_of(raw) in ("http", "other") for raw in spans):
            return None
        return trace_of(spans, self.known)


def trace_of(spans: list[RawSpan], known: dict[str, Any]) -> Trace:
    """Return the trace of some spans; a parent that is not known, as in another process, counts as not there."""
    (found,) = analyze(raw if raw.parent_id in known else replace(raw, parent_id=None) for raw in spans)
    return found
