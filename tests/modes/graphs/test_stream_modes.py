"""A graph that is streamed, in each of LangGraph's stream modes: the same spans as when it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import StreamWriter

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

MODES = ["values", "updates", "custom", "messages", "checkpoints", "tasks", "debug"]


@pytest.fixture
def graph(line: Fn, step: Fn, chat: Any) -> Any:
    """A graph with a model in its first node, which can be streamed in every mode."""

    def a(state: State, *, writer: StreamWriter) -> State:
        writer("half way")
        return {"trail": [chat.invoke("hello").content]}

    return line(a, step("b"), checkpointer=InMemorySaver())


CONFIG: Any = {"configurable": {"thread_id": "1"}}


@pytest.mark.parametrize("mode", MODES)
def test_one_mode(mode: str, stream: Fn, graph: Any, tree: Fn) -> None:
    """Whatever is streamed, the runs are the same and the consumer never sees their context."""
    assert stream(graph, {"trail": []}, CONFIG, stream_mode=mode) != []
    assert tree() == GRAPH


def test_several_modes_at_once(stream: Fn, graph: Any, tree: Fn) -> None:
    """Several modes at once change no span, and each chunk says its mode as ever."""
    chunks = stream(graph, {"trail": []}, CONFIG, stream_mode=MODES)

    assert {mode for mode, _ in chunks} == set(MODES)
    assert tree() == GRAPH


def test_what_a_node_writes(stream: Fn, graph: Any, tree: Fn) -> None:
    """What a node writes to the stream arrives unchanged."""
    assert stream(graph, {"trail": []}, CONFIG, stream_mode="custom") == ["half way"]
    assert tree() == GRAPH


def test_tokens_of_a_model(stream: Fn, graph: Any, tree: Fn) -> None:
    """Tokens come through one by one while the model's span is the node's child."""
    chunks = stream(graph, {"trail": []}, CONFIG, stream_mode="messages")

    assert [message.content for message, _ in chunks if message.content] == ["pretty", " polly"]
    assert tree() == GRAPH


@pytest.mark.parametrize("subgraphs", [True, False])
@pytest.mark.parametrize("mode", ["updates", ["values", "messages"]], ids=str)
def test_a_graph_in_a_graph(*, mode: Any, subgraphs: bool, stream: Fn, line: Fn, chat: Any, tree: Fn) -> None:
    """Chunks of a graph in a graph, asked for or not, change no span."""

    def b(state: State) -> State:
        return {"trail": [chat.invoke("hello").content]}

    outer = line(("inner", line(b)), name="outer")
    assert stream(outer, {"trail": []}, stream_mode=mode, subgraphs=subgraphs) != []
    assert (
        tree()
        == """\
invoke_workflow outer
  node inner
    invoke_workflow
      node b
        chat parrot
          http
"""
    )


def test_nodes_side_by_side(stream: Fn, fan: Fn, step: Fn, tree: Fn) -> None:
    """Nodes that a stream runs in several threads or tasks are siblings."""
    chunks = stream(fan(step("a"), step("b")), {"trail": []}, stream_mode="updates")

    assert sorted(node for chunk in chunks for node in chunk) == ["a", "b"]
    assert tree(sort=True) == "invoke_workflow\n  node a\n    http\n  node b\n    http\n"


async def test_async_nodes(line: Fn, astep: Fn, tree: Fn) -> None:
    """Async nodes of a stream are current in their bodies."""
    chunks = [chunk async for chunk in line(astep("a"), astep("b")).astream({"trail": []})]

    assert chunks == [{"a": {"trail": ["a"]}}, {"b": {"trail": ["b"]}}]
    assert tree() == "invoke_workflow\n  node a\n    http\n  node b\n    http\n"
