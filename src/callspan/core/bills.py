"""What a model's call is billed for: which model answered, what it used, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callspan import semconv
from callspan.core import spans
from callspan.core.operations import TokenCounts, count
from callspan.core.prices import STANDARD, TIERS, Price, Terms, tier_of

BILLED = ("llm", "embedding")
"""The kinds of runs that use tokens."""

_NO_TOKENS = TokenCounts()


@dataclass(frozen=True, slots=True)
class Bill:
    """What one call is billed for.

    Args:
        models: The names of its model: the one that answered, then the one that was asked.
        provider: The provider, in the conventions' words.
        tokens: What it used.
        cached: Whether no model was asked: LangChain's cache answered, or a callback did.
        at: When it began, in nanoseconds since 1970.
        terms: What it is billed by, beside its model and its tokens.
        is_incomplete: Whether the tokens are known to be not all that is billed.
    """

    models: tuple[str, ...]
    provider: str | None
    tokens: TokenCounts
    cached: bool
    at: int
    terms: Terms = STANDARD
    is_incomplete: bool = False

    @property
    def is_counted(self) -> bool:
        """Whether anybody said what it used; a cached answer used nothing."""
        return self.cached or self.tokens.input_tokens is not None or self.tokens.output_tokens is not None

    @property
    def is_whole(self) -> bool:
        """Whether all that is billed is known: the price of a part looks like the whole."""
        used = self.tokens
        return used.input_tokens is not None and used.output_tokens is not None and not self.is_incomplete

    def cost(self, price: Price | None) -> float | None:
        """Give what it cost, in US dollars; None if that is not known.

        Args:
            price: Tells what calls cost.
        """
        if self.cached:
            return 0.0
        if price is None or not self.is_whole:
            return None
        used = self.tokens
        counts = (used.input_tokens, used.output_tokens, used.cache_read, used.cache_write, used.reasoning)
        first, second, third, fourth, fifth = (count or 0 for count in counts)
        counted = (first, second, third, fourth, fifth)
        return spans.attempt("a price", price, self.models, self.provider, counted, self.at, self.terms)


SKIPPED = "skipped"
"""The outcome of a call that a callback answered."""


def bill(said: Mapping[str, Any], tokens: TokenCounts | None, at: int, outcome: str | None = None) -> Bill:
    """Make the bill of a call from what its span says.

    Args:
        said: The attributes.
        tokens: What it used, as far as that is known.
        at: When it began, in nanoseconds since 1970.
        outcome: How it ended.
    """
    names = (said.get(name) for name in (semconv.RESPONSE_MODEL, semconv.REQUEST_MODEL))
    models = tuple(dict.fromkeys(name for name in names if isinstance(name, str)))
    provider = said.get(semconv.PROVIDER)
    return Bill(
        models,
        provider if isinstance(provider, str) else None,
        _NO_TOKENS if tokens is None or outcome == SKIPPED else tokens,
        cached=said.get(semconv.CACHE_HIT) is True or outcome == SKIPPED,
        at=at,
        terms=terms_in(said),
        is_incomplete=said.get(semconv.USAGE_INCOMPLETE) is True,
    )


def terms_in(said: Mapping[str, Any]) -> Terms:
    """Return what a call is billed by, from what its span says.

    Args:
        said: The attributes.
    """
    tier = next((said[name] for name in TIERS if said.get(name)), None)
    return Terms(tier_of(tier), count(said.get(semconv.CACHE_WRITE_1H_TOKENS)) or 0)


_BILLED_BY = (semconv.RESPONSE_MODEL, semconv.CACHE_HIT, "openai.response.*", "langchain.usage.*")
"""The attributes of an answer, or families of them, that a bill is made from."""


def bill_of(run: Any) -> Bill:
    """Make the bill of a run that has ended, whether or not its span is recorded.

    Args:
        run: The run.
    """
    answer = run.answer
    if answer is None and run.outputs is not None:
        answer = run.taken_apart(run.outputs)
    wanted = tuple(line for line in run.row.end if line[0] in _BILLED_BY)
    said = {} if answer is None else spans.read(wanted, answer)
    return bill(billed_by(run, said), run.usage, run.started, run.outcome)


def billed_by(run: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that a bill is made from.

    Args:
        run: The run, which has not been closed.
        said: Those of its answer.
    """
    tier = spans.attempt("a service tier", run.row.tier, run)
    return {semconv.OPENAI_REQUEST_SERVICE_TIER: tier, **run.identity, **said}
