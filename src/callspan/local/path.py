"""Where the time went: the critical path, and what ran beside what."""

from __future__ import annotations

from collections.abc import Sequence

from callspan.local.trace import Span, Trace

_LEAVES = ("llm", "embedding")  # kinds whose time is their own, whatever requests they make

# Microseconds by which a child may outlive its parent, and parallel ones touch: clocks and threads are not exact
_SLACK = 1000


def trace_back(trace: Trace) -> None:
    """Find the critical path: from the end backwards, always into the child that ended last before that point."""
    spans, ends = trace.spans, _ends(trace)
    roots = [place for place, span in enumerate(spans) if span.parent < 0]
    for root in roots:
        _walk(spans, ends, root)
    _find_beside(trace, ends)


def find_beside(trace: Trace, now: int) -> None:
    """Set `beside` on the spans of a trace that still grows, `now` microseconds after its start."""
    _find_beside(trace, [now if span.duration is None else span.stop for span in trace.spans])


def _find_beside(trace: Trace, ends: Sequence[int]) -> None:
    roots = [place for place, span in enumerate(trace.spans) if span.parent < 0]
    for beside in (roots, *(span.children for span in trace.spans)):
        _overlap(trace.spans, ends, beside)


def _ends(trace: Trace) -> list[int]:
    """Return the end of each span; one that has none goes on at least as long as what is under it."""
    ends = [span.stop for span in trace.spans]
    for place in range(len(ends) - 1, -1, -1):  # children come first
        above = trace.spans[place].parent
        if above >= 0 and trace.spans[above].duration is None:
            ends[above] = max(ends[above], ends[place])
    return ends


def _walk(spans: Sequence[Span], ends: Sequence[int], root: int) -> None:
    waiting = [(root, spans[root].start, ends[root])]
    while waiting:
        place, start, at = waiting.pop()
        span, own = spans[place], list[tuple[int, int]]()
        below = () if span.kind in _LEAVES else span.children
        for child in sorted(below, key=ends.__getitem__, reverse=True):
            begun, ended = spans[child].start, ends[child]
            if ended > at + _SLACK or ended <= start or begun >= at:
                continue
            own.append((max(ended, start), at))
            waiting.append((child, max(begun, start), min(ended, at)))
            at = max(begun, start)
        own.append((start, at))
        span.path = [part for part in own if part[0] < part[1]] or ()


def _overlap(spans: Sequence[Span], ends: Sequence[int], beside: Sequence[int]) -> None:
    """Return each of some siblings how many of its group ran at once; a group is what overlaps, one after the other."""
    group: list[int] = []
    stop = -1
    for place in beside:
        if group and spans[place].start + _SLACK >= stop:
            _tell(spans, ends, group)
            group = []
        group.append(place)
        stop = max(stop, ends[place])
    _tell(spans, ends, group)


def _tell(spans: Sequence[Span], ends: Sequence[int], group: Sequence[int]) -> None:
    stops = sorted(ends[place] for place in group)
    most = over = 0
    for count, place in enumerate(group, start=1):
        while over < count - 1 and stops[over] <= spans[place].start + _SLACK:
            over += 1
        most = max(most, count - over)
    for place in group:
        spans[place].beside = most
