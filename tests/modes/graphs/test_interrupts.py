"""A graph that pauses and goes on: two roots, none of them a failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

Fn = Callable[..., Any]
State = dict[str, Any]

CONFIG: Any = {"configurable": {"thread_id": "1"}}

PAUSED = """\
invoke_workflow ~paused
  node a
    http
  node ask ~paused
    before
"""

RESUMED = """\
invoke_workflow
  node ask
    before
    after
"""


@pytest.fixture
def ask(http: Fn) -> Fn:
    """A node that asks a human in the middle of its body."""

    def ask(state: State) -> State:
        http("before")
        answer = interrupt("what?")
        http("after")
        return {"trail": [answer]}

    return ask


@pytest.fixture
def graph(line: Fn, step: Fn, ask: Fn) -> Any:
    """A graph that pauses in its second node."""
    return line(step("a"), ask, checkpointer=InMemorySaver())


def test_called(call: Fn, graph: Any, tree: Fn) -> None:
    """The paused node and its graph say so, and the resumed call is a root of its own."""
    paused = call(graph, {"trail": []}, CONFIG)
    assert [one.value for one in paused["__interrupt__"]] == ["what?"]
    assert tree() == PAUSED

    assert call(graph, Command(resume="this"), CONFIG) == {"trail": ["a", "this"]}
    assert tree() == PAUSED + RESUMED


def test_streamed(stream: Fn, graph: Any, tree: Fn) -> None:
    """A stream that ends with an interrupt, and the stream that goes on, have the same spans as calls."""
    chunks = stream(graph, {"trail": []}, CONFIG)
    assert [one.value for one in chunks[-1]["__interrupt__"]] == ["what?"]
    assert tree() == PAUSED

    assert stream(graph, Command(resume="this"), CONFIG) == [{"ask": {"trail": ["this"]}}]
    assert tree() == PAUSED + RESUMED


async def test_in_an_async_node(line: Fn, astep: Fn, http: Fn, tree: Fn) -> None:
    """An async node pauses like a sync one."""

    async def ask(state: State) -> State:
        http("before")
        answer = interrupt("what?")
        http("after")
        return {"trail": [answer]}

    graph = line(astep("a"), ask, checkpointer=InMemorySaver())
    await graph.ainvoke({"trail": []}, CONFIG)
    assert await graph.ainvoke(Command(resume="this"), CONFIG) == {"trail": ["a", "this"]}
    assert tree() == PAUSED + RESUMED


def test_in_a_graph_in_a_graph(call: Fn, line: Fn, ask: Fn, step: Fn, tree: Fn) -> None:
    """Every run around the interrupt is paused, up to the root; none of them failed."""
    graph = line(("inner", line(ask, name="deep")), step("b"), name="outer", checkpointer=InMemorySaver())

    call(graph, {"trail": []}, CONFIG)
    assert call(graph, Command(resume="this"), CONFIG) == {"trail": ["this", "b"]}
    assert (
        tree()
        == """\
invoke_workflow outer ~paused
  node inner ~paused
    invoke_workflow deep ~paused
      node ask ~paused
        before
invoke_workflow outer
  node inner
    invoke_workflow deep
      node ask
        before
        after
  node b
    http
"""
    )


def test_in_a_graph_that_a_node_calls(call: Fn, line: Fn, ask: Fn, tree: Fn) -> None:
    """An interrupt in a graph that a node calls pauses the node that called it, too."""
    inner = line(ask, name="inner")

    def n(state: State) -> State:
        return inner.invoke({"trail": []})

    graph = line(n, checkpointer=InMemorySaver())
    call(graph, {"trail": []}, CONFIG)
    assert call(graph, Command(resume="this"), CONFIG) == {"trail": ["this"]}
    assert (
        tree()
        == """\
invoke_workflow ~paused
  node n ~paused
    invoke_workflow inner ~paused
      node ask ~paused
        before
invoke_workflow
  node n
    invoke_workflow inner
      node ask
        before
        after
"""
    )


def test_in_two_nodes_side_by_side(call: Fn, fan: Fn, step: Fn, http: Fn, tree: Fn) -> None:
    """Two nodes that pause in one step are both paused; one that does not is not."""

    def asking(name: str) -> Fn:
        def node(state: State) -> State:
            return {"trail": [interrupt(name)]}

        node.__name__ = name
        return node

    graph = fan(asking("x"), asking("y"), step("z"), checkpointer=InMemorySaver())
    paused = call(graph, {"trail": []}, CONFIG)
    assert sorted(one.value for one in paused["__interrupt__"]) == ["x", "y"]
    answers = {one.id: one.value.upper() for one in paused["__interrupt__"]}
    assert sorted(call(graph, Command(resume=answers), CONFIG)["trail"]) == ["X", "Y", "z"]
    assert (
        tree(sort=True)
        == """\
invoke_workflow
  node x
  node y
invoke_workflow ~paused
  node x ~paused
  node y ~paused
  node z
    http
"""
    )


def test_twice_in_one_node(call: Fn, line: Fn, http: Fn, tree: Fn) -> None:
    """A node that asks twice is paused twice: each call up to then is a root."""

    def ask(state: State) -> State:
        return {"trail": [interrupt("one?"), interrupt("two?")]}

    graph = line(ask, checkpointer=InMemorySaver())
    call(graph, {"trail": []}, CONFIG)
    call(graph, Command(resume="1"), CONFIG)
    assert call(graph, Command(resume="2"), CONFIG) == {"trail": ["1", "2"]}
    paused = "invoke_workflow ~paused\n  node ask ~paused\n"
    assert tree() == paused * 2 + "invoke_workflow\n  node ask\n"
