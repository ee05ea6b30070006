"""Calls, times, tokens and cost, added up and compared: each call, each token and each dollar once."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from os import PathLike

from callspan.viewer.analyze import CALLS, Price, assign_usage, has_failed
from callspan.viewer.conversation import CONTENT
from callspan.viewer.otlp import RawSpan
from callspan.viewer.read import Source, read
from callspan.viewer.trace import ELSEWHERE, MISSING, Span, Trace, name_of, traces_of

# What rows are grouped by, of each kind that has rows; runs are a group of their own
GROUPS = {
    **dict.fromkeys(CALLS, "model"),
    **dict.fromkeys(("tool", "retriever"), "tool"),
    **dict.fromkeys(("agent", "workflow"), "agent"),
}

RUN = "run"
FEW = 5  # calls from which percentiles say something
_ENOUGH = 20  # calls on both sides from which a change is no accident
# A change is worse from this share, and this much: microseconds, and US dollars a call
_SHARE, _TIME, _COST = 0.10, 50_000, 0.001
# Kinds in the order in which they are shown
ORDER = ("llm", "embedding", "tool", "retriever", "agent", "workflow", "run")
# Kinds that are parts of runs: if their parent is not in the file, it is a run that did not end
_PARTS_OF_RUNS = ("llm", "tool", "node", "chain", "retriever", "embedding")

Key = tuple[str, str]  # what a row is known by: its kind, and what was called


@dataclass(slots=True, eq=False)
class Row:
    """What is known of all calls of one thing."""

    kind: str  # `llm`, `embedding`, `tool`, `retriever`, `agent`, `workflow`; `run` for runs
    name: str  # what was called
    calls: int = 0
    failed: int = 0
    times: array[int] = field(default_factory=lambda: array("q"))  # of those that ended, in microseconds
    firsts: array[int] = field(default_factory=lambda: array("q"))  # times to the first token, in microseconds
    tokens: list[int] = field(default_factory=lambda: [0] * 5)  # input, output, cache read, cache write, reasoning
    cost: float = 0.0  # what is known of the cost, in US dollars
    priced: int = 0  # calls with a cost
    unpriced: int = 0  # calls that used tokens and have none

    @property
    def group(self) -> str:
        """What it is grouped under: `model`, `tool`, `agent` or `run`."""
        return GROUPS.get(self.kind, RUN)

    def call(self, span: Span) -> None:
        """Count a call."""
        self.calls += 1
        self.failed += has_failed(span)
        if span.duration is not None:
            self.times.append(span.duration)
        if span.first_token is not None:
            self.firsts.append(span.first_token)

    def use(self, span: Span) -> None:
        """Count the tokens that a span owns."""
        assert span.usage is not None
        for place, count in enumerate(span.usage):
            self.tokens[place] += count
        if span.cost is None:
            self.unpriced += 1
        else:
            self.priced += 1
            self.cost += span.cost


@dataclass(slots=True)
class Stats:
    """What trace files add up to."""

    source: Source = field(default_factory=Source)
    spans: int = 0  # each once
    paused: int = 0  # runs
    unended: int = 0  # runs
    rows: dict[Key, Row] = field(default_factory=dict[Key, Row])
    total: Row = field(default_factory=lambda: Row(RUN, ""))  # all runs together

    def row(self, kind: str, name: str) -> Row:
        """Return a row, a new one where there is none."""
        found = self.rows.get((kind, name))
        if found is None:
            found = self.rows[kind, name] = Row(kind, name)
        return found


def stats_of(files: Iterable[str | PathLike[str]], price: Price | None = None, stats: Stats | None = None) -> Stats:
    """Return the numbers of trace files; a span takes about 1 KB of memory until all files are read.

    Raises:
        OSError: A file cannot be opened.
    """
    stats = stats or Stats()
    for trace in traces_of(map(_without_details, read(files, stats.source, CONTENT))):
        assign_usage(trace, price)
        add(stats, trace)
    return stats


def _without_details(span: RawSpan) -> RawSpan:
    """Remove what no number needs and what may be large: stack traces, events, links."""
    span.message, span.events, span.links = "", (), ()
    return span


@dataclass(slots=True)
class _Place:
    """What a span belongs to, itself included: the call, the agents that use its tokens, the run."""

    call: Row | None
    users: tuple[Row, ...]
    run: Row | None


def add(stats: Stats, trace: Trace) -> None:
    """Count one trace."""
    places: list[_Place] = []
    for span in trace.spans:
        stats.spans += span.raw.name is not MISSING and span.raw.name is not ELSEWHERE
        above = places[span.parent] if span.parent >= 0 else _OUTSIDE
        place = _Place(above.call, above.users, above.run)
        places.append(place)
        if place.run is None and _is_run(span, trace):
            place.run = _start_run(span, stats)
        if span.kind in CALLS:
            if place.call is None:  # a call that two instrumentations report is one
                place.call = stats.row(span.kind, name_of(span.raw, span.kind))
                place.call.call(span)
        elif span.kind in GROUPS:
            row = stats.row(span.kind, name_of(span.raw, span.kind))
            row.call(span)
            if row.group == "agent" and row not in above.users:  # not twice in an agent that calls itself
                place.users = (*above.users, row)
        if span.usage is not None:
            for user in (place.call, *place.users, place.run, stats.total):
                if user is not None:
                    user.use(span)


_OUTSIDE = _Place(None, (), None)


def _start_run(span: Span, stats: Stats) -> Row:
    row = stats.row(RUN, name_of(span.raw, span.kind))
    for one in (row, stats.total):
        one.call(span)
    stats.paused += span.outcome == "paused"
    stats.unended += span.duration is None
    return row


def _is_run(span: Span, trace: Trace) -> bool:
    """Return whether a span with no run around it is one, or replaces one that is missing."""
    if span.raw.name is MISSING:
        return any(trace.spans[child].kind in _PARTS_OF_RUNS for child in span.children)
    return span.kind not in ("http", "other")


@dataclass(frozen=True, slots=True)
class Change:
    """How a row differs from the same one on the other side."""

    time: float | None = None  # by what share the 95th percentile of its times grew; None: not known
    cost: float | None = None  # by what share the cost of a call grew; None: not known
    slower: bool = False  # whether it is worse in time
    dearer: bool = False  # whether it is worse in cost

    @property
    def worse(self) -> bool:
        """Whether it is worse in anything."""
        return self.slower or self.dearer


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile, between two values where it falls between them."""
    at = share * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (at - low)


