"""The clock: all contenders in turn, many short rounds in one process, and the lower quartile of each one's rounds.

So a slow minute of the machine meets all contenders alike. CPU time of the process, all threads included; the garbage
collector is on, and starts each turn with nothing to do.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import process_time_ns
from typing import Any

from benchmarks.contenders import Contender, all_contenders
from benchmarks.floor import Bare, recorded, write
from benchmarks.workloads import Workload

_WARM = 5
"""Every so many measured calls there is one before them that is not: patches make the interpreter specialise anew."""


@dataclass(slots=True)
class Result:
    """What was measured of one workload.

    Args:
        workload: The workload.
        spans: The spans that callspan writes for it.
        said: Those that it writes with content on.
        times: By contender: CPU nanoseconds per call, one figure a round.
    """

    workload: Workload
    spans: tuple[Bare, ...]
    said: tuple[Bare, ...]
    times: dict[str, list[float]] = field(default_factory=dict)
    calls: int = 1

    @property
    def runs(self) -> int:
        """How many LangChain runs a call has."""
        return sum(bare.count() for bare in self.spans)

    def micros(self, contender: str) -> float:
        """Give the contender's CPU microseconds per call: the lower quartile of its rounds."""
        times = sorted(self.times[contender])
        return times[len(times) // 4] / 1000


def measure(workloads: Sequence[Workload], *, rounds: int, turn: int) -> list[Result]:
    """Run every workload under every contender.

    Args:
        workloads: What to run.
        rounds: How often each contender has its turn.
        turn: How long plain LangChain runs in one turn, in nanoseconds; the others get as many calls.
    """
    results = [Result(workload, recorded(workload), recorded(workload, "span_only")) for workload in workloads]
    contenders = all_contenders()
    with asyncio.Runner() as runner:
        for result in results:
            result.times = {contender.name: [] for contender in contenders if contender.of(result.workload)}
            result.calls = _calls_in(turn, result, contenders[0], runner)
        gc.collect()
        gc.freeze()  # what is imported is not looked through again and again
        for _ in range(rounds):
            for contender in contenders:
                _turn(contender, results, runner)
    gc.unfreeze()
    return results


def _turn(contender: Contender, results: list[Result], runner: asyncio.Runner) -> None:
    """Give a contender its turn at every workload; so what it puts in place is put there once a round."""
    with contender.in_place():
        for result in results:
            if not contender.of(result.workload):
                continue
            _time(contender, result, runner, result.calls // _WARM + 1)
            gc.collect()
            result.times[contender.name].append(_time(contender, result, runner, result.calls))


def _calls_in(turn: int, result: Result, plain: Contender, runner: asyncio.Runner) -> int:
    _time(plain, result, runner, 1)
    return max(1, int(turn / _time(plain, result, runner, 2)))


def _time(contender: Contender, result: Result, runner: asyncio.Runner, calls: int) -> float:
    """Give the CPU nanoseconds per call of so many calls."""
    call, config, write_floor = result.workload.call, contender.config, _floor_of(contender, result)
    if result.workload.mode == "async":
        return runner.run(_atime(call, config, write_floor, calls))
    begin = process_time_ns()
    for _ in range(calls):
        call(config)
        if write_floor is not None:
            write_floor()
    return (process_time_ns() - begin) / calls


async def _atime(call: Callable[[Any], Any], config: Any, write_floor: Callable[[], None] | None, calls: int) -> float:
    begin = process_time_ns()
    for _ in range(calls):
        await call(config)
        if write_floor is not None:
            write_floor()
    return (process_time_ns() - begin) / calls


def _floor_of(contender: Contender, result: Result) -> Callable[[], None] | None:
    tracer = contender.tracer
    spans = result.said if contender.said else result.spans
    return None if tracer is None else lambda: write(tracer, spans)
