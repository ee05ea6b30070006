"""The newest runs of trace files that fit into one page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from callspan import semconv
from callspan.viewer.otlp import RawSpan

CONTENT_LIMIT = 50_000_000  # characters: a browser takes long to open a page with more
SPAN_LIMIT = 50_000
_REFILL = 0.9  # how far a full page is emptied: not every span that follows may cost a search for the oldest run


@dataclass(slots=True)
class _Run:
    spans: list[RawSpan] = field(default_factory=list[RawSpan])
    start: int = 2**63  # nanoseconds since 1970
    size: int = 0  # characters
    failed: bool = False


class PageLimit:
    """Keeps the newest runs within the limits, and at least one run.

    Args:
        content: Characters of names, messages, attributes, events and links.
        spans: Number of spans.
        failed_first: Whether runs without a failure are left out before those with one.
    """

    def __init__(self, content: int = CONTENT_LIMIT, spans: int = SPAN_LIMIT, *, failed_first: bool = False) -> None:
        self._content, self._spans, self._failed_first = content, spans, failed_first
        self._runs: dict[str, _Run] = {}
        self._left_out: set[int] = set()  # hashes of trace ids: there may be millions
        self._size = self._count = self._lost_size = self._lost_count = 0

    def add(self, spans: Iterable[RawSpan]) -> None:
        """Keep spans, and leave out the oldest runs where they are too many."""
        for span in spans:
            size = _size(span)
            if self._left_out and hash(span.trace_id) in self._left_out:
                self._lost_size, self._lost_count = self._lost_size + size, self._lost_count + 1
                continue
            run = self._runs.setdefault(span.trace_id, _Run())
            run.spans.append(span)
            run.start = min(run.start, span.start)
            run.size += size
            run.failed = run.failed or span.failed or semconv.ERROR_TYPE in span.attributes
            self._size, self._count = self._size + size, self._count + 1
            if self._size > self._content or self._count > self._spans:
                self._leave_out_oldest()

    def _leave_out_oldest(self) -> None:
        runs = self._runs
        oldest = sorted(runs, key=lambda one: (self._failed_first and runs[one].failed, runs[one].start))
        for trace_id in oldest[:-1]:
            if self._size <= self._content * _REFILL and self._count <= self._spans * _REFILL:
                return
            run = runs.pop(trace_id)
            self._left_out.add(hash(trace_id))
            self._size, self._lost_size = self._size - run.size, self._lost_size + run.size
            self._count, self._lost_count = self._count - len(run.spans), self._lost_count + len(run.spans)

    def kept(self) -> Iterator[RawSpan]:
        """Return the spans of the runs that fit."""
        return (span for run in self._runs.values() for span in run.spans)

    def left_out(self) -> dict[str, Any] | None:
        """Return what the page reports of the runs that are left out, or None if it has all."""
        if not self._left_out:
            return None
        count = len(self._left_out)
        limits = f"{self._spans:,} spans and {self._content:,} characters"
        why = f"{count:,} older {'run is' if count == 1 else 'runs are'} left out; a page holds {limits}"
        return {"spans": self._lost_count, "bytes": self._lost_size, "why": why}


def _size(span: RawSpan) -> int:
    beside = (*(event.attributes for event in span.events), *(link.attributes for link in span.links))
    return len(span.name) + len(span.message) + _length(span.attributes) + sum(map(_length, beside))


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + _length(one) for key, one in value.items())
    return sum(map(_length, value)) if isinstance(value, list) else 8
