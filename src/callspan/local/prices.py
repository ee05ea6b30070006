"""The cost of calls in a trace that do not report their own."""

from __future__ import annotations

from callspan.core import prices
from callspan.core.prices import Counts
from callspan.core.usage import usage_record
from callspan.local.trace import Span
from callspan.local.usage import Price


def price_from(where: str) -> Price | None:
    """Return the function that gives the cost of a span, or None for `off`.

    Args:
        where: `off`, `builtin` or a JSON file, as in `callspan.core.prices`.

    Raises:
        PricesError: There are no such prices: the package is missing, or the file is invalid.
    """
    ask = prices.price_from(where)
    if ask is None:
        return None

    def price(span: Span, counts: Counts) -> float | None:
        record = usage_record(span.raw.attributes, None, span.raw.start)
        if record.is_incomplete:
            return None
        return ask(record.models, record.provider, counts, record.at, record.terms)

    return price
