"""Instrumentation that is stopped and started while the program works: every run ends, and the program goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.context import get_current

from callspan import instrument, uninstrument
from callspan.testing import Recording, open_runs

Fn = Callable[..., Any]
State = dict[str, Any]

ABANDONED = "invoke_workflow ~abandoned\n  node a\n    http\n"


def test_stopped_in_mid_stream(line: Fn, step: Fn, tree: Fn) -> None:
    """A graph whose stream is half read ends as abandoned; its rest runs without spans of ours."""
    before = get_current()
    stream = line(step("a"), step("b")).stream({"trail": []})
    next(stream)
    uninstrument()

    assert open_runs() == []
    assert tree() == ABANDONED
    assert list(stream) == [{"b": {"trail": ["b"]}}]
    assert get_current() is before
    assert "node b" not in tree()


async def test_stopped_in_mid_stream_async(line: Fn, astep: Fn, tree: Fn) -> None:
    """The same with an async stream."""
    before = get_current()
    stream = line(astep("a"), astep("b")).astream({"trail": []})
    await anext(stream)
    uninstrument()

    assert open_runs() == []
    assert tree() == ABANDONED
    assert [chunk async for chunk in stream] == [{"b": {"trail": ["b"]}}]
    assert get_current() is before
    assert "node b" not in tree()


def test_closed_after_it_was_stopped(line: Fn, step: Fn, tree: Fn) -> None:
    """A stream that is closed after instrumentation was stopped has ended already."""
    stream = line(step("a"), step("b")).stream({"trail": []})
    next(stream)
    uninstrument()
    stream.close()

    assert tree() == ABANDONED


def test_stopped_inside_a_run(call: Fn, line: Fn, chat: Any, tree: Fn) -> None:
    """A node that stops the instrumentation ends itself and its graph as abandoned, and gives its result."""

    def n(state: State) -> State:
        uninstrument()
        assert open_runs() == []
        return {"trail": [chat.invoke("hello").content]}

    assert call(line(n), {"trail": []}) == {"trail": ["pretty polly"]}
    # The context of the node's body is the body's to keep: what else traces there stays in the trace.
    assert tree() == "invoke_workflow ~abandoned\n  node n ~abandoned\n    http\n"


def test_started_in_mid_stream(line: Fn, step: Fn, recording: Recording, tree: Fn) -> None:
    """Of a stream that was half read before, only what starts afterwards has spans."""
    uninstrument()
    before = get_current()
    stream = line(step("a"), step("b")).stream({"trail": []})
    next(stream)
    instrument(tracer_provider=recording.provider)

    assert list(stream) == [{"b": {"trail": ["b"]}}]
    assert get_current() is before
    assert tree() == "http\nnode b\n  http\n"


def test_started_inside_a_run(line: Fn, step: Fn, chat: Any, recording: Recording, tree: Fn) -> None:
    """A node that starts the instrumentation has no span; what it then calls has."""
    uninstrument()

    def n(state: State) -> State:
        instrument(tracer_provider=recording.provider)
        return {"trail": [chat.invoke("hello").content]}

    assert line(n, step("b")).invoke({"trail": []}) == {"trail": ["pretty polly", "b"]}
    assert tree() == "chat parrot\n  http\nnode b\n  http\n"


def test_restarted_in_mid_stream(line: Fn, step: Fn, recording: Recording, tree: Fn) -> None:
    """A graph that was abandoned stays so; the nodes that start after the restart are traced again."""
    stream = line(step("a"), step("b")).stream({"trail": []})
    next(stream)
    uninstrument()
    instrument(tracer_provider=recording.provider)

    assert list(stream) == [{"b": {"trail": ["b"]}}]
    assert tree() == ABANDONED + "node b\n  http\n"


async def test_stopped_while_nodes_wait(fan: Fn, http: Fn, tree: Fn) -> None:
    """Nodes that wait in their bodies when the instrumentation stops end as abandoned, and then return."""
    waits, goes_on = asyncio.Barrier(3), asyncio.Event()

    def waiting(name: str) -> Fn:
        async def node(state: State) -> State:
            await waits.wait()
            await goes_on.wait()
            return {"trail": [name]}

        node.__name__ = name
        return node

    task = asyncio.create_task(fan(waiting("a"), waiting("b")).ainvoke({"trail": []}))
    await waits.wait()
    uninstrument()
    assert open_runs() == []
    goes_on.set()
    assert sorted((await task)["trail"]) == ["a", "b"]
    assert tree(sort=True) == "invoke_workflow ~abandoned\n  node a ~abandoned\n  node b ~abandoned\n"


@pytest.mark.parametrize("times", [1, 2])
def test_stopped_and_started_again(times: int, recording: Recording, tree: Fn) -> None:
    """However often it is stopped and started, a call has one span."""
    for _ in range(times):
        uninstrument()
        assert RunnableLambda(lambda x: x, name="f").invoke("x") == "x"
        instrument(tracer_provider=recording.provider)
        instrument(tracer_provider=recording.provider)
    RunnableLambda(lambda x: x, name="f").invoke("x")
    assert tree() == "invoke_workflow f\n"
