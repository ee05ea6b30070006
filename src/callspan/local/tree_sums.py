"""What the calls below a span add up to."""

from __future__ import annotations

from dataclasses import dataclass

from callspan.local.trace import Trace


@dataclass(slots=True)
class Sum:
    """What a span and those below it used.

    Args:
        calls: Calls of models and embeddings that used tokens.
        input: Tokens that went in.
        output: Tokens that came out.
        cost: What is known of their cost, in US dollars; None: nothing.
        gaps: Whether the cost of some is not known.
    """

    calls: int = 0
    input: int = 0
    output: int = 0
    cost: float | None = None
    gaps: bool = False

    def add(self, other: Sum) -> None:
        """Add what others used."""
        self.calls += other.calls
        self.input += other.input
        self.output += other.output
        if other.cost is not None:
            self.cost = (self.cost or 0.0) + other.cost
        self.gaps = self.gaps or other.gaps


def sums_of(trace: Trace) -> list[Sum]:
    """Add up, for each span, what it and those below it used."""
    found = [
        Sum() if span.usage is None else Sum(1, span.usage[0], span.usage[1], span.cost, gaps=span.cost is None)
        for span in trace.spans
    ]
    for place in range(len(found) - 1, -1, -1):  # children come first
        parent = trace.spans[place].parent
        if parent >= 0:
            found[parent].add(found[place])
    return found
