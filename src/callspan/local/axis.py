"""An axis on which ten times as much is always as far away."""

from __future__ import annotations

import math
from collections.abc import Iterator


class Axis:
    """Says where values lie.

    Args:
        low: The least value.
        high: The greatest value.
        left: Where the axis begins, in pixels.
        right: Where it ends.
    """

    def __init__(self, low: float, high: float, left: float, right: float) -> None:
        self._low = math.log10(max(low, 1)) - 0.08
        self._high = max(math.log10(max(high, 1)) + 0.08, self._low + 0.6)
        self._left, self._right = left, right

    def place(self, value: float) -> float:
        """Return where a value lies, in pixels."""
        share = (math.log10(max(value, 1)) - self._low) / (self._high - self._low)
        return self._left + share * (self._right - self._left)

    def ticks(self) -> Iterator[tuple[float, float]]:
        """Return round values and where they lie: as many as can be told apart."""
        decades = self._high - self._low
        steps = (1, 2, 5) if decades < 2 else (1, 3) if decades < 4 else (1,)  # noqa: PLR2004 - what fits
        for power in range(math.floor(self._low), math.ceil(self._high) + 1):
            for step in steps:
                value = step * 10.0**power
                if value >= 1 and self._low <= math.log10(value) <= self._high:
                    yield value, self.place(value)
