"""What the runs inside a run add up to: calls, tokens and cost, for roots and agents."""

from __future__ import annotations

from threading import RLock

from callspan import semconv
from callspan.core.operations import MODEL_CALLS, TokenCounts

# Runs end in several threads at once, and a sum is read before it is written. A signal handler that makes calls comes
# in the middle of that in the same thread.
_lock = RLock()


class Totals:
    """Counts what ends inside one run.

    Args:
        outer: The totals of the run around it, which get everything too.
    """

    __slots__ = ("has_gaps", "input_tokens", "known_cost", "model_calls", "outer", "output_tokens", "own_model_calls",
                 "own_tool_calls", "tool_calls")  # fmt: skip

    def __init__(self, outer: Totals | None) -> None:
        self.outer = outer
        self.model_calls = self.tool_calls = 0
        self.own_model_calls = self.own_tool_calls = 0  # without those of agents inside
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.known_cost: float | None = None
        self.has_gaps = False  # whether something had no price

    @property
    def cost(self) -> float | None:
        """What all of it cost, in US dollars; None if that is not known: a part of it looks like the whole."""
        return None if self.has_gaps else self.known_cost

    def add(
        self, calls: str | None, tokens: TokenCounts | None, cost: float | None = None, *, unpriced: bool = False
    ) -> None:
        """Add a run that ended.

        Args:
            calls: What it counts as: `MODEL_CALLS`, `TOOL_CALLS` or nothing.
            tokens: What it used, as far as that is known.
            cost: What it cost, in US dollars, as far as that is known.
            unpriced: Whether there should be a cost and is none.
        """
        # One line: between two an exception may come, also at the end of a `with`, and the lock would stay taken.
        with _lock: self._add(calls, tokens, cost, unpriced=unpriced)  # noqa: E701  # fmt: skip

    def _add(self, calls: str | None, tokens: TokenCounts | None, cost: float | None, *, unpriced: bool) -> None:
        if calls is not None:
            if calls == MODEL_CALLS:
                self.own_model_calls += 1
            else:
                self.own_tool_calls += 1
        one: Totals | None = self
        while one is not None:
            one._take(calls, tokens)
            one.has_gaps = one.has_gaps or unpriced
            if cost is not None:
                one.known_cost = (one.known_cost or 0.0) + cost
            one = one.outer

    def _take(self, calls: str | None, tokens: TokenCounts | None) -> None:
        if calls is not None:
            if calls == MODEL_CALLS:
                self.model_calls += 1
            else:
                self.tool_calls += 1
        if tokens is not None:
            if tokens.input_tokens is not None:
                self.input_tokens = (self.input_tokens or 0) + tokens.input_tokens
            if tokens.output_tokens is not None:
                self.output_tokens = (self.output_tokens or 0) + tokens.output_tokens

    def attributes(self) -> dict[str, int | float]:
        """Return what a span says of them; nothing where nothing was called, and no number that no span can hold."""
        said: dict[str, int | float] = {
            name: value for name, field in _ATTRIBUTES if (value := getattr(self, field)) and value <= _LARGEST
        }
        if (cost := self.cost) is not None:
            said[semconv.TOTAL_COST] = cost  # what costs nothing has a cost
        return said


_ATTRIBUTES = (
    (semconv.TOTAL_INPUT_TOKENS, "input_tokens"),
    (semconv.TOTAL_OUTPUT_TOKENS, "output_tokens"),
    (semconv.TOTAL_MODEL_CALLS, "model_calls"),
    (semconv.TOTAL_TOOL_CALLS, "tool_calls"),
)

_LARGEST = 2**63 - 1
