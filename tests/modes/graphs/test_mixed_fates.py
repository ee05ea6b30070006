"""Graphs that run at the same time and end in every possible way keep to themselves."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.context import get_current

from callspan.testing import open_runs

Fn = Callable[..., Any]
State = dict[str, Any]

FATES = ["ends", "raises", "is cancelled", "is closed", "is dropped"]

TREES = {
    "ends": "invoke_workflow {n}\n  node a\n    http {n}\n  node b\n    http {n}\n",
    "raises": "invoke_workflow {n} !ValueError\n  node a\n    http {n}\n  node b !ValueError\n    http {n}\n",
    "is cancelled": "invoke_workflow {n} ~cancelled\n  node a\n    http {n}\n  node b ~cancelled\n    http {n}\n",
    "is closed": "invoke_workflow {n} ~closed\n  node a\n    http {n}\n",
    "is dropped": "invoke_workflow {n} ~closed\n  node a\n    http {n}\n",
}


@pytest.fixture(params=range(4))
def fates(request: pytest.FixtureRequest) -> list[tuple[str, str]]:
    """What becomes of each of thirty graphs, by name."""
    chance = random.Random(request.param)
    return [(f"g{number:02}", chance.choice(FATES)) for number in range(30)]


async def _meet(fate: str, stream: Any, waits: asyncio.Event) -> None:
    if fate == "is closed":
        await stream.aclose()
    elif fate == "is cancelled":
        step = asyncio.ensure_future(anext(stream))
        await waits.wait()
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
    elif fate == "raises":
        with pytest.raises(ValueError, match="no"):
            await anext(stream)
    elif fate == "ends":
        assert [chunk async for chunk in stream] == [{"b": {"trail": ["b"]}}]


async def test_in_tasks(fates: list[tuple[str, str]], line: Fn, http: Fn, tree: Fn) -> None:
    """Thirty async graphs, all in their second node at once where they get so far."""

    async def one(name: str, fate: str) -> None:
        waits = asyncio.Event()

        async def a(state: State) -> State:
            await asyncio.sleep(0)
            http(f"http {name}")
            return {"trail": ["a"]}

        async def b(state: State) -> State:
            http(f"http {name}")
            waits.set()
            if fate == "is cancelled":
                await asyncio.Event().wait()
            if fate == "raises":
                raise ValueError("no")
            return {"trail": ["b"]}

        before = get_current()
        stream = line(a, b, name=name).astream({"trail": []})
        await anext(stream)
        await _meet(fate, stream, waits)
        assert get_current() is before

    await asyncio.gather(*[one(name, fate) for name, fate in fates])
    gc.collect()
    await asyncio.sleep(0)
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
        await asyncio.sleep(0)
    assert open_runs() == []
    assert tree(sort=True) == "".join(TREES[fate].format(n=name) for name, fate in fates)


def test_in_threads(fates: list[tuple[str, str]], line: Fn, http: Fn, tree: Fn) -> None:
    """Thirty graphs in as many threads, all in their first node at once."""
    together = threading.Barrier(len(fates), timeout=60)

    def one(name: str, fate: str) -> None:
        def a(state: State) -> State:
            together.wait()
            http(f"http {name}")
            return {"trail": ["a"]}

        def b(state: State) -> State:
            http(f"http {name}")
            if fate == "is cancelled":
                raise KeyboardInterrupt
            if fate == "raises":
                raise ValueError("no")
            return {"trail": ["b"]}

        before = get_current()
        stream = line(a, b, name=name).stream({"trail": []})
        next(stream)
        if fate == "is closed":
            stream.close()
        elif fate == "is dropped":
            del stream
        elif fate in ("is cancelled", "raises"):
            with pytest.raises((KeyboardInterrupt, ValueError)):
                next(stream)
        else:
            assert list(stream) == [{"b": {"trail": ["b"]}}]
        assert get_current() is before

    with ThreadPoolExecutor(len(fates)) as pool:
        list(pool.map(lambda each: one(*each), fates))
    gc.collect()
    assert open_runs() == []
    assert tree(sort=True) == "".join(TREES[fate].format(n=name) for name, fate in fates)
