"""Spans made small: of a large file only what numbers are made of stays in memory, packed, until it has been read.

A span of a thousand bytes of JSON takes about a hundred here, whatever was said in it.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from struct import Struct
from typing import Any

from callspan import semconv
from callspan.core.prices import TIERS
from callspan.core.text import cut
from callspan.core.usage import count, counts_in
from callspan.local.kind import HTTP, OTHERS_NAMES, kind_of
from callspan.local.otlp import RawSpan
from callspan.local.trace import Trace, traces_of
from callspan.local.usage import COSTS, cost_in

_SPAN = Struct("<16s8s8sqqId6qd")
"""Trace, span, parent; start and end in nanoseconds; what it is; seconds to the first token; tokens; cost."""

_NONE = b"\0" * 8

_TEXTS = (
    *(semconv.OPERATION, semconv.RUN_TYPE, semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL, semconv.PROVIDER),
    *(semconv.TOOL_NAME, semconv.AGENT_NAME, semconv.WORKFLOW_NAME, semconv.DATA_SOURCE_ID, semconv.RUN_NAME),
    *(semconv.RUN_OUTCOME, semconv.ERROR_TYPE, *OTHERS_NAMES),
    *TIERS,
)
"""Attributes that are kept as they are; a few texts, which come again with every call."""

_FEW_TEXTS = (
    *(semconv.OPERATION, semconv.RUN_TYPE, semconv.RUN_OUTCOME, *OTHERS_NAMES),
    *TIERS,
)
"""Those that are kept of what is new once there are too many different things."""

_SIGNS = (semconv.GRAPH_NODE, *HTTP)
"""Attributes of which is kept that they are there."""

_FLAGS = (semconv.CACHE_HIT, semconv.USAGE_INCOMPLETE)
"""Attributes that are kept where they are true."""

_KEPT = frozenset({*_TEXTS, *_SIGNS, *_FLAGS})

_TOKENS = (
    *(semconv.INPUT_TOKENS, semconv.OUTPUT_TOKENS, semconv.CACHE_READ_TOKENS),
    *(semconv.CACHE_WRITE_TOKENS, semconv.REASONING_TOKENS, semconv.CACHE_WRITE_1H_TOKENS),
)

_LONGEST = 256
"""Characters of a kept text."""

_VARIETY = 20_000
"""How many different things spans may be; after that, what is new is known by its kind alone."""

_PARTS = 64
"""How many parts the traces are in while they wait; one part at a time becomes objects."""

MOST = 100_000
"""Spans of one trace that are put into their places together: more would not fit into memory as objects."""


@dataclass(slots=True)
class _About:
    name: str
    attributes: dict[str, Any]
    failed: bool
    is_remote: bool


_NAME = 256
"""Characters of a name that tell it from others."""


@dataclass(slots=True)
class SlimSpans:
    """Spans, packed.

    Args:
        parts: Their records, by their traces.
        abouts: The different things that they are.
        split: How many traces were so large that they were put together in pieces.
    """

    parts: list[bytearray] = field(default_factory=lambda: [bytearray() for _ in range(_PARTS)])
    abouts: list[_About] = field(default_factory=list[_About])
    split: int = 0
    _places: dict[tuple[Any, ...], int] = field(default_factory=dict[tuple[Any, ...], int])
    _known: dict[tuple[Any, ...], int] = field(default_factory=dict[tuple[Any, ...], int])

    def add(self, span: RawSpan) -> None:
        """Keep what numbers are made of."""
        said = span.attributes
        trace = bytes.fromhex(span.trace_id)
        usage = (*counts_in(said, old_names=True)[:5], count(said.get(semconv.CACHE_WRITE_1H_TOKENS)))
        cost = cost_in(said)
        first = said.get(semconv.TIME_TO_FIRST_CHUNK)
        self.parts[trace[-1] % _PARTS] += _SPAN.pack(
            trace,
            bytes.fromhex(span.span_id),
            _NONE if span.parent_id is None else bytes.fromhex(span.parent_id),
            span.start,
            -1 if span.end is None else span.end,
            self._place(span),
            float(first) if isinstance(first, (int, float)) and not isinstance(first, bool) else math.nan,
            *(-1 if one is None else one for one in usage),
            math.nan if cost is None else cost,
        )

    def traces(self) -> Iterator[Trace]:
        """Return the traces, and forget them; a very large one comes in pieces, as if it were several."""
        for place in range(_PARTS):
            packed, self.parts[place] = self.parts[place], bytearray()
            together: list[int] = []
            for numbers in _by_trace(packed):
                if len(numbers) > MOST:
                    self.split += 1
                for start in range(0, len(numbers), MOST):
                    piece = numbers[start : start + MOST]
                    if len(together) + len(piece) > MOST:
                        yield from self._traces(packed, together)
                        together = []
                    together.extend(piece)
            yield from self._traces(packed, together)

    def _traces(self, packed: bytearray, numbers: Iterable[int]) -> list[Trace]:
        return traces_of(self._unpacked(packed, number) for number in numbers)

    def _unpacked(self, packed: bytearray, number: int) -> RawSpan:
        trace, own, parent, start, end, place, first, *tokens, cost = _SPAN.unpack_from(packed, number * _SPAN.size)
        about = self.abouts[place]
        said = about.attributes
        known = [(name, one) for name, one in zip(_TOKENS, tokens, strict=True) if one >= 0]
        if known or cost == cost or first == first:  # noqa: PLR0124 - a number that is none is not itself
            said = dict(said)
            said.update(known)
            if not math.isnan(cost):
                said[COSTS[0]] = cost
            if not math.isnan(first):
                said[semconv.TIME_TO_FIRST_CHUNK] = first
        return RawSpan(
            trace.hex(),
            own.hex(),
            None if parent == _NONE else parent.hex(),
            about.name,
            start,
            None if end < 0 else end,
            said,
            about.failed,
            is_remote=about.is_remote,
        )

    def _place(self, span: RawSpan) -> int:
        """Return the number of what a span is: its kind, its names, how it ended."""
        said = span.attributes
        kept = [
            (name, value[:_NAME] if isinstance(value, str) else value) for name, value in said.items() if name in _KEPT
        ]
        key = (span.name[:_NAME], span.failed, span.is_remote, *kept)
        try:
            place = self._known.get(key)
        except TypeError:  # a list where a text should be
            return self._new(span)
        if place is None:
            place = self._new(span)
            if len(self._known) < _VARIETY:
                self._known[key] = place
        return place

    def _new(self, span: RawSpan) -> int:
        said = span.attributes
        kind = kind_of(span)
        few = len(self._places) >= _VARIETY
        # What is no call of anything is in no row: its name, which may be different each time, is not needed.
        name = "" if kind in ("http", "other") else span.name.partition(" ")[0] if few else span.name
        texts = _FEW_TEXTS if few else _TEXTS
        kept: dict[str, Any] = {one: cut(said[one], _LONGEST) for one in texts if isinstance(said.get(one), str)}
        kept.update((one, "yes") for one in _SIGNS if one in said)
        kept.update((one, True) for one in _FLAGS if said.get(one) is True)
        name = cut(name, _LONGEST)
        here = [one in kept for one in (*_SIGNS, *_FLAGS)]
        key = (name, span.failed, span.is_remote, *map(kept.get, _TEXTS), *here)
        place = self._places.setdefault(key, len(self.abouts))
        if place == len(self.abouts):
            self.abouts.append(_About(name, kept, span.failed, span.is_remote))
        return place


def _by_trace(packed: bytearray) -> Iterable[array[int]]:
    """Return the numbers of the records of each trace, in their order."""
    found: dict[bytes, array[int]] = {}
    for number in range(len(packed) // _SPAN.size):
        start = number * _SPAN.size
        trace = bytes(packed[start : start + 16])
        if trace not in found:
            found[trace] = array("I")
        found[trace].append(number)
    return found.values()
