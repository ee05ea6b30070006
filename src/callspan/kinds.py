"""A kind of run: what a span of it is called and which tables of attributes it is written from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import SpanKind

Reader = Callable[[Any], object]
"""Takes one value from what LangChain said; None where it said nothing; a dict where it said several attributes."""

Table = tuple[tuple[str, Reader], ...]
"""Attributes, one a line: the name (a family's ends with `.*`), and how the value, or the family, is read."""


def _itself(outputs: Any) -> Any:
    return outputs


VISIBLE = {"all": 2, "steps": 1, "calls": 0}
"""By `detail`: the highest `Kind.depth` that gets a span."""


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
