"""Many runs while callbacks come and go: whoever heard a run's start hears one end of it, and nothing else."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from tests.modes.models.chat_models import ChatNative

import callspan
from callspan.testing import Recording, record

Fn = Callable[..., Any]

RUNS, CALLBACKS = 200, 50


class Counting(callspan.Callback):
    """Counts what it hears of each run."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, str]] = []  # a list's append is atomic, a counter's is not

    def on_run_start(self, run: callspan.Run) -> None:
        self.told.append((run.id, "start"))

    def on_run_end(self, run: callspan.Run) -> None:
        self.told.append((run.id, "end"))

    def on_run_error(self, run: callspan.Run) -> None:
        self.told.append((run.id, "error"))

    def check(self) -> set[Any]:
        """See that each run that was heard has one start and one end; give the runs."""
        runs = {run for run, _ in self.told}
        counts = Counter(self.told)
        for run in runs:
            assert counts[run, "start"] == 1
            assert counts[run, "end"] + counts[run, "error"] == 1
        return runs


class CountingAsync(Counting):
    """The same, in tasks."""

    async def on_run_start(self, run: callspan.Run) -> None:  # type: ignore[override]
        super().on_run_start(run)  # first: the rest may be cancelled with its run
        await asyncio.sleep(0)

    async def on_run_end(self, run: callspan.Run) -> None:  # type: ignore[override]
        super().on_run_end(run)
        await asyncio.sleep(0)


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def fails(value: Any) -> None:
    raise LookupError(value)


def spell(chunks: Any) -> Iterator[str]:
    for chunk in chunks:
        yield from chunk


async def aspell(chunks: Any) -> Any:
    async for chunk in chunks:
        for letter in chunk:
            await asyncio.sleep(0)
            yield letter


async def slow(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


letters: Any = RunnableGenerator(spell, aspell)
f: Any = RunnableLambda(lambda value: value, slow, name="f")
chain: Any = f | ChatNative()
failing: Any = f | RunnableLambda(fails)


def streamed(config: Any) -> None:
    assert list(letters.stream("xyz", config)) == ["x", "y", "z"]


def failed(config: Any) -> None:
    with pytest.raises(LookupError):
        failing.invoke("x", config)


CALLS: tuple[Fn, ...] = (
    lambda config: chain.invoke("x", config),
    streamed,
    lambda config: next(letters.stream("xyz", config)),  # dropped
    lambda config: chain.batch(["x", "y"], config),
    failed,
)


async def astreamed(config: Any) -> None:
    assert [chunk async for chunk in letters.astream("xyz", config)] == ["x", "y", "z"]


async def afailed(config: Any) -> None:
    with pytest.raises(LookupError):
        await failing.ainvoke("x", config)


async def cancelled(config: Any, turns: int) -> None:
    running = asyncio.create_task(chain.ainvoke("x", config))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])


ASYNC_CALLS: tuple[Fn, ...] = (
    lambda config: chain.ainvoke("x", config),
    astreamed,
    lambda config: chain.abatch(["x", "y"], config),
    afailed,
    *(lambda config, turns=turns: cancelled(config, turns) for turns in range(6)),
)


def check(everybody: Counting, others: list[Any], recording: Recording) -> None:
    """Nothing was lost, nothing doubled: who was there all the time heard exactly the spans there are."""
    runs = everybody.check()
    assert len(runs) == len(recording.spans)
    heard = [callback.check() for callback in others]
    assert all(each <= runs for each in heard)
    assert sum(map(len, heard)) > 0


@pytest.mark.filterwarnings("ignore:Importing ")  # an older core changes the filters in each call, for all threads
def test_in_threads(switching: None) -> None:
    """Two hundred runs in eight threads, while callbacks come and go in two others, and in blocks and calls."""
    everybody = Counting()
    coming = [Counting() for _ in range(CALLBACKS)]
    done = threading.Event()

    def come_and_go(some: list[Counting]) -> None:
        while True:
            for callback in some:
                undo = callspan.add_callback(callback)
                if done.is_set():
                    undo()
                    return
                undo()

    def call(number: int) -> None:
        random = Random(number)
        with callspan.callbacks(*random.sample(coming, 2)):
            CALLS[number % len(CALLS)]({"callbacks": random.sample(coming, 2)})

    with record(callbacks=[everybody]) as recording:
        with ThreadPoolExecutor(10) as pool:
            churning = [pool.submit(come_and_go, coming[half::2]) for half in range(2)]
            calls = [pool.submit(call, number) for number in range(RUNS)]
            try:
                for running in calls:
                    running.result()
            finally:
                done.set()
            for running in churning:
                running.result()
        check(everybody, coming, recording)
        assert callspan.current_run() is None


def test_in_tasks() -> None:
    """Two hundred runs in as many tasks, some cancelled, while callbacks with coroutines come and go in others."""
    everybody = Counting()
    coming: list[Any] = [(Counting, CountingAsync)[number % 2]() for number in range(CALLBACKS)]

    async def come_and_go(callback: Any, random: Random) -> None:
        while True:
            undo = callspan.add_callback(callback)
            try:
                for _ in range(random.randrange(9)):
                    await asyncio.sleep(0)
            finally:
                undo()
            await asyncio.sleep(0)

    async def call(number: int) -> None:
        random = Random(number)
        with callspan.callbacks(*random.sample(coming, 2)):
            await ASYNC_CALLS[number % len(ASYNC_CALLS)]({"callbacks": random.sample(coming, 2)})

    async def main() -> None:
        churning = [asyncio.create_task(come_and_go(one, Random(place))) for place, one in enumerate(coming)]
        await asyncio.gather(*(call(number) for number in range(RUNS)))
        for task in churning:
            task.cancel()
        await asyncio.wait(churning)

    with record(callbacks=[everybody]) as recording:
        asyncio.run(main())
        check(everybody, coming, recording)
