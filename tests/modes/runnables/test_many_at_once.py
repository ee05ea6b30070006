"""Many chains at once, in threads and tasks, cancelled, abandoned, failing: each is a trace of its own."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from tests.pairs import EVERY_CASE

NUMBER = 20


def expected(name: str) -> str:
    """Give the tree of the chain of this name."""
    return f"invoke_workflow {name}\n  chain f{name}\n    in f{name}\n  chain g{name}\n    in g{name}\n"


@pytest.fixture
def chain(http: Callable[..., None]) -> Callable[[str], Any]:
    """Make a chain whose steps bear its name; each hands over to the others before its body's span."""

    def make(name: str) -> Any:
        async def body(value: str) -> str:
            await asyncio.sleep(0)
            http(f"in {value}{name}")
            await asyncio.sleep(0)
            return "g"

        f = RunnableLambda(lambda value: http(f"in f{name}") or "g", afunc=body, name=f"f{name}")
        g = RunnableLambda(lambda value: http(f"in g{name}"), afunc=body, name=f"g{name}")
        return (f | g).with_config(run_name=name)

    return make


async def test_in_tasks(chain: Any, tree: Callable[..., str]) -> None:
    """Twenty chains in twenty tasks do not mix."""
    names = [f"{number:02}" for number in range(NUMBER)]
    await asyncio.gather(*(chain(name).ainvoke("f") for name in names))
    assert tree(sort=True) == "".join(map(expected, names))


def test_in_threads(chain: Any, tree: Callable[..., str]) -> None:
    """Twenty chains in twenty threads, all at the same time, do not mix."""
    names = [f"{number:02}" for number in range(NUMBER)]
    all_there = threading.Barrier(NUMBER)

    def call(name: str) -> None:
        all_there.wait()
        chain(name).invoke("f")

    with ThreadPoolExecutor(NUMBER) as pool:
        list(pool.map(call, names))
    assert tree(sort=True) == "".join(map(expected, names))


class Mixture:
    """Calls chains in a random way; the chain and each span that its bodies make bear the number of the call."""

    def __init__(self, seed: int, http: Callable[..., None]) -> None:
        self.random = Random(seed)
        self.http = http

    def calls(self, number: int, runs: int) -> list[tuple[str, Callable[..., Any]]]:
        """Choose this many ways to call a chain; each has a number of its own."""
        ways = (self._invoked, self._failing, self._streamed, self._dropped, self._cancelled)
        return [(f"{number}-{run}", self.random.choice(ways)) for run in range(runs)]

    def _nested(self, name: str, then: Callable[[], Any] | None = None) -> Any:
        async def inner(value: str) -> str:
            self.http(f"in inner {name}")
            await asyncio.sleep(0)
            if then is not None:
                await then()
            return value

        async def outer(value: str) -> Any:
            self.http(f"in {name}")
            await asyncio.sleep(0)
            return await RunnableLambda(inner, name=f"inner {name}").ainvoke(value)

        return RunnableLambda(outer, name=name)

    def _letters(self, name: str) -> Any:
        async def letters(chunks: Any) -> Any:
            async for chunk in chunks:
                for letter in chunk:
                    self.http(f"in {name}")
                    yield letter

        return RunnableGenerator(letters, name=name)

    async def _invoked(self, name: str) -> None:
        await self._nested(name).ainvoke("x")

    async def _failing(self, name: str) -> None:
        async def fail() -> None:
            raise ValueError(name)

        with pytest.raises(ValueError, match=name):
            await self._nested(name, fail).ainvoke("x")

    async def _streamed(self, name: str) -> None:
        assert [letter async for letter in self._letters(name).astream("xyz")] == ["x", "y", "z"]

    async def _dropped(self, name: str) -> None:
        stream = self._letters(name).astream("xyz")
        assert await anext(stream) == "x"

    async def _cancelled(self, name: str) -> None:
        begun = asyncio.Event()

        async def wait() -> None:
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(self._nested(name, wait).ainvoke("x"))
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


@pytest.mark.parametrize("seed", range(5 if EVERY_CASE else 2))
def test_a_random_mixture(seed: int, http: Callable[..., None], recording: Any) -> None:
    """Random calls in several tasks of several threads: each span hangs where it was made, in a trace of its own."""
    mixture = Mixture(seed, http)
    plans = [mixture.calls(number, runs=12) for number in range(4)]

    async def loop(plan: list[tuple[str, Callable[..., Any]]]) -> None:
        await asyncio.gather(*(call(name) for name, call in plan))

    with ThreadPoolExecutor(len(plans)) as pool:
        list(pool.map(lambda plan: asyncio.run(loop(plan)), plans))
    gc.collect()

    spans = recording.spans
    by_id = {span.context.span_id: span for span in spans}
    roots = [span for span in spans if span.parent is None]
    assert sorted(root.name for root in roots) == sorted(
        f"invoke_workflow {name}" for plan in plans for name, _ in plan
    )
    assert len({root.context.trace_id for root in roots}) == len(roots)
    for span in spans:
        if span.parent is not None:
            parent = by_id[span.parent.span_id]
            told = span.name.removeprefix("chain ").removeprefix("in ")
            assert parent.name.endswith(told if span.name.startswith("in ") else told.removeprefix("inner "))
            assert parent.context.trace_id == span.context.trace_id
    outcomes = {"_cancelled": "cancelled", "_dropped": "closed"}
    for name, call in (job for plan in plans for job in plan):
        root = recording.named(f"invoke_workflow {name}")
        assert root.attributes.get("langchain.run.outcome") == outcomes.get(call.__name__)
        assert root.attributes.get("error.type") == ("ValueError" if call.__name__ == "_failing" else None)
