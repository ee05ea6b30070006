"""A kind of run: what a span of it is called and which tables of attributes it is written from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Real
from operator import index
from typing import Any, NamedTuple, Protocol

from opentelemetry.trace import SpanContext, SpanKind

Reader = Callable[[Any], object]
"""Takes one value from what LangChain said; None where it said nothing; a dict where it said several attributes."""

Table = tuple[tuple[str, Reader | str], ...]
"""Attributes, one a line: the name (a family's ends with `.*`), and how the value, or the family, is read; or a value
that is always the same."""

VISIBLE = {"all": 2, "steps": 1, "calls": 0}
"""By `detail`: the highest `Kind.depth` that gets a span."""

MODEL_CALLS, TOOL_CALLS = "model_calls", "tool_calls"


MOST_TOKENS = 2**53
"""No count reaches this; from there on a number that passed through a float may be another one."""


def count(value: object) -> int | None:
    """Return a number of tokens as an int, or None if the value is no count.

    A whole number is a count whatever its type: numpy's integers, 12.0, `Decimal(12)`. A bool, a fraction, a text, NaN,
    and what is below zero are none.

    Args:
        value: Anything that a model reports.
    """
    if type(value) is int:  # nearly always
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
        return None if type(value).__name__ in _BOOLS else index(value)
    if not isinstance(value, (Real, Decimal)):
        return None
    number: Any = value if isinstance(value, Decimal) else float(value)
    if not 0 <= number < MOST_TOKENS:  # first, as `int` of a huge Decimal takes hours
        return None
    whole = int(number)
    return whole if whole == number else None


_BOOLS = ("bool", "bool_")
"""numpy's, of either generation: older ones have an index too."""


class TokenCounts(NamedTuple):
    """What one call used; None where nobody says.

    Args:
        input_tokens: All tokens of the input, cached ones included.
        output_tokens: All tokens of the output, reasoning included.
        cache_read: Those of the input that came from the provider's cache.
        cache_write: Those of the input that were written to it.
        reasoning: Those of the output that the model thought with.
        audio_input: Those of the input that are sound.
        audio_output: Those of the output that are.
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


@dataclass(frozen=True, slots=True)
class SpanLink:
    """Why a run was made: another span, named by a link and, as some stores lose that, by an attribute too.

    Args:
        name: The attribute: `langchain.asked_by` and its likes.
        span: The other span.
        attributes: What else is known of it; written on the span.
    """

    name: str
    span: SpanContext
    attributes: dict[str, Any] = field(default_factory=dict)


def _itself(outputs: Any) -> Any:
    return outputs


def _nothing(answer: Any) -> None:
    return None


def _none(run: Any) -> tuple[()]:
    return ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the span table: a record of pure functions over what LangChain announced.

    Args:
        name: `llm`, `chain`, `tool`, `retriever` or `embedding`.
        word: The first word of the span's name.
        span_kind: CLIENT for what leaves the process, else INTERNAL.
        depth: 0 for calls, 1 for the steps of a graph, 2 for plain chains: what `detail` hides by.
        target: The identity attribute that is the second word of the span's name; None: the run's own name is.
        identity: Attributes that the sampler sees; they are read for each run.
        start: Attributes known at the start; read when the span records.
        end: Attributes read from what `answer` gives; read when the span records.
        answer: Takes what LangChain reported as the result apart, once for all readers of `end`.
        tokens: What the call used, from what `answer` gives.
        tier: The service tier that a run asks for, if it does; what the answer says of it counts more.
        calls: What the totals of the runs around it count it as.
        totals: Whether it has totals of its own also where it is no root.
        operation: The conventions' operation, if it has one.
        messages: Gives the messages that a model is asked, from the run.
        message: Gives the message that it answers with, from what LangChain reported.
        made: Makes its answer of what a hook skips it with, from the run and that; None: it cannot be skipped.
        asked: The content that is known at the start (`capture.Said`).
        answered: The content that is known at the end.
        shared: The kind of a call that other instrumentations may see too; empty if they do not.
        is_billed: Whether it may have a cost.
    """

    name: str
    word: str
    span_kind: SpanKind
    depth: int
    target: str | None
    identity: Table = ()
    start: Table = ()
    end: Table = ()
    answer: Callable[[Any], Any] = _itself
    tokens: Callable[[Any], TokenCounts | None] = _nothing
    tier: Callable[[Any], str | None] = _nothing
    calls: str | None = None
    totals: bool = False
    operation: str | None = None
    messages: Callable[[Any], Sequence[Any]] = _none
    message: Callable[[Any], Any] = _nothing
    made: Callable[[Any, Any], Any] | None = None
    asked: tuple[Any, ...] = ()
    answered: tuple[Any, ...] = ()
    shared: str = field(init=False)
    is_billed: bool = field(init=False)

    def __post_init__(self) -> None:
        # What the conventions have no operation for, no other instrumentation has.
        is_shared = self.operation is not None and self.name in ("llm", "embedding", "retriever")
        object.__setattr__(self, "shared", self.name if is_shared else "")
        object.__setattr__(self, "is_billed", self.name in ("llm", "embedding"))


class Subscriber(Protocol):
    """Who hears runs: a callback, as the lower floors know it."""

    raise_error: bool
    """Whether every exception of its hooks gets out."""

    callspan_heard: frozenset[str]
    """The hooks that it has."""

    callspan_spans: bool
    """Whether it is told of spans too, as a span processor."""

    callspan_keywords: bool
    """Whether hooks in the middle of a run get, last of all, the other keywords that LangChain told it with."""

    callspan_failures: int
    """How often its hooks failed in a row."""

    callspan_checked: bool
    """Whether it was checked for mistakes that would let it receive nothing."""

    def wants(self, run: Any) -> bool:
        """Tell whether it hears this run; asked once, when it starts."""
        ...

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Hear that a span started."""
        ...

    def on_end(self, span: Any) -> None:
        """Hear that a span ended."""
        ...
