"""How the numbers of one side differ from those of the other, and what of it is worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callspan.local.stats import Key, Row, Stats
from callspan.local.usage import CALLS

FEW = 5  # calls from which percentiles say something

_ENOUGH = 20  # calls on both sides from which a change is no accident

# A change is worse from this share, and this much: microseconds, and US dollars a call
_SHARE, _TIME, _COST = 0.10, 50_000, 0.001


@dataclass(frozen=True, slots=True)
class Change:
    """How a row differs from the same one on the other side.

    Args:
        time: By what share the 95th percentile of its times grew; None: not known.
        cost: By what share the cost of a call grew; None: not known.
        slower: Whether it is worse in time.
        dearer: Whether it is worse in cost.
    """

    time: float | None = None
    cost: float | None = None
    slower: bool = False
    dearer: bool = False

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
    if min(len(now.times), len(before.times)) >= FEW:
        new, old = (percentile(sorted(row.times), 0.95) for row in (now, before))
        time = new / old - 1 if old else None
        enough = min(len(now.times), len(before.times)) >= _ENOUGH
        slower = enough and new > old * (1 + _SHARE) and new - old > _TIME
    if _has_cost(now) and _has_cost(before):
        new, old = (row.cost / _payers(row) for row in (now, before))
        cost = new / old - 1 if old else None
        enough = min(_payers(now), _payers(before)) >= _ENOUGH
        dearer = enough and new > old * (1 + _SHARE) and new - old > _COST
    return Change(time, cost, slower, dearer)


def _has_cost(row: Row) -> bool:
    """Return whether it is known what one call cost: of an agent only if all that it called has a price."""
    return bool(row.priced) and (row.kind in CALLS or not row.unpriced)


def _payers(row: Row) -> int:
    return row.priced if row.kind in CALLS else row.calls


def changes(now: Stats, before: Stats) -> dict[Key, Change]:
    """Compare all rows that both sides have."""
    return {key: change(row, before.rows[key]) for key, row in now.rows.items() if key in before.rows}


# Kinds in the order in which they are shown
ORDER = ("llm", "embedding", "tool", "retriever", "agent", "workflow", "run")


def shown_rows(stats: Stats, groups: Sequence[str], before: Stats | None = None) -> list[Row]:
    """Return rows in the order in which they are shown; those that only the other side has come last, without calls."""
    gone = [Row(*key) for key in before.rows if key not in stats.rows] if before is not None else []
    rows = [row for row in (*stats.rows.values(), *gone) if row.group in groups]
    return sorted(rows, key=lambda row: (ORDER.index(row.kind), -row.calls, row.name))
