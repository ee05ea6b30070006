"""A kind of run: what a span of it is called and which tables of attributes it is written from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from opentelemetry.trace import SpanContext, SpanKind

from callspan.core.usage import BILLED, TokenCounts

Reader = Callable[[Any], object]
"""Takes one value from what LangChain said; None where it said nothing; a dict where it said several attributes."""

Table = tuple[tuple[str, Reader | str], ...]
"""Attributes, one a line: the name (a family's ends with `.*`), and how the value, or the family, is read; or a value
that is always the same."""

VISIBLE = {"all": 2, "steps": 1, "calls": 0}
"""By `detail`: the highest `Operation.depth` that gets a span."""


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
class Operation:
    """One row of the span table: a record of pure functions over what LangChain announced.

    Args:
        name: `llm`, `chain`, `tool`, `retriever` or `embedding`.
        span_prefix: The first word of the span's name.
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
        input_content: The content that is known at the start (`capture.Said`).
        output_content: The content that is known at the end.
        shared: The kind of a call that other instrumentations may see too; empty if they do not.
        is_billed: Whether it may have a cost.
    """

    name: str
    span_prefix: str
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
    input_content: tuple[Any, ...] = ()
    output_content: tuple[Any, ...] = ()
    shared: str = field(init=False)
    is_billed: bool = field(init=False)

    def __post_init__(self) -> None:
        # What the conventions have no operation for, no other instrumentation has.
        is_shared = self.operation is not None and self.name in ("llm", "embedding", "retriever")
        object.__setattr__(self, "shared", self.name if is_shared else "")
        object.__setattr__(self, "is_billed", self.name in BILLED)


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
        """Return whether it hears this run; asked once, when it starts."""
        ...

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Receive that a span started."""
        ...

    def on_end(self, span: Any) -> None:
        """Receive that a span ended."""
        ...
