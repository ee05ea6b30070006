"""What callspan may cost. The report says of each gate whether it is met; nothing fails if one is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.contenders import (
    CALLSPAN,
    CALLSPAN_OFF,
    CALLSPAN_SAID,
    CALLSPAN_WORDLESS,
    FLOOR,
    FLOOR_OFF,
    FLOOR_SAID,
    PLAIN,
    TOKENS_HEARD,
    UNINSTRUMENTED,
)
from benchmarks.rotation import Result

AIM, GATE = 1.3, 1.5
"""callspan's increment over plain LangChain, as a multiple of the floor's."""

SAID_GATE = 2.0
"""The same with content on, where the floor writes the same JSON."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate says of one workload."""

    gate: str
    workload: str
    figure: float
    unit: str
    limit: float

    @property
    def met(self) -> bool:
        """Whether the figure is within the limit."""
        return self.figure <= self.limit


def per_run(result: Result, contender: str) -> float:
    """Give the contender's increment over plain LangChain, in microseconds per run."""
    return (result.micros(contender) - result.micros(PLAIN)) / result.runs


def ratio(result: Result) -> float:
    """Give callspan's increment as a multiple of the floor's."""
    floor = per_run(result, FLOOR)
    return per_run(result, CALLSPAN) / floor if floor > 0 else float("nan")


def said_ratio(result: Result) -> float:
    """Give callspan's increment with content on as a multiple of that of a floor which writes the same JSON."""
    floor = per_run(result, FLOOR_SAID)
    return per_run(result, CALLSPAN_SAID) / floor if floor > 0 else float("nan")


def per_token(result: Result, contender: str) -> float:
    """Give the contender's increment over plain LangChain, in microseconds per token, all of the call's in it."""
    return (result.micros(contender) - result.micros(PLAIN)) / result.workload.tokens


def _within_the_floor(result: Result) -> tuple[float, str, float] | None:
    return None if result.workload.tokens else (ratio(result), "x", GATE)


def _said(result: Result) -> tuple[float, str, float] | None:
    return None if result.workload.tokens else (said_ratio(result), "x", SAID_GATE)


def _unsaid(result: Result) -> tuple[float, str, float] | None:
    if result.workload.tokens:
        return None
    return per_run(result, CALLSPAN) - per_run(result, CALLSPAN_WORDLESS), "µs a run", 0.5


def _unheard_tokens(result: Result) -> tuple[float, str, float] | None:
    """One stream has one span: what is above the floor's is paid by its tokens."""
    if not result.workload.tokens:
        return None
    return per_token(result, CALLSPAN) - per_token(result, FLOOR), "µs a token", 0.1


def _heard_tokens(result: Result) -> tuple[float, str, float] | None:
    if not result.workload.tokens:
        return None
    return per_token(result, TOKENS_HEARD) - per_token(result, CALLSPAN), "µs a token", 1.0


def _sampled_out(result: Result) -> tuple[float, str, float] | None:
    if result.workload.tokens:
        return None
    return per_run(result, CALLSPAN_OFF) - per_run(result, FLOOR_OFF), "µs a run", 5.0


def _uninstrumented(result: Result) -> tuple[float, str, float]:
    return 100 * (result.micros(UNINSTRUMENTED) / result.micros(PLAIN) - 1), "%", 2.0


_GATES: tuple[tuple[str, Callable[[Result], tuple[float, str, float] | None]], ...] = (
    ("callspan / floor", _within_the_floor),
    ("content on / floor with the same JSON", _said),
    ("content off, above the same without its code", _unsaid),
    ("a token that nobody hears, above the floor", _unheard_tokens),
    ("a token that a def hears, above one that nobody hears", _heard_tokens),
    ("sampled out, above the floor", _sampled_out),
    ("after uninstrument(), above plain", _uninstrumented),
)


def verdicts(results: list[Result]) -> Iterator[Verdict]:
    """Give what every gate says of every workload it is about."""
    for name, gate in _GATES:
        for result in results:
            if (found := gate(result)) is not None:
                yield Verdict(name, f"{result.workload.name}, {result.workload.mode}", *found)
    yield from _state(results)


def _state(results: list[Result]) -> Iterator[Verdict]:
    """Compare the graphs: their runs must not cost more for a larger state."""
    for mode in ("sync", "async"):
        graphs = [r for r in results if r.workload.name.startswith("graph") and r.workload.mode == mode]
        if len(graphs) > 1:
            small, large = (per_run(graph, CALLSPAN) for graph in (graphs[0], graphs[-1]))
            yield Verdict("ten times the state", f"graph, {mode}", large - small, "µs a run", 2.0)
