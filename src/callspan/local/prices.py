"""What the calls of a trace cost that do not say so themselves."""

from __future__ import annotations

from typing import Any

from callspan import semconv
from callspan.core import prices
from callspan.core.operations import count
from callspan.local.trace import Span, Usage, text_in
from callspan.local.usage import Price


def price_from(where: str) -> Price | None:
    """Return the function that tells what a call cost.

    Args:
        where: `off`, `builtin` or a file, as `callspan.core.prices` has it.

    Raises:
        PricesError: There are none: the package is missing, or the file is not what it should be.
    """
    ask = prices.price_from(where)
    if ask is None:
        return None

    def price(span: Span, usage: Usage) -> float | None:
        said = span.raw.attributes
        if said.get(semconv.USAGE_INCOMPLETE) is True:
            return None
        return ask(_models(span), text_in(said, semconv.PROVIDER), usage, span.raw.start, _terms(said))

    return price


def _terms(said: dict[str, Any]) -> prices.Terms:
    tier = next((tier for name in prices.TIERS if (tier := text_in(said, name)) is not None), None)
    return prices.Terms(prices.tier_of(tier), count(said.get(semconv.CACHE_WRITE_1H_TOKENS)) or 0)


def _models(span: Span) -> list[str]:
    """Return the names of the model: the one that answered says more than the one that was asked."""
    names = (text_in(span.raw.attributes, name) for name in (semconv.RESPONSE_MODEL, semconv.REQUEST_MODEL))
    return [name for name in names if name is not None]
