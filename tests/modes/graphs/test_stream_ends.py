"""A graph's stream that its consumer does not read to the end."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.context import get_current

Fn = Callable[..., Any]
State = dict[str, Any]

CLOSED = "invoke_workflow ~closed\n  node a\n    http\n"


@pytest.fixture
def graph(line: Fn, step: Fn) -> Any:
    """A graph of two nodes."""
    return line(step("a"), step("b"))


def test_it_is_a_generator(graph: Any) -> None:
    """The stream is what it is without us, and never started it leaves nothing behind."""
    stream = graph.stream({"trail": []})

    assert inspect.isgenerator(stream)
    assert inspect.isgeneratorfunction(type(graph).stream)
    stream.close()


async def test_it_is_an_async_generator(graph: Any, tree: Fn) -> None:
    """The async stream is what it is without us, and never started it has no span."""
    stream = graph.astream({"trail": []})

    assert inspect.isasyncgen(stream)
    assert inspect.isasyncgenfunction(type(graph).astream)
    await stream.aclose()
    assert tree() == ""


def test_closed(graph: Any, tree: Fn) -> None:
    """A stream that is closed early ends its graph as closed."""
    before = get_current()
    stream = graph.stream({"trail": []})
    assert next(stream) == {"a": {"trail": ["a"]}}
    stream.close()

    assert get_current() is before
    assert tree() == CLOSED


def test_dropped(graph: Any, tree: Fn) -> None:
    """A stream that nobody reads any longer ends its graph as closed when it is collected."""
    stream = graph.stream({"trail": []})
    next(stream)
    del stream
    gc.collect()

    assert tree() == CLOSED


def test_left_in_a_loop(graph: Any, tree: Fn) -> None:
    """A loop over a stream that is left with `break` ends its graph as closed."""
    for chunk in graph.stream({"trail": []}):
        assert chunk == {"a": {"trail": ["a"]}}
        break
    gc.collect()

    assert tree() == CLOSED


def test_thrown_into(graph: Any, tree: Fn) -> None:
    """What the consumer throws into a stream comes back as the same object, and is the graph's failure."""
    mine = LookupError("mine")
    stream = graph.stream({"trail": []})
    next(stream)
    with pytest.raises(LookupError) as raised:
        stream.throw(mine)

    assert raised.value is mine
    assert tree() == "invoke_workflow !LookupError\n  node a\n    http\n"


async def test_closed_async(graph: Any, tree: Fn) -> None:
    """An async stream that is closed early ends its graph as closed."""
    before = get_current()
    stream = graph.astream({"trail": []})
    assert await anext(stream) == {"a": {"trail": ["a"]}}
    await stream.aclose()

    assert get_current() is before
    assert tree() == CLOSED


async def test_thrown_into_async(graph: Any, tree: Fn) -> None:
    """What the consumer throws into an async stream comes back as the same object."""
    mine = LookupError("mine")
    stream = graph.astream({"trail": []})
    await anext(stream)
    with pytest.raises(LookupError) as raised:
        await stream.athrow(mine)

    assert raised.value is mine
    assert tree() == "invoke_workflow !LookupError\n  node a\n    http\n"


async def test_dropped_async(graph: Any, tree: Fn) -> None:
    """An async stream that nobody reads any longer is closed by the event loop."""
    stream = graph.astream({"trail": []})
    await anext(stream)
    del stream
    gc.collect()
    await _idle()

    assert tree() == CLOSED


def test_broken_off_until_the_loop_shuts_down(graph: Any, tree: Fn) -> None:
    """An async stream that is still held when its loop shuts down is closed by the loop, once."""
    held: list[Any] = []

    async def main() -> None:
        stream = graph.astream({"trail": []})
        held.append(stream)
        await anext(stream)

    asyncio.run(main())
    assert tree() == CLOSED


async def test_cancelled(line: Fn, step: Fn, http: Fn, tree: Fn) -> None:
    """A task that is cancelled while it waits for a stream ends the node and the graph as cancelled."""
    waits = asyncio.Event()

    async def n(state: State) -> State:
        http()
        waits.set()
        await asyncio.Event().wait()
        return {}

    async def consume() -> None:
        async for _ in line(step("a"), n).astream({"trail": []}):
            pass

    task = asyncio.create_task(consume())
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (
        tree()
        == """\
invoke_workflow ~cancelled
  node a
    http
  node n ~cancelled
    http
"""
    )


async def test_cancelled_call(line: Fn, http: Fn, tree: Fn) -> None:
    """A call that is cancelled ends the node and the graph as cancelled."""
    waits = asyncio.Event()

    async def n(state: State) -> State:
        http()
        waits.set()
        await asyncio.Event().wait()
        return {}

    task = asyncio.create_task(line(n).ainvoke({"trail": []}))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tree() == "invoke_workflow ~cancelled\n  node n ~cancelled\n    http\n"


async def _idle() -> None:
    """Let every other task of the loop come to its end, those included that are about to be made."""
    await asyncio.sleep(0)
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
        await asyncio.sleep(0)
