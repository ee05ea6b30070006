"""Nodes that raise, are tried again, come too late, or never come to an end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
from langgraph.errors import GraphRecursionError
from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy

Fn = Callable[..., Any]
State = dict[str, Any]


@pytest.fixture
def boom() -> ValueError:
    """The one exception that is raised."""
    return ValueError("boom")


@pytest.fixture
def failing(http: Fn, boom: ValueError) -> Fn:
    """A node that makes its call and raises."""

    def n(state: State) -> State:
        http()
        raise boom

    return n


def test_a_node_raises(call: Fn, line: Fn, step: Fn, failing: Fn, boom: ValueError, tree: Fn) -> None:
    """The node and the graph have failed with what was raised, and the caller gets that very exception."""
    with pytest.raises(ValueError, match="boom") as raised:
        call(line(step("a"), failing, step("b")), {"trail": []})

    assert raised.value is boom
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  node a
    http
  node n !ValueError
    http
"""
    )


def test_a_stream_raises(stream: Fn, line: Fn, failing: Fn, boom: ValueError, tree: Fn) -> None:
    """A stream that fails half-way has failed like a call."""
    with pytest.raises(ValueError, match="boom") as raised:
        stream(line(failing), {"trail": []})

    assert raised.value is boom
    assert tree() == "invoke_workflow !ValueError\n  node n !ValueError\n    http\n"


def test_a_graph_in_a_graph_raises(call: Fn, line: Fn, failing: Fn, boom: ValueError, tree: Fn) -> None:
    """The failure goes up through every run that it leaves."""
    with pytest.raises(ValueError, match="boom") as raised:
        call(line(("s", line(failing, name="inner"))), {"trail": []})

    assert raised.value is boom
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  node s !ValueError
    invoke_workflow inner !ValueError
      node n !ValueError
        http
"""
    )


def test_a_node_catches(call: Fn, line: Fn, failing: Fn, boom: ValueError, tree: Fn) -> None:
    """A graph that fails in a node that can live with it is the only thing that failed."""
    inner = line(failing, name="inner")

    def a(state: State) -> State:
        with pytest.raises(ValueError, match="boom"):
            inner.invoke({"trail": []})
        return {"trail": ["a"]}

    assert call(line(a), {"trail": []}) == {"trail": ["a"]}
    assert (
        tree()
        == """\
invoke_workflow
  node a
    invoke_workflow inner !ValueError
      node n !ValueError
        http
"""
    )


def test_one_of_two_raises(fan: Fn, failing: Fn, boom: ValueError, http: Fn, tree: Fn) -> None:
    """A sync sibling cannot be stopped: it ends well although the graph has failed."""
    both = threading.Barrier(2, timeout=60)

    def n(state: State) -> State:
        both.wait()
        return failing(state)

    def slow(state: State) -> State:
        both.wait()
        http()
        return {"trail": ["slow"]}

    with pytest.raises(ValueError, match="boom") as raised:
        fan(n, slow).invoke({"trail": []})

    assert raised.value is boom
    assert (
        tree(sort=True)
        == """\
invoke_workflow !ValueError
  node n !ValueError
    http
  node slow
    http
"""
    )


async def test_one_of_two_raises_and_the_other_is_cancelled(fan: Fn, boom: ValueError, http: Fn, tree: Fn) -> None:
    """An async sibling is cancelled, and that is no failure."""
    waits = asyncio.Event()

    async def n(state: State) -> State:
        await waits.wait()
        raise boom

    async def slow(state: State) -> State:
        http()
        waits.set()
        await asyncio.Event().wait()
        return {}

    with pytest.raises(ValueError, match="boom") as raised:
        await fan(n, slow).ainvoke({"trail": []})

    assert raised.value is boom
    assert (
        tree(sort=True)
        == """\
invoke_workflow !ValueError
  node n !ValueError
  node slow ~cancelled
    http
"""
    )


def test_tried_again(call: Fn, line: Fn, step: Fn, http: Fn, boom: ValueError, tree: Fn) -> None:
    """Each attempt is a run of the node; the graph succeeds with the last one."""
    attempts = iter([boom, boom, None])

    def n(state: State) -> State:
        http()
        if (failure := next(attempts)) is not None:
            raise failure
        return {"trail": ["n"]}

    policy = RetryPolicy(initial_interval=0, jitter=False, retry_on=ValueError)
    assert call(line(n, options={"retry_policy": policy}), {"trail": []}) == {"trail": ["n"]}
    assert (
        tree()
        == """\
invoke_workflow
  node n !ValueError
    http
  node n !ValueError
    http
  node n
    http
"""
    )


def test_tried_too_often(call: Fn, line: Fn, failing: Fn, boom: ValueError, tree: Fn) -> None:
    """When the last attempt fails, so has the graph."""
    policy = RetryPolicy(initial_interval=0, jitter=False, retry_on=ValueError, max_attempts=2)
    with pytest.raises(ValueError, match="boom") as raised:
        call(line(failing, options={"retry_policy": policy}), {"trail": []})

    assert raised.value is boom
    attempt = "  node n !ValueError\n    http\n"
    assert tree() == f"invoke_workflow !ValueError\n{attempt}{attempt}"


def test_the_recursion_limit(call: Fn, step: Fn, trail: type, tree: Fn) -> None:
    """A graph that runs in a circle fails, none of its nodes does."""
    builder = StateGraph(trail)
    builder.add_node("a", step("a"))
    builder.add_edge(START, "a")
    builder.add_edge("a", "a")

    with pytest.raises(GraphRecursionError):
        call(builder.compile(), {"trail": []}, {"recursion_limit": 2})
    turn = "  node a\n    http\n"
    assert tree() == f"invoke_workflow !langgraph.errors.GraphRecursionError\n{turn}{turn}"


def test_what_is_no_exception(call: Fn, line: Fn, http: Fn, tree: Fn) -> None:
    """What is no `Exception` reaches the caller as the very object, and ends every run on its way."""
    stop = KeyboardInterrupt()

    def n(state: State) -> State:
        http()
        raise stop

    with pytest.raises(KeyboardInterrupt) as raised:
        call(line(n), {"trail": []})

    assert raised.value is stop
    assert tree() == "invoke_workflow ~cancelled\n  node n ~cancelled\n    http\n"


@pytest.mark.skipif(not find_spec("langgraph.callbacks"), reason="nodes have had handlers since langgraph 1.2")
def test_an_error_handler(call: Fn, line: Fn, failing: Fn, http: Fn, tree: Fn) -> None:
    """A handler of a node's failure is a node, too; the graph has not failed."""

    def mend(state: State) -> State:
        http("mend")
        return {"trail": ["mended"]}

    assert call(line(failing, options={"error_handler": mend}), {"trail": []}) == {"trail": ["mended"]}
    assert (
        tree()
        == """\
invoke_workflow
  node n !ValueError
    http
  node __error_handler__n
    mend
"""
    )