def change(now: Row, before: Row) -> Change:
    """Compare two rows."""
    time = cost = None
    slower = dearer = False
    calls = min(len(now.times), len(before.times))
    if calls >= FEW:
        new, old = (percentile(sorted(row.times), 0.95) for row in (now, before))
        time, slower = _growth(new, old, calls, _TIME)
    if _has_cost(now) and _has_cost(before):
        new, old = (row.cost / _payers(row) for row in (now, before))
        cost, dearer = _growth(new, old, min(_payers(now), _payers(before)), _COST)
    return Change(time, cost, slower, dearer)


def _growth(new: float, old: float, calls: int, least: float) -> tuple[float | None, bool]:
    """Return by what share a number grew, and whether that is worse; both for `calls` calls at least."""
    is_worse = calls >= _ENOUGH and new > old * (1 + _SHARE) and new - old > least
    return new / old - 1 if old else None, is_worse


def _has_cost(row: Row) -> bool:
    """Return whether it is known what one call cost: of an agent only if all that it called has a price."""
    return bool(row.priced) and (row.kind in CALLS or not row.unpriced)


def _payers(row: Row) -> int:
    return row.priced if row.kind in CALLS else row.calls


def changes(now: Stats, before: Stats) -> dict[Key, Change]:
    """Compare all rows that both sides have."""
    return {key: change(row, before.rows[key]) for key, row in now.rows.items() if key in before.rows}


def shown_rows(stats: Stats, groups: Sequence[str], before: Stats | None = None) -> list[Row]:
    """Return rows in the order in which they are shown; those that only the other side has come last, without calls."""
    gone = [Row(*key) for key in before.rows if key not in stats.rows] if before is not None else []
    rows = [row for row in (*stats.rows.values(), *gone) if row.group in groups]
    return sorted(rows, key=lambda row: (ORDER.index(row.kind), -row.calls, row.name))
