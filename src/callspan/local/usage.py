"""Which span owns which tokens: several spans may report one call of a model, which counts once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan import semconv
from callspan.core.prices import Counts
from callspan.core.usage import BILLED, NO_TOKENS, counts_in
from callspan.local.trace import Span, Trace

COSTS = ("gen_ai.usage.cost", "operation.cost")

_DEAREST = 1e9  # US dollars that no call costs

CALLS = BILLED  # all other spans only repeat what the calls below them used

Price = Callable[[Span, Counts], "float | None"]  # returns what a call cost, in US dollars


def own(trace: Trace, price: Price | None = None) -> None:
    """Write on each span the tokens and the cost that it owns; `price` is for calls without a cost of their own."""
    spans = trace.spans
    below = [False] * len(spans)  # whether a span under it owns any
    for place in range(len(spans) - 1, -1, -1):  # children come first
        span = spans[place]
        said = counted(span.raw.attributes)
        inside = span.kind in CALLS and _inside(span, trace)
        if said is not None and not inside and (span.kind in CALLS or not below[place]) and not _is_cached(span):
            span.usage = said
            cost = cost_in(span.raw.attributes)
            priced = cost is None and price is not None and _is_whole(span)
            span.cost = price(span, said) if priced and price is not None else cost
        if span.parent >= 0 and (span.usage is not None or below[place]):
            below[span.parent] = True


def _inside(span: Span, trace: Trace) -> bool:
    """Return whether a span around it reports the same call, and has its tokens."""
    while span.parent >= 0:
        span = trace.spans[span.parent]
        if span.kind in CALLS and counted(span.raw.attributes) is not None:
            return True
    return False


def _is_cached(span: Span) -> bool:
    return span.raw.attributes.get(semconv.CACHE_HIT) is True


def _is_whole(span: Span) -> bool:
    """Return whether input and output are known: half a bill has no price. Embeddings have input only."""
    given, made, *_ = counts_in(span.raw.attributes, old_names=True)
    return given is not None and (made is not None or span.kind == "embedding")


def counted(attributes: dict[str, Any]) -> Counts | None:
    """Return the token counts of a span, or None if it has none."""
    found = counts_in(attributes, old_names=True)
    return None if found == NO_TOKENS else found.known


def cost_in(said: dict[str, Any]) -> float | None:
    """Return the cost among the attributes of a span, in US dollars, or None."""
    for name in COSTS:
        value = said.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _DEAREST:
            return float(value)
    return None
