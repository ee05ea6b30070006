"""How long things took, as a histogram of bounded size: percentiles to within a few per cent."""

from __future__ import annotations

import math
from dataclasses import dataclass

_GROWTH = math.log(1.04)
"""Of one bucket to the next: a percentile is at most 2 % off."""

_SHORTEST = 1e-6
"""Seconds; what is shorter counts as this."""

_LONGEST = 1e7


@dataclass(frozen=True, slots=True)
class Timing:
    """How long several calls took, in seconds.

    Args:
        count: How many there were.
        mean: On average.
        p50: Half of them took no longer.
        p90: Of ten, nine took no longer.
        p95: Of twenty, nineteen.
        p99: Of a hundred, ninety-nine.
        longest: The longest.
    """

    count: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    longest: float


class Histogram:
    """Counts durations; what it holds does not grow with them."""

    __slots__ = ("_buckets", "_count", "_longest", "_shortest", "_sum")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._count = 0
        self._sum = self._longest = 0.0
        self._shortest = math.inf

    def add(self, seconds: float) -> None:
        """Count one."""
        place = round(math.log(min(max(seconds, _SHORTEST), _LONGEST)) / _GROWTH)
        self._buckets[place] = self._buckets.get(place, 0) + 1
        self._count += 1
        self._sum += seconds
        self._longest = max(self._longest, seconds)
        self._shortest = min(self._shortest, seconds)

    def timing(self) -> Timing | None:
        """Return what is known; None: nothing was counted."""
        if not self._count:
            return None
        places = sorted(self._buckets)
        p50, p90, p95, p99 = (self._percentile(places, share) for share in (0.5, 0.9, 0.95, 0.99))
        return Timing(self._count, self._sum / self._count, p50, p90, p95, p99, self._longest)

    def _percentile(self, places: list[int], share: float) -> float:
        wanted, seen = math.ceil(share * self._count), 0
        for place in places:
            seen += self._buckets[place]
            if seen >= wanted:
                break
        else:
            return self._longest
        return min(max(math.exp(place * _GROWTH), self._shortest), self._longest)
