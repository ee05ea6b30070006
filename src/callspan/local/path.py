"""Where the time went: the critical path, and what ran beside what."""

from __future__ import annotations

from callspan.local.trace import Span, Trace

_LEAVES = ("llm", "embedding")
"""Kinds whose time is their own, whatever requests they make."""

_SLACK = 1000
"""Microseconds by which a child may outlive its parent, and parallel ones touch: clocks and threads are not exact."""


def trace_back(trace: Trace) -> None:
    """Find the critical path: from the end backwards, always into the child that ended last before that point.

    Args:
        trace: The trace; its spans get `path` and `beside`.
    """
    for root in trace.roots:
        _walk(trace, root)
    find_beside(trace)


def find_beside(trace: Trace, now: int | None = None) -> None:
    """Find what ran beside what.

    Args:
        trace: The trace; its spans get `beside`.
        now: The time, in microseconds from its start, if spans without an end are still running.
    """
    for above in trace.spans:
        _overlap([trace.spans[child] for child in above.children], now)
    _overlap(list(trace.roots), now)


def _walk(trace: Trace, root: Span) -> None:
    waiting = [(root, root.start, root.stop)]
    while waiting:
        span, start, at = waiting.pop()
        below = () if span.kind in _LEAVES else span.children
        for child in sorted((trace.spans[place] for place in below), key=lambda one: -one.stop):
            if child.stop > at + _SLACK or child.stop <= start or child.start >= at:
                continue
            _add(span, max(child.stop, start), at)
            waiting.append((child, max(child.start, start), min(child.stop, at)))
            at = max(child.start, start)
        _add(span, start, at)


def _add(span: Span, start: int, stop: int) -> None:
    if stop > start:
        span.path.append((start, stop))


def _overlap(spans: list[Span], now: int | None) -> None:
    """Tell each of some siblings how many of its group ran at once; a group is what overlaps, one after the other."""
    group: list[tuple[Span, int]] = []
    stop = -1
    for span in spans:
        if span.start + _SLACK >= stop and group:
            _tell(group)
            group = []
        group.append((span, span.stop if span.duration is not None or now is None else now))
        stop = max(stop, group[-1][1])
    _tell(group)


def _tell(group: list[tuple[Span, int]]) -> None:
    ends = sorted(stop for _, stop in group)
    most = over = 0
    for place, (span, _) in enumerate(group):
        while ends[over] <= span.start + _SLACK and over < place:
            over += 1
        most = max(most, place + 1 - over)
    for span, _ in group:
        span.beside = most
