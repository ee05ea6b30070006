"""What calls of models add up to, and what of it is not known."""

from __future__ import annotations

from dataclasses import dataclass

from callspan.core.usage import UsageRecord


@dataclass(frozen=True, slots=True)
class Sum:
    """What several calls add up to.

    Args:
        calls: How many models and embeddings were called; one that a cache answered too.
        cached: How many of them LangChain's cache answered, or a callback.
        input_tokens: All tokens of the input, cached ones included.
        output_tokens: All tokens of the output, reasoning included.
        cache_read: Those of the input that came from the provider's cache.
        cache_write: Those of the input that were written to it.
        reasoning: Those of the output that the models thought with.
        cost: What the calls cost whose cost is known, in US dollars; None if that is so of none.
        uncounted: Calls that do not say what they used: failed, cut short, or of a model that never says.
        unpriced: Calls that say what they used, or a part of it, whose cost is not known.
    """

    calls: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost: float | None = None
    uncounted: int = 0
    unpriced: int = 0

    @property
    def tokens(self) -> int:
        """All tokens, of input and output."""
        return self.input_tokens + self.output_tokens

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing in the tokens and the cost."""
        return not self.uncounted and not self.unpriced

    def plus(self, record: UsageRecord, cost: float | None) -> Sum:
        """Return the sum with one call more; `cost` is in US dollars, None if it is not known."""
        used = record.tokens
        return Sum(
            self.calls + 1,
            self.cached + record.cached,
            self.input_tokens + (used.input_tokens or 0),
            self.output_tokens + (used.output_tokens or 0),
            self.cache_read + (used.cache_read or 0),
            self.cache_write + (used.cache_write or 0),
            self.reasoning + (used.reasoning or 0),
            self.cost if cost is None else (self.cost or 0.0) + cost,
            self.uncounted + (not record.is_counted),
            self.unpriced + (record.is_counted and cost is None),
        )
