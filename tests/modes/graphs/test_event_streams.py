"""LangChain's event stream (v1, v2) of a graph: a stream in a task, with the spans of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.context import get_current

Fn = Callable[..., Any]
State = dict[str, Any]

GRAPH = """\
invoke_workflow
  node a
    chat parrot
      http
  node b
    http
"""

# The first version and the log are deprecated, and work.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


@pytest.fixture
def graph(line: Fn, step: Fn, chat: Any) -> Any:
    """A graph whose first node calls a model."""

    def a(state: State) -> State:
        return {"trail": [chat.invoke("hello").content]}

    return line(a, step("b"))


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_read_to_the_end(version: str, graph: Any, tree: Fn) -> None:
    """The events tell of the same runs that have spans, and the consumer's context stays as it was."""
    before, started = get_current(), []
    async for event in graph.astream_events({"trail": []}, version=version):
        assert get_current() is before
        if event["event"].endswith("_start"):
            started.append(event["name"])

    assert started == ["LangGraph", "a", "Parrot", "b"]
    assert tree() == GRAPH


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_raises(version: str, line: Fn, http: Fn, tree: Fn) -> None:
    """What a node raises reaches the consumer as the very object."""
    boom = ValueError("boom")

    async def n(state: State) -> State:
        http()
        raise boom

    with pytest.raises(ValueError, match="boom") as raised:
        async for _ in line(n).astream_events({"trail": []}, version=version):
            pass
    assert raised.value is boom
    assert tree() == "invoke_workflow !ValueError\n  node n !ValueError\n    http\n"


async def test_closed(line: Fn, http: Fn, tree: Fn) -> None:
    """A consumer that leaves while a node works cancels the node and the graph."""
    waits = asyncio.Event()

    async def n(state: State) -> State:
        http()
        waits.set()
        await asyncio.Event().wait()
        return {}

    events = line(n).astream_events({"trail": []}, version="v2")
    async for event in events:
        if event["name"] == "n":
            break
    await waits.wait()
    await events.aclose()
    assert tree() == "invoke_workflow ~cancelled\n  node n ~cancelled\n    http\n"


async def test_closed_in_the_first_version(line: Fn, http: Fn, tree: Fn) -> None:
    """The first version does not cancel what nobody reads any longer: the graph runs to its end."""
    goes_on = asyncio.Event()

    async def n(state: State) -> State:
        await goes_on.wait()
        http()
        return {"trail": ["n"]}

    events = line(n).astream_events({"trail": []}, version="v1")
    async for event in events:
        if event["name"] == "n":
            break
    await events.aclose()
    goes_on.set()
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
    assert tree() == "invoke_workflow\n  node n\n    http\n"


async def test_log(graph: Any, tree: Fn) -> None:
    """A log of patches has the spans of a stream, too."""
    before = get_current()
    async for _ in graph.astream_log({"trail": []}):
        assert get_current() is before
    assert tree() == GRAPH
