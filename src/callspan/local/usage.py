"""Whose tokens they are: a call of a model is told by several spans, and counts once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from callspan import semconv
from callspan.core.operations import count
from callspan.local.trace import Span, Trace, Usage

_NAMES = (
    (semconv.INPUT_TOKENS, "gen_ai.usage.prompt_tokens"),
    (semconv.OUTPUT_TOKENS, "gen_ai.usage.completion_tokens"),
    (semconv.CACHE_READ_TOKENS,),
    (semconv.CACHE_WRITE_TOKENS, "gen_ai.usage.cache_creation.input_tokens"),
    (semconv.REASONING_TOKENS,),
)
"""What is counted, by the names of today and of before."""

_COUNTED = frozenset(name for names in _NAMES for name in names)

COSTS = ("gen_ai.usage.cost", "operation.cost")

_DEAREST = 1e9
"""US dollars that no call costs."""

CALLS = ("llm", "embedding")
"""The kinds that use tokens; all others only tell what those below them used."""

Price = Callable[[Span, Usage], "float | None"]
"""Gives what a call cost, in US dollars, or None."""


def own(trace: Trace, price: Price | None = None) -> None:
    """Return each span the tokens and the cost that it owns.

    Args:
        trace: The trace.
        price: Tells what a call cost that does not say so itself.
    """
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
    """Return whether a call is told by a span around it already, which has counted."""
    while span.parent >= 0:
        span = trace.spans[span.parent]
        if span.kind in CALLS and counted(span.raw.attributes) is not None:
            return True
    return False


def _is_cached(span: Span) -> bool:
    return span.raw.attributes.get(semconv.CACHE_HIT) is True


def _is_whole(span: Span) -> bool:
    """Return whether input and output are known: half a bill has no price. Embeddings have input only."""
    given, made, *_ = counts_in(span.raw.attributes)
    return given is not None and (made is not None or span.kind == "embedding")


def counted(said: dict[str, Any]) -> Usage | None:
    """Return the tokens that attributes tell, or None if they tell none.

    Args:
        said: The attributes.
    """
    found = counts_in(said)
    if all(one is None for one in found):
        return None
    first, second, third, fourth, fifth = (one or 0 for one in found)
    return first, second, third, fourth, fifth


def counts_in(said: dict[str, Any]) -> Sequence[int | None]:
    """Return each count that attributes tell, in the order of `Usage`; None where they tell none.

    Args:
        said: The attributes.
    """
    if _COUNTED.isdisjoint(said):
        return _NOT_COUNTED
    return [next((n for name in names if (n := count(said.get(name))) is not None), None) for names in _NAMES]


_NOT_COUNTED = (None,) * 5


def cost_in(said: dict[str, Any]) -> float | None:
    """Return the cost that attributes tell, in US dollars, or None.

    Args:
        said: The attributes.
    """
    for name in COSTS:
        value = said.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _DEAREST:
            return float(value)
    return None
