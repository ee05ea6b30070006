"""LangGraph's third event stream: the consumer drives the graph, whichever part of it it reads."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt
from opentelemetry.context import get_current

pytestmark = [
    pytest.mark.skipif(not find_spec("langgraph.callbacks"), reason="it came with langgraph 1.2"),
    pytest.mark.filterwarnings("ignore:The v3 streaming protocol"),
]

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


@pytest.fixture
def graph(line: Fn, step: Fn, chat: Any) -> Any:
    """A graph whose first node calls a model."""

    def a(state: State) -> State:
        return {"trail": [str(chat.invoke("hello").text)]}

    return line(a, step("b"))


def test_events(graph: Any, tree: Fn) -> None:
    """Between two events the consumer's context is what it was."""
    before = get_current()
    with graph.stream_events({"trail": []}, version="v3") as run:
        for _ in run:
            assert get_current() is before
    assert tree() == GRAPH


def test_output(graph: Any, tree: Fn) -> None:
    """Asking for the output runs the graph to its end."""
    assert graph.stream_events({"trail": []}, version="v3").output == {"trail": ["pretty polly", "b"]}
    assert tree() == GRAPH


def test_messages(graph: Any, tree: Fn) -> None:
    """The model's own stream inside the graph's is read while the model's span is open."""
    before = get_current()
    run = graph.stream_events({"trail": []}, version="v3")
    texts = []
    for message in run.messages:
        for text in message.text:
            assert get_current() is before
            texts.append(text)
    assert "".join(texts) == "pretty polly"
    assert tree() == GRAPH


async def test_async_events(graph: Any, tree: Fn) -> None:
    """Between two events of an async run the consumer's context is what it was."""
    before = get_current()
    async with await graph.astream_events({"trail": []}, version="v3") as run:
        async for _ in run:
            assert get_current() is before
    assert tree() == GRAPH


async def test_async_output(graph: Any, tree: Fn) -> None:
    """Awaiting the output runs the graph to its end."""
    run = await graph.astream_events({"trail": []}, version="v3")
    assert await run.output() == {"trail": ["pretty polly", "b"]}
    assert tree() == GRAPH


async def test_async_messages(graph: Any, tree: Fn) -> None:
    """The model's own stream inside an async graph's is read while the model's span is open."""
    run = await graph.astream_events({"trail": []}, version="v3")
    texts = [text async for message in run.messages async for text in message.text]
    assert "".join(texts) == "pretty polly"
    assert tree() == GRAPH


def test_never_started(graph: Any, tree: Fn) -> None:
    """A run of which nothing is read has no span."""
    graph.stream_events({"trail": []}, version="v3")
    gc.collect()
    assert tree() == ""


def test_aborted(line: Fn, step: Fn, tree: Fn) -> None:
    """A consumer that leaves early closes the graph."""
    with line(step("a"), step("b")).stream_events({"trail": []}, version="v3") as run:
        next(value for value in run.values if value["trail"])
    assert tree() == "invoke_workflow ~closed\n  node a\n    http\n"


def test_dropped(line: Fn, step: Fn, tree: Fn) -> None:
    """A run that nobody reads any longer closes its graph when it is collected."""
    run = line(step("a"), step("b")).stream_events({"trail": []}, version="v3")
    next(value for value in run.values if value["trail"])
    del run
    gc.collect()
    assert tree() == "invoke_workflow ~closed\n  node a\n    http\n"


async def test_aborted_async(line: Fn, astep: Fn, tree: Fn) -> None:
    """A consumer that leaves an async run early closes the graph."""
    async with await line(astep("a"), astep("b")).astream_events({"trail": []}, version="v3") as run:
        async for value in run.values:
            if value["trail"]:
                break
    assert tree() == "invoke_workflow ~closed\n  node a\n    http\n"


async def test_cancelled(line: Fn, http: Fn, tree: Fn) -> None:
    """A task that is cancelled while it drives a run ends the node and the graph as cancelled."""
    waits = asyncio.Event()

    async def n(state: State) -> State:
        http()
        waits.set()
        await asyncio.Event().wait()
        return {}

    async def consume() -> None:
        async with await line(n).astream_events({"trail": []}, version="v3") as run:
            await run.output()

    task = asyncio.create_task(consume())
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tree() == "invoke_workflow ~cancelled\n  node n ~cancelled\n    http\n"


def test_raises(line: Fn, http: Fn, tree: Fn) -> None:
    """What a node raises reaches the consumer as the very object."""
    boom = ValueError("boom")

    def n(state: State) -> State:
        http()
        raise boom

    run = line(n).stream_events({"trail": []}, version="v3")
    with pytest.raises(ValueError, match="boom") as raised:
        _ = run.output
    assert raised.value is boom
    assert tree() == "invoke_workflow !ValueError\n  node n !ValueError\n    http\n"


def test_interrupted(line: Fn, tree: Fn) -> None:
    """A run that pauses says so in its spans."""

    def ask(state: State) -> State:
        return {"trail": [interrupt("what?")]}

    graph = line(ask, checkpointer=InMemorySaver())
    run = graph.stream_events({"trail": []}, {"configurable": {"thread_id": "1"}}, version="v3")
    assert run.interrupted
    assert tree() == "invoke_workflow ~paused\n  node ask ~paused\n"


def test_a_graph_in_a_graph(line: Fn, step: Fn, tree: Fn) -> None:
    """The stream of an inner graph, read inside the outer one's, changes no span."""
    run = line(("s", line(step("n"), name="inner"))).stream_events({"trail": []}, version="v3")
    values = [value for inner in run.subgraphs for value in inner.values]

    assert values[-1] == {"trail": ["n"]}
    assert tree() == "invoke_workflow\n  node s\n    invoke_workflow inner\n      node n\n        http\n"
