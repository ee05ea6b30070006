"""How long runs take: percentiles by kind and name, the slowest ones, and the time to the first token."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from threading import RLock
from types import MappingProxyType
from typing import Any

from opentelemetry.trace import SpanContext

from callspan.callback.callback import Callback
from callspan.core.run import Run
from callspan.handlers.arguments import whole
from callspan.handlers.histogram import Histogram, Timing

OTHERS = "(others)"
"""Stands for all names beyond those that are kept."""


@dataclass(frozen=True, slots=True)
class Slow:
    """One run that took long.

    Args:
        kind: What it was.
        name: Its name; of a model, which one was asked.
        seconds: How long it took.
        outcome: How it ended.
        started_at: When it began, in UTC.
        run_id: LangChain's id of it.
        span_context: The ids of its trace and span.
    """

    kind: str
    name: str
    seconds: float
    outcome: str
    started_at: datetime
    run_id: Any
    span_context: SpanContext


@dataclass(frozen=True, slots=True)
class Latencies:
    """What was measured up to one moment; nothing changes it any more.

    Args:
        kinds: By kind.
        names: By kind and name; of models and embeddings, the name is that of the model asked.
        first_tokens: By kind and name, the time to the first token of those that streamed.
        slowest: The runs that took longest, the longest first.
    """

    kinds: Mapping[str, Timing]
    names: Mapping[tuple[str, str], Timing]
    first_tokens: Mapping[tuple[str, str], Timing]
    slowest: tuple[Slow, ...]


class Latency(Callback):
    """Measures how long the runs took that it hears, in memory that does not grow with them.

    Percentiles are at most 2 % off. A run that failed, was cut short or waits for somebody took its time too.

    Args:
        slowest: How many of the slowest runs are kept.
        names: How many names are kept apart; further ones are one, `(others)`, for each kind.

    Raises:
        ValueError: One of them is below 0.
    """

    def __init__(self, *, slowest: int = 10, names: int = 500) -> None:
        self._most, self._room = whole("slowest", slowest, 0), whole("names", names, 0)
        self._lock = RLock()
        self._clear()

    def _clear(self) -> None:
        self._kinds: dict[str, Histogram] = {}
        self._names: dict[tuple[str, str], Histogram] = {}
        self._first: dict[tuple[str, str], Histogram] = {}
        self._slowest: list[tuple[float, int, Slow]] = []
        self._order = count()  # of two that took as long, the later one is no slower

    def on_run_end(self, run: Run) -> None:
        seconds = run.duration
        if seconds is None:
            return
        first = run.time_to_first_token
        name = run.model or run.name
        with self._lock:
            key = self._kept(run.kind, name)
            self._kinds.setdefault(run.kind, Histogram()).add(seconds)
            self._names.setdefault(key, Histogram()).add(seconds)
            if first is not None:
                self._first.setdefault(key, Histogram()).add(first)
            if len(self._slowest) < self._most or (self._slowest and seconds > self._slowest[0][0]):
                self._keep(run, name, seconds)

    def on_run_error(self, run: Run) -> None:
        self.on_run_end(run)

    def _kept(self, kind: str, name: str) -> tuple[str, str]:
        known = (kind, name) in self._names or len(self._names) < self._room
        return kind, name if known else OTHERS

    def _keep(self, run: Run, name: str, seconds: float) -> None:
        span = run.span.get_span_context()
        slow = Slow(run.kind, name, seconds, run.outcome or "", run.started_at, run.id, span)
        heapq.heappush(self._slowest, (seconds, -next(self._order), slow))
        if len(self._slowest) > self._most:
            heapq.heappop(self._slowest)

    def snapshot(self) -> Latencies:
        """Return what was measured up to now."""
        with self._lock:
            return self._read()

    def reset(self) -> Latencies:
        """Begin anew, and give what was measured up to now."""
        with self._lock:
            measured = self._read()
            self._clear()
        return measured

    def _read(self) -> Latencies:
        slowest = tuple(slow for _, _, slow in sorted(self._slowest, reverse=True))
        return Latencies(_timings(self._kinds), _timings(self._names), _timings(self._first), slowest)


def _timings(histograms: Mapping[Any, Histogram]) -> Mapping[Any, Timing]:
    return MappingProxyType({key: timing for key, one in histograms.items() if (timing := one.timing()) is not None})
