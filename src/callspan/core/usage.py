"""What a model's call used and what that costs: token counts, the record of one call, and totals of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from operator import index
from threading import RLock
from typing import Any, NamedTuple

from callspan import semconv
from callspan.core.prices import STANDARD, TIERS, Counts, Price, Terms, tier_of

BILLED = ("llm", "embedding")  # the kinds of runs that use tokens

MODEL_CALLS, TOOL_CALLS = "model_calls", "tool_calls"  # what totals count a run as

# No count reaches this. Above it, a number that passed through a float may be another one.
MOST_TOKENS = 2**53


def count(value: object) -> int | None:
    """Return a number of tokens as an int, or None if the value is no count.

    A whole number of any type is a count: numpy's integers, 12.0, `Decimal(12)`. A bool, a fraction, a text, NaN and a
    negative number are none.
    """
    if type(value) is int:  # the usual case
        return value if 0 <= value < MOST_TOKENS else None
    if value is None or isinstance(value, bool):
        return None
    try:
        number = _whole(value)
    except (TypeError, ValueError, ArithmeticError):  # an array of several, a Decimal that is NaN
        return None
    return number if number is not None and 0 <= number < MOST_TOKENS else None


def _whole(value: Any) -> int | None:
    if hasattr(type(value), "__index__"):
        return None if type(value).__name__ in ("bool", "bool_") else index(value)  # older bools of numpy have it too
    if not isinstance(value, (Real, Decimal)):
        return None
    number: Any = value if isinstance(value, Decimal) else float(value)
    if not 0 <= number < MOST_TOKENS:  # first, as `int` of a huge Decimal takes hours
        return None
    whole = int(number)
    return whole if whole == number else None


class TokenCounts(NamedTuple):
    """What one call used; None where it is not known.

    Args:
        input_tokens: All tokens of the input, cached ones included.
        output_tokens: All tokens of the output, reasoning included.
        cache_read: Input tokens that came from the provider's cache.
        cache_write: Input tokens that were written to it.
        reasoning: Output tokens of the model's reasoning.
        audio_input: Input tokens that are audio.
        audio_output: Output tokens that are audio.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None

    @property
    def total_tokens(self) -> int | None:
        """All tokens, of input and output; None where one of the two is not known."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    @property
    def known(self) -> Counts:
        """The five counts that have a price, with 0 for what is not known."""
        first, second, third, fourth, fifth = (number or 0 for number in self[:5])
        return first, second, third, fourth, fifth


NO_TOKENS = TokenCounts()

_ATTRIBUTES = (
    (semconv.INPUT_TOKENS, "gen_ai.usage.prompt_tokens"),
    (semconv.OUTPUT_TOKENS, "gen_ai.usage.completion_tokens"),
    (semconv.CACHE_READ_TOKENS,),
    (semconv.CACHE_WRITE_TOKENS, "gen_ai.usage.cache_creation.input_tokens"),
    (semconv.REASONING_TOKENS,),
)  # the name of today, then the one of before

_ALL_NAMES = frozenset(name for names in _ATTRIBUTES for name in names)


def counts_in(attributes: Mapping[str, Any], *, old_names: bool = False) -> TokenCounts:
    """Return the token counts among the attributes of a span, also by the names of before if they are wanted."""
    if _ALL_NAMES.isdisjoint(attributes):
        return NO_TOKENS
    found: list[int | None] = []
    for name, *before in _ATTRIBUTES:
        number = count(attributes.get(name))
        if number is None and old_names and before:
            number = count(attributes.get(before[0]))
        found.append(number)
    return TokenCounts(*found)


def completed(ours: TokenCounts | None, theirs: TokenCounts | None) -> TokenCounts | None:
    """Return our counts of a call, with another instrumentation's where we have none."""
    if ours is None or theirs is None:
        return ours or theirs
    return TokenCounts(*(other if own is None else own for own, other in zip(ours, theirs, strict=True)))


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What one call is billed for.

    Args:
        models: The names of its model: the one that answered, then the one that was requested.
        provider: The provider, as the conventions name it.
        tokens: What it used.
        cached: Whether no model was called: LangChain's cache answered, or a callback did.
        at: When it began, in nanoseconds since 1970.
        terms: What changes its price, apart from the model and the tokens.
        is_incomplete: Whether the provider bills more than these tokens.
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
        """Whether a token count is known; a cached answer used none."""
        return self.cached or self.tokens.input_tokens is not None or self.tokens.output_tokens is not None

    @property
    def is_whole(self) -> bool:
        """Whether all that is billed is known: the price of a part would look like the whole."""
        return self.tokens.total_tokens is not None and not self.is_incomplete

    def cost(self, price: Price | None) -> float | None:
        """Return what it cost, in US dollars; None if that is not known."""
        if self.cached:
            return 0.0
        if price is None or not self.is_whole:
            return None
        return price(self.models, self.provider, self.tokens.known, self.at, self.terms)


