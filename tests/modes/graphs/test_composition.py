"""Graphs among other Runnables: tool nodes, sequences, batches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

Fn = Callable[..., Any]
State = dict[str, Any]


@pytest.fixture
def tools_graph(http: Fn) -> Any:
    """A graph of one node, which calls tools."""
    both = threading.Barrier(2, timeout=60)

    @tool
    def add(number: int) -> int:
        """Add."""
        both.wait()
        http()
        return number + 1

    @tool
    def double(number: int) -> int:
        """Double."""
        both.wait()
        http()
        return number * 2

    builder = StateGraph(MessagesState)
    builder.add_node("tools", ToolNode([add, double]))
    builder.add_edge(START, "tools")
    return builder.compile()


def test_tools_side_by_side(call: Fn, tools_graph: Any, tree: Fn) -> None:
    """Tools that a node runs in threads or tasks are its children, each with its own calls."""
    asked = AIMessage("", tool_calls=[{"name": name, "args": {"number": 3}, "id": name} for name in ("add", "double")])
    result = call(tools_graph, {"messages": [asked]})

    assert [message.content for message in result["messages"][1:]] == ["4", "6"]
    assert (
        tree(sort=True)
        == """\
invoke_workflow
  node tools
    execute_tool add
      http
    execute_tool double
      http
"""
    )


IN_A_SEQUENCE = """\
invoke_workflow
  chain before
    http
  invoke_workflow
    node a
      http
  chain after
    http
"""


@pytest.fixture
def sequence(line: Fn, step: Fn, http: Fn) -> Any:
    """A graph between two functions."""

    def before(name: str) -> State:
        http()
        return {"trail": [name]}

    def after(state: State) -> list[str]:
        http()
        return state["trail"] if "trail" in state else state["a"]["trail"]  # called or streamed

    return RunnableLambda(before) | line(step("a")) | RunnableLambda(after)


def test_in_a_sequence(call: Fn, sequence: Any, tree: Fn) -> None:
    """A graph in a sequence is its child, and a workflow all the same."""
    assert call(sequence, "x") == ["x", "a"]
    assert tree() == IN_A_SEQUENCE


def test_in_a_sequence_that_is_streamed(stream: Fn, sequence: Any, tree: Fn) -> None:
    """A streamed sequence has the spans of a called one, whichever of its runs starts first."""
    assert stream(sequence, "x") == [["a"]]
    assert tree() == IN_A_SEQUENCE


def test_batch(line: Fn, step: Fn, tree: Fn) -> None:
    """Each input of a batch is a root of its own."""
    results = line(step("a")).batch([{"trail": [name]} for name in "xyz"])

    assert [result["trail"] for result in results] == [["x", "a"], ["y", "a"], ["z", "a"]]
    assert tree() == "invoke_workflow\n  node a\n    http\n" * 3


async def test_abatch(line: Fn, astep: Fn, tree: Fn) -> None:
    """Each input of an async batch is a root of its own."""
    results = await line(astep("a")).abatch([{"trail": [name]} for name in "xyz"])

    assert [result["trail"] for result in results] == [["x", "a"], ["y", "a"], ["z", "a"]]
    assert tree() == "invoke_workflow\n  node a\n    http\n" * 3


def test_batch_of_sequences(sequence: Any, tree: Fn) -> None:
    """A batch of sequences with a graph in them: each input keeps its graph and its functions."""
    assert sequence.batch(["x", "y"]) == [["x", "a"], ["y", "a"]]
    assert (
        tree(sort=True)
        == """\
invoke_workflow
  chain after
    http
  chain before
    http
  invoke_workflow
    node a
      http
"""
        * 2
    )


def test_a_graph_as_a_tool_of_a_graph(call: Fn, line: Fn, step: Fn, tree: Fn) -> None:
    """A graph that is called by a tool, which is called by a node, hangs under the tool."""
    inner = line(step("m"), name="inner")

    @tool
    def errand() -> str:
        """Run an errand."""
        return inner.invoke({"trail": []})["trail"][0]

    def n(state: State) -> State:
        return {"trail": [errand.invoke({})]}

    assert call(line(n), {"trail": []}) == {"trail": ["m"]}
    assert (
        tree()
        == """\
invoke_workflow
  node n
    execute_tool errand
      invoke_workflow inner
        node m
          http
"""
    )
