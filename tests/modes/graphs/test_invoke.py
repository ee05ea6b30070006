"""A graph called to its end: one span for the graph, one for each node, and what a node calls is in the node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig

from callspan.testing import Recording

Fn = Callable[..., Any]
State = dict[str, Any]

TWO_NODES = """\
invoke_workflow
  node a
    http
  node b
    http
"""


def test_sync_nodes(call: Fn, line: Fn, step: Fn, tree: Fn) -> None:
    """Each node is a child of the graph, and what its body does is a child of the node."""
    assert call(line(step("a"), step("b")), {"trail": []}) == {"trail": ["a", "b"]}
    assert tree() == TWO_NODES


async def test_async_nodes(line: Fn, astep: Fn, tree: Fn) -> None:
    """An async body has its node current after it has waited, too."""
    assert await line(astep("a"), astep("b")).ainvoke({"trail": []}) == {"trail": ["a", "b"]}
    assert tree() == TWO_NODES


async def test_sync_and_async_nodes_mixed(line: Fn, step: Fn, astep: Fn, tree: Fn) -> None:
    """A sync body that an async graph runs in a thread has its node current there."""
    assert await line(step("a"), astep("b")).ainvoke({"trail": []}) == {"trail": ["a", "b"]}
    assert tree() == TWO_NODES


def test_nodes_side_by_side(call: Fn, fan: Fn, step: Fn, tree: Fn) -> None:
    """Nodes of one step are siblings, whatever thread or task runs them."""
    assert sorted(call(fan(step("a"), step("b")), {"trail": []})["trail"]) == ["a", "b"]
    assert tree(sort=True) == TWO_NODES


async def test_async_nodes_side_by_side(fan: Fn, astep: Fn, step: Fn, tree: Fn) -> None:
    """Async nodes of one step do not get into each other."""
    result = await fan(astep("a"), step("b")).ainvoke({"trail": []})

    assert sorted(result["trail"]) == ["a", "b"]
    assert tree(sort=True) == TWO_NODES


@pytest.mark.parametrize("passed_on", [True, False], ids=["with-config", "without"])
def test_nodes_that_call_models(*, passed_on: bool, call: Fn, line: Fn, chat: Any, tree: Fn) -> None:
    """A model is a child of the node that calls it, whether or not the node passes its config on."""

    def a(state: State, config: RunnableConfig) -> State:
        said = chat.invoke("hello", config) if passed_on else chat.invoke("hello")
        return {"trail": [said.content]}

    assert call(line(a, ("b", a)), {"trail": []}) == {"trail": ["pretty polly"] * 2}
    assert (
        tree()
        == """\
invoke_workflow
  node a
    chat parrot
      http
  node b
    chat parrot
      http
"""
    )


async def test_async_nodes_that_call_models(fan: Fn, chat: Any, tree: Fn) -> None:
    """Models that are awaited in nodes side by side are children of their own nodes."""

    async def a(state: State) -> State:
        return {"trail": [(await chat.ainvoke("hello")).content]}

    async def b(state: State) -> State:
        return {"trail": [chunk.content async for chunk in chat.astream("hello") if chunk.content]}

    await fan(a, b).ainvoke({"trail": []})
    assert (
        tree(sort=True)
        == """\
invoke_workflow
  node a
    chat parrot
      http
  node b
    chat parrot
      http
"""
    )


def test_a_name_the_user_gave(call: Fn, line: Fn, step: Fn, tree: Fn) -> None:
    """A graph that was compiled with a name is a workflow of that name."""
    call(line(step("a"), name="errands"), {"trail": []})
    assert tree() == "invoke_workflow errands\n  node a\n    http\n"


def test_a_run_name(call: Fn, line: Fn, step: Fn, tree: Fn) -> None:
    """The name of the one call goes before the name of the graph."""
    call(line(step("a"), name="errands"), {"trail": []}, {"run_name": "today"})
    assert tree() == "invoke_workflow today\n  node a\n    http\n"


def test_inside_a_span_of_the_users_own(call: Fn, line: Fn, step: Fn, recording: Recording, tree: Fn) -> None:
    """A graph called in a span is its child, and the span is current again afterwards."""
    with recording.tracer.start_as_current_span("mine"):
        call(line(step("a")), {"trail": []})
    assert tree() == "mine\n  invoke_workflow\n    node a\n      http\n"


def test_a_span_of_the_users_own_in_a_node(call: Fn, line: Fn, chat: Any, recording: Recording, tree: Fn) -> None:
    """A span that a node opens around its model stands between the two."""

    def a(state: State) -> State:
        with recording.tracer.start_as_current_span("mine"):
            return {"trail": [chat.invoke("hello").content]}

    call(line(a), {"trail": []})
    assert (
        tree()
        == """\
invoke_workflow
  node a
    mine
      chat parrot
        http
"""
    )
