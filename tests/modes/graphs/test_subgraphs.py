"""A graph in a graph: as a node of it, or called in the body of a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig

Fn = Callable[..., Any]
State = dict[str, Any]


def test_as_a_node(call: Fn, line: Fn, step: Fn, tree: Fn) -> None:
    """A graph that is a node has the node's run and its own below it, and is a workflow at every depth."""
    innermost = line(step("n"), name="deep")
    outer = line(("s", line(("t", innermost))), step("b"))

    assert call(outer, {"trail": []}) == {"trail": ["n", "b"]}
    assert (
        tree()
        == """\
invoke_workflow
  node s
    invoke_workflow
      node t
        invoke_workflow deep
          node n
            http
  node b
    http
"""
    )


@pytest.mark.parametrize("passed_on", [True, False], ids=["with-config", "without"])
def test_called_in_a_node(*, passed_on: bool, call: Fn, line: Fn, step: Fn, http: Fn, tree: Fn) -> None:
    """A graph that a node calls is a child of the node, whose body goes on afterwards."""
    inner = line(step("m"), name="inner")

    def n(state: State, config: RunnableConfig) -> State:
        found = inner.invoke({"trail": []}, config) if passed_on else inner.invoke({"trail": []})
        http("after")
        return found

    assert call(line(n), {"trail": []}) == {"trail": ["m"]}
    assert (
        tree()
        == """\
invoke_workflow
  node n
    invoke_workflow inner
      node m
        http
    after
"""
    )


async def test_awaited_in_a_node(line: Fn, astep: Fn, http: Fn, tree: Fn) -> None:
    """A graph that an async node awaits is a child of the node, whose body goes on afterwards."""
    inner = line(astep("m"), name="inner")

    async def n(state: State) -> State:
        found = await inner.ainvoke({"trail": []})
        http("after")
        return found

    assert await line(n).ainvoke({"trail": []}) == {"trail": ["m"]}
    assert (
        tree()
        == """\
invoke_workflow
  node n
    invoke_workflow inner
      node m
        http
    after
"""
    )


def test_streamed_in_a_node(call: Fn, line: Fn, step: Fn, http: Fn, tree: Fn) -> None:
    """Between the steps of a graph that it streams, a node is itself current."""
    inner = line(step("m"), step("k"), name="inner")

    def n(state: State) -> State:
        for _ in inner.stream({"trail": []}):
            http("between")
        return {"trail": ["n"]}

    assert call(line(n), {"trail": []}) == {"trail": ["n"]}
    assert (
        tree(sort=True)
        == """\
invoke_workflow
  node n
    between
    between
    invoke_workflow inner
      node k
        http
      node m
        http
"""
    )


def test_with_the_name_of_its_node(call: Fn, line: Fn, step: Fn, tree: Fn) -> None:
    """A graph that bears the name of its node is still a workflow, and the node a node."""
    assert call(line(("s", line(step("s"), name="s"))), {"trail": []}) == {"trail": ["s"]}
    assert tree() == "invoke_workflow\n  node s\n    invoke_workflow s\n      node s\n        http\n"


def test_side_by_side(call: Fn, line: Fn, fan: Fn, step: Fn, trail: type, tree: Fn) -> None:
    """Graphs that run side by side each keep their own nodes."""
    from langgraph.graph import START, StateGraph

    builder = StateGraph(trail)
    for name in "st":
        builder.add_node(name, fan(step(f"{name}1"), step(f"{name}2"), name=name))
        builder.add_edge(START, name)

    assert sorted(call(builder.compile(), {"trail": []})["trail"]) == ["s1", "s2", "t1", "t2"]
    assert (
        tree(sort=True)
        == """\
invoke_workflow
  node s
    invoke_workflow s
      node s1
        http
      node s2
        http
  node t
    invoke_workflow t
      node t1
        http
      node t2
        http
"""
    )
