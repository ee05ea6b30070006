"""As much of trace files as a page can hold: what failed or is new stays, what is old and went well goes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from callspan import semconv
from callspan.local.otlp import RawSpan
from callspan.local.said import CONTENT

CONTENT_LIMIT = 50_000_000
"""Characters of what was said in one page: with more of it browsers take long to open the page."""

SPAN_LIMIT = 50_000
"""Spans of one page."""

_SHORT = 256
"""Characters of an attribute that stays when the content of its span goes."""

_ROOM = 0.9
"""How much of a limit is filled when something had to go: not every span shall cost a search for what is oldest."""


@dataclass(slots=True)
class _Kept:
    """What is kept of a trace.

    Args:
        spans: Its spans.
        start: When it started, in nanoseconds since 1970.
        size: Characters of its content.
        failed: Whether a root of it did.
        rooted: Whether it has a root; without one, whatever failed in it may have ended it.
        unwell: Whether anything failed.
        bare: Whether its content is gone.
    """

    spans: list[RawSpan] = field(default_factory=list[RawSpan])
    start: int = 2**63
    size: int = 0
    failed: bool = False
    rooted: bool = False
    unwell: bool = False
    bare: bool = False

    @property
    def matters(self) -> bool:
        """Whether it is to be kept longer than others."""
        return self.failed or (self.unwell and not self.rooted)


class Budget:
    """Keeps spans as long as there is room for them.

    Args:
        content: Characters of content.
        spans: How many spans.
    """

    def __init__(self, content: int = CONTENT_LIMIT, spans: int = SPAN_LIMIT) -> None:
        self._content, self._spans = content, spans
        self._traces: dict[str, _Kept] = {}
        self._gone: set[int] = set()  # by hash: there may be millions
        self._size = self._count = 0
        self.spans_dropped = self.content_dropped = 0

    def keep(self, spans: Iterable[RawSpan]) -> None:
        """Keep spans; others go if there is no room."""
        for span in spans:
            if self._gone and hash(span.trace_id) in self._gone:
                self.spans_dropped += 1
                continue
            trace = self._traces.setdefault(span.trace_id, _Kept())
            trace.start = min(trace.start, span.start)
            root = span.parent_id is None
            trace.rooted, trace.failed = trace.rooted or root, trace.failed or (root and span.failed)
            trace.unwell = trace.unwell or span.failed
            size = _size(span)
            if trace.bare:
                self.content_dropped += size - _strip(span)
                size = 0
            trace.spans.append(span)
            trace.size += size
            self._size += size
            self._count += 1
            if self._size > self._content:
                self._make_bare()
            if self._count > self._spans:
                self._let_go()

    def _make_bare(self) -> None:
        for _, trace in self._oldest():
            if self._size <= self._content * _ROOM:
                return
            if trace.size:
                left = sum(map(_strip, trace.spans))
                self.content_dropped += trace.size - left
                self._size -= trace.size
                trace.size, trace.bare = 0, True

    def _let_go(self) -> None:
        for identity, trace in self._oldest():
            if self._count <= self._spans * _ROOM:
                return
            self._count -= len(trace.spans)
            self._size -= trace.size
            self.spans_dropped += len(trace.spans)
            self.content_dropped += trace.size
            del self._traces[identity]
            self._gone.add(hash(identity))

    def _oldest(self) -> list[tuple[str, _Kept]]:
        return sorted(self._traces.items(), key=lambda one: (one[1].matters, one[1].start))

    def kept(self) -> Iterator[RawSpan]:
        """Return the spans that are kept."""
        return (span for trace in self._traces.values() for span in trace.spans)

    def dropped(self) -> dict[str, Any] | None:
        """Return what had to go, as a page is told; None: nothing."""
        if not self.spans_dropped and not self.content_dropped:
            return None
        what = "content and spans" if self.spans_dropped else "content"
        why = f"too much for one page: {what} of the oldest runs that went well went first"
        return {"spans": self.spans_dropped, "bytes": self.content_dropped, "why": why}


def _size(span: RawSpan) -> int:
    said = len(span.name) + len(span.message) + _length(span.attributes)
    beside = (*(event.attributes for event in span.events), *(link.attributes for link in span.links))
    return said + sum(map(_length, beside)) + 32 * len(beside)


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + _length(one) for key, one in value.items())
    return sum(map(_length, value)) if isinstance(value, list) else 8


def _strip(span: RawSpan) -> int:
    """Remove the content of a span, and return the characters that are left."""
    span.name, span.message = span.name[:_SHORT], span.message[:_SHORT]
    span.attributes = {
        name: value
        for name, value in span.attributes.items()
        if name not in CONTENT and len(name) + _length(value) <= _SHORT
    }
    span.events = [event for event in span.events if event.name == semconv.EXCEPTION]
    for event in span.events:
        event.attributes = {name: value for name, value in event.attributes.items() if _length(value) <= _SHORT}
    return _size(span)