def usage_record(
    attributes: Mapping[str, Any], tokens: TokenCounts | None, at: int, *, skipped: bool = False
) -> UsageRecord:
    """Return the record of a call from the attributes of its span.

    Args:
        attributes: The attributes.
        tokens: What it used, if that is known.
        at: When it began, in nanoseconds since 1970.
        skipped: Whether a callback answered it.
    """
    names = (attributes.get(name) for name in (semconv.RESPONSE_MODEL, semconv.REQUEST_MODEL))
    provider = attributes.get(semconv.PROVIDER)
    tier = next((attributes[name] for name in TIERS if attributes.get(name)), None)
    return UsageRecord(
        tuple(dict.fromkeys(name for name in names if isinstance(name, str))),
        provider if isinstance(provider, str) else None,
        NO_TOKENS if tokens is None or skipped else tokens,
        cached=skipped or attributes.get(semconv.CACHE_HIT) is True,
        at=at,
        terms=Terms(tier_of(tier), count(attributes.get(semconv.CACHE_WRITE_1H_TOKENS)) or 0),
        is_incomplete=attributes.get(semconv.USAGE_INCOMPLETE) is True,
    )


# Runs end in several threads at once, and a sum is read before it is written. A signal handler that makes calls comes
# in the middle of that in the same thread.
_lock = RLock()


class Totals:
    """Adds up what ends inside one run; the totals of the run around it (`outer`) get everything too."""

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
        """The cost of all calls, in US dollars; None if that of one is not known."""
        return None if self.has_gaps else self.known_cost

    def add(
        self, calls: str | None, tokens: TokenCounts | None, cost: float | None = None, *, unpriced: bool = False
    ) -> None:
        """Add a run that ended.

        Args:
            calls: What it counts as: `MODEL_CALLS`, `TOOL_CALLS` or nothing.
            tokens: What it used, if that is known.
            cost: What it cost, in US dollars, if that is known.
            unpriced: Whether there should be a cost and is none.
        """
        # One line: between two an exception may come, also at the end of a `with`, and the lock would stay taken.
        with _lock: self._add(calls, tokens or NO_TOKENS, cost, unpriced=unpriced)  # noqa: E701  # fmt: skip

    def _add(self, calls: str | None, tokens: TokenCounts, cost: float | None, *, unpriced: bool) -> None:
        models, tools = calls == MODEL_CALLS, calls == TOOL_CALLS
        self.own_model_calls += models
        self.own_tool_calls += tools
        used, made = tokens.input_tokens, tokens.output_tokens
        one: Totals | None = self
        while one is not None:
            one.model_calls += models
            one.tool_calls += tools
            if used is not None:
                one.input_tokens = (one.input_tokens or 0) + used
            if made is not None:
                one.output_tokens = (one.output_tokens or 0) + made
            if cost is not None:
                one.known_cost = (one.known_cost or 0.0) + cost
            one.has_gaps = one.has_gaps or unpriced
            one = one.outer

    def attributes(self) -> dict[str, int | float]:
        """Return the totals as attributes; nothing where nothing was called, and no number that no span can hold."""
        values: dict[str, int | float] = {
            name: value for name, field in _TOTALS if (value := getattr(self, field)) and value < 2**63
        }
        if (cost := self.cost) is not None:
            values[semconv.TOTAL_COST] = cost  # 0 is a cost
        return values


_TOTALS = (
    (semconv.TOTAL_INPUT_TOKENS, "input_tokens"),
    (semconv.TOTAL_OUTPUT_TOKENS, "output_tokens"),
    (semconv.TOTAL_MODEL_CALLS, "model_calls"),
    (semconv.TOTAL_TOOL_CALLS, "tool_calls"),
)
