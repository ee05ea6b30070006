"""Graphs whose streams and calls run at the same time do not get into each other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from opentelemetry.context import get_current

from callspan.testing import Recording

Fn = Callable[..., Any]
State = dict[str, Any]


def _text(name: str) -> str:
    return f"invoke_workflow {name}\n  node {name}1\n    http\n  node {name}2\n    http\n"


def test_streams_in_turn(line: Fn, step: Fn, tree: Fn) -> None:
    """Two streams that are read in turn are two roots."""
    before = get_current()
    x, y = (line(step(f"{n}1"), step(f"{n}2"), name=n).stream({"trail": []}) for n in "xy")
    for _ in zip(x, y, strict=True):
        assert get_current() is before

    assert tree(sort=True) == _text("x") + _text("y")


async def test_async_streams_in_turn(line: Fn, astep: Fn, tree: Fn) -> None:
    """Two async streams that are read in turn are two roots."""
    before = get_current()
    x, y = (line(astep(f"{n}1"), astep(f"{n}2"), name=n).astream({"trail": []}) for n in "xy")
    for _ in range(2):
        await anext(x)
        await anext(y)
        assert get_current() is before
    assert [item async for item in x] == [item async for item in y] == []

    assert tree(sort=True) == _text("x") + _text("y")


def test_a_span_around_each_step(line: Fn, step: Fn, recording: Recording, tree: Fn) -> None:
    """A span that the consumer opens around a step is no parent of the nodes, nor the graph its parent."""
    stream = line(step("x1"), step("x2"), name="x").stream({"trail": []})
    for name in ("first", "second"):
        with recording.tracer.start_as_current_span(name):
            next(stream)
    assert list(stream) == []

    # The graph begins when it is first asked for something.
    assert (
        tree(sort=True)
        == """\
first
  invoke_workflow x
    node x1
      http
    node x2
      http
second
"""
    )


def test_each_step_in_another_thread(line: Fn, step: Fn, tree: Fn) -> None:
    """A stream may be read from a new thread each time."""
    stream = line(step("x1"), step("x2"), name="x").stream({"trail": []})
    for _ in range(2):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(next, stream).result()
    assert list(stream) == []

    assert tree() == _text("x")


async def test_each_step_in_another_task(line: Fn, astep: Fn, tree: Fn) -> None:
    """An async stream may be read from a new task each time."""
    stream = line(astep("x1"), astep("x2"), name="x").astream({"trail": []})
    for _ in range(2):
        await asyncio.create_task(anext(stream))
    assert [item async for item in stream] == []

    assert tree() == _text("x")


def test_ten_in_threads(line: Fn, step: Fn, http: Fn, tree: Fn) -> None:
    """Ten graphs that are all in their first node at once keep their own nodes."""
    together = threading.Barrier(10, timeout=60)

    def graph(name: str) -> Any:
        def first(state: State) -> State:
            together.wait()
            http()
            return {"trail": [name]}

        return line((f"{name}1", first), step(f"{name}2"), name=name)

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda n: graph(n).invoke({"trail": []}), "abcdefghij"))

    assert [result["trail"] for result in results] == [[n, f"{n}2"] for n in "abcdefghij"]
    assert tree(sort=True) == "".join(_text(n) for n in "abcdefghij")


async def test_ten_in_tasks(line: Fn, step: Fn, http: Fn, tree: Fn) -> None:
    """Ten async graphs that are all in their first node at once keep their own nodes."""
    together = asyncio.Barrier(10)

    def graph(name: str) -> Any:
        async def first(state: State) -> State:
            await together.wait()
            http()
            return {"trail": [name]}

        return line((f"{name}1", first), step(f"{name}2"), name=name)

    results = await asyncio.gather(*[graph(n).ainvoke({"trail": []}) for n in "abcdefghij"])

    assert [result["trail"] for result in results] == [[n, f"{n}2"] for n in "abcdefghij"]
    assert tree(sort=True) == "".join(_text(n) for n in "abcdefghij")


async def test_ten_calls_of_one_graph(line: Fn, astep: Fn, tree: Fn) -> None:
    """Calls of one graph object that run at the same time are roots of their own."""
    graph = line(astep("x1"), astep("x2"), name="x")
    await asyncio.gather(*[graph.ainvoke({"trail": []}) for _ in range(10)])

    assert tree(sort=True) == _text("x") * 10
