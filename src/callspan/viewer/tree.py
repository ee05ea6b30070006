"""The tree of a trace as lines for a terminal: of one that has ended, and of one that still grows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from callspan.viewer.analyze import ORIGIN, find_beside
from callspan.viewer.formats import many_text
from callspan.viewer.rows import Sum, row_of, sums_of
from callspan.viewer.terminal import GREY, Look, Row, line
from callspan.viewer.trace import Trace

MOST = 200  # lines of a tree that is printed because it has ended: nobody reads more, and the file has all of it


def tree_lines(trace: Trace, look: Look, *, most: int | None = None, now: int | None = None) -> list[str]:
    """Return the tree of a trace, a span each line; requests of a model's call only where they failed.

    Args:
        trace: The trace, analyzed.
        look: How lines look: `look_of` finds it out.
        most: Lines at most; what failed and what was slow is kept. None: every span.
        now: The time, in microseconds from the trace's start, if spans without an end are still running.
    """
    places = _shown_places(trace)
    kept = places if most is None or len(places) <= most else _worth_showing(trace, places, most - 1)
    lines = [line(row, look) for row in _rows_of(trace, look, kept, now)]
    if len(kept) < len(places):
        lines.append(f"{look.signs.more} {len(places) - len(kept):,} more spans")
    return lines


def live_lines(trace: Trace, look: Look, now: int, most: int) -> list[str]:
    """Return a growing trace's tree in at most `most` lines: branches that have ended fold, oldest first."""
    find_beside(trace, now)
    places = _shown_places(trace)
    folded: set[int] = set()
    left_out = 0
    if len(places) > most:
        folded, places = _fold(trace, places, most)
    if len(places) > most:
        left_out = len(places) - max(1, most - 1)
        places = _without_oldest(trace, places, left_out)
    lines = [line(row, look) for row in _rows_of(trace, look, places, now, folded)]
    if left_out:
        lines.insert(1, line(Row("other", f"{left_out:,} more spans", GREY, guides=look.signs.bar), look))
    return lines[:most]


def _shown_places(trace: Trace) -> list[int]:
    """Return the places of the spans that are shown, in their order."""
    hidden: set[int] = set()
    for place, span in enumerate(trace.spans):
        above = trace.spans[span.parent] if span.parent >= 0 else None
        of_a_call = above is not None and above.kind in ("llm", "embedding")
        if span.parent in hidden or (span.kind == "http" and of_a_call and span.failure is None):
            hidden.add(place)
    return [place for place in range(len(trace.spans)) if place not in hidden]


def _rows_of(
    trace: Trace, look: Look, places: list[int], now: int | None = None, folded: Collection[int] = ()
) -> list[Row]:
    """Return the rows of the spans at these places; a folded one also counts the spans below it."""
    sums = sums_of(trace)
    priced = any(total.cost is not None for total in sums)
    guides = _guides(trace, places, look)
    rows: list[Row] = []
    for place in places:
        row = row_of(trace.spans[place], guides[place], sums[place], look, now, priced=priced)
        rows.append(_folded(row, trace, place, sums[place], look) if place in folded else row)
    return rows


def _folded(row: Row, trace: Trace, place: int, total: Sum, look: Look) -> Row:
    inside = f"{total.calls} calls" if total.calls > 1 else many_text(len(_below(trace, place)), "span")
    sign = () if trace.spans[place].failure is not None else ((look.signs.good, GREY),)
    return replace(row, tags=(*row.tags, *sign, (inside, GREY)))


def _guides(trace: Trace, places: list[int], look: Look) -> dict[int, str]:
    signs = look.signs
    last = {trace.spans[place].parent: place for place in places}  # by parent: its last child
    found: dict[int, str] = {}
    onward: dict[int, str] = {-1: ""}  # what leads on below a span
    for place in places:
        span = trace.spans[place]
        if span.parent < 0:
            found[place] = onward[place] = ""
            continue
        if last[span.parent] == place:
            sign, on = (signs.beside_last if span.beside > 1 else signs.last), signs.blank
        else:
            sign, on = (signs.beside, signs.beside_bar) if span.beside > 1 else (signs.branch, signs.bar)
        found[place] = onward[span.parent] + sign
        onward[place] = onward[span.parent] + on
    return found


def _below(trace: Trace, place: int) -> range:
    """Return the places of the spans below one: they follow it."""
    depth, end = trace.spans[place].depth, place + 1
    while end < len(trace.spans) and trace.spans[end].depth > depth:
        end += 1
    return range(place + 1, end)


def _worth_showing(trace: Trace, places: list[int], most: int) -> list[int]:
    """Choose where failures began first, then what took long, each with all that is above it."""

    def worth(place: int) -> tuple[int, int]:
        span = trace.spans[place]
        return (0 if span.rank == ORIGIN else 1 if span.failure is not None else 2, -(span.duration or 0))

    kept: set[int] = set()
    for place in sorted(places, key=worth):
        chain = [place]
        while (parent := trace.spans[chain[-1]].parent) >= 0 and parent not in kept:
            chain.append(parent)
        if place not in kept and len(kept) + len(chain) <= most:
            kept.update(chain)
    return [place for place in places if place in kept]


def _fold(trace: Trace, places: list[int], most: int) -> tuple[set[int], list[int]]:
    """Fold branches that have ended until there are few enough lines, or no more to fold."""
    ended = _ended(trace)
    outermost = [place for place in places if ended[place] and not ended[trace.spans[place].parent]]
    shown, folded = set(places), set[int]()
    for place in sorted(outermost, key=lambda one: trace.spans[one].stop):
        inside = shown.intersection(_below(trace, place))
        if inside and len(shown) > most:
            shown -= inside
            folded.add(place)
    return folded, [place for place in places if place in shown]


def _ended(trace: Trace) -> list[bool]:
    """Return for each span whether it and all below it have ended; the last item is for what is above roots."""
    found = [span.duration is not None for span in trace.spans]
    found.append(False)
    for place in range(len(trace.spans) - 1, -1, -1):  # children come first
        if not found[place]:
            found[trace.spans[place].parent] = False
    return found


def _without_oldest(trace: Trace, places: list[int], number: int) -> list[int]:
    """Leave out those that ended first: leaves, until there are no more but roots."""
    while number > 0:
        parents = {trace.spans[place].parent for place in places}
        leaves = [place for place in places if place not in parents and trace.spans[place].parent >= 0]
        if not leaves:
            return places
        leaves.sort(key=lambda place: (trace.spans[place].duration is None, trace.spans[place].stop))
        gone = set(leaves[:number])
        number -= len(gone)
        places = [place for place in places if place not in gone]
    return places
