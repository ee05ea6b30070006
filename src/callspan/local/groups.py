"""The spans of this process that belong together, as long as one of them is open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from callspan.local.ended import is_ours, raw_of
from callspan.local.explained import explained
from callspan.local.kind import kind_of, name_of
from callspan.local.otlp import RawSpan
from callspan.local.trace import Trace


@dataclass(slots=True)
class Group:
    """The spans of one trace, from the first that is open to the last.

    Args:
        open: Those that have not ended, by their ids.
        ended: Those that have.
        known: By the id of each span: the name of what it called, and its parent.
    """

    open: dict[str, ReadableSpan] = field(default_factory=dict[str, ReadableSpan])
    ended: list[RawSpan] = field(default_factory=list[RawSpan])
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
        """Return the trace so far, explained; None if it is not about calls of ours.

        A parent in another process is no part of it.
        """
        spans = [*list(self.ended), *(raw_of(span) for span in list(self.open.values()))]
        if not any(is_ours(raw) for raw in spans):
            return None
        return alone(spans, self.known)


def alone(spans: list[RawSpan], known: dict[str, Any]) -> Trace:
    """Return the trace of some spans, where what is not known counts as not there."""
    (found,) = explained(raw if raw.parent_id in known else replace(raw, parent_id=None) for raw in spans)
    return found
