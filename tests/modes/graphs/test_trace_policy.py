"""A trace policy makes LangGraph announce and end a node's run twice under one id: it is still one span."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langgraph import types

pytestmark = pytest.mark.skipif(not hasattr(types, "TracePolicy"), reason="trace policies came after langgraph 1.2.0")

Fn = Callable[..., Any]
State = dict[str, Any]

ONE_NODE = "invoke_workflow\n  node a\n    http\n"


class Listener(BaseCallbackHandler):
    """Writes down which chains start and end."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        self.heard.append(f"start {kwargs['name']}")

    def on_chain_end(self, *args: Any, **kwargs: Any) -> None:
        self.heard.append("end")


def _empty(value: Any) -> State:
    return {}


@pytest.fixture(params=["inputs", "outputs", "both"])
def policy(request: pytest.FixtureRequest) -> Any:
    """A policy that hides what goes in, what comes out, or both."""
    return types.TracePolicy(
        process_inputs=None if request.param == "outputs" else _empty,
        process_outputs=None if request.param == "inputs" else _empty,
    )


def test_called(policy: Any, call: Fn, line: Fn, step: Fn, tree: Fn) -> None:
    """One span for the node, and the user's handler hears what it hears without us."""
    listener = Listener()
    graph = line(step("a"), options={"trace_policy": policy})

    assert call(graph, {"trail": []}, {"callbacks": [listener]}) == {"trail": ["a"]}
    assert listener.heard == ["start LangGraph", "start a", "end", "end"]
    assert tree() == ONE_NODE


def test_streamed(policy: Any, stream: Fn, line: Fn, step: Fn, tree: Fn) -> None:
    """One span for the node of a stream."""
    graph = line(step("a"), options={"trace_policy": policy})

    assert stream(graph, {"trail": []}) == [{"a": {"trail": ["a"]}}]
    assert tree() == ONE_NODE


async def test_async_node(policy: Any, line: Fn, astep: Fn, tree: Fn) -> None:
    """One span for an async node."""
    graph = line(astep("a"), options={"trace_policy": policy})

    assert await graph.ainvoke({"trail": []}) == {"trail": ["a"]}
    assert tree() == ONE_NODE


def test_a_node_raises(policy: Any, call: Fn, line: Fn, http: Fn, tree: Fn) -> None:
    """A node with a policy fails once."""
    boom = ValueError("boom")

    def a(state: State) -> State:
        http()
        raise boom

    with pytest.raises(ValueError, match="boom") as raised:
        call(line(a, options={"trace_policy": policy}), {"trail": []})
    assert raised.value is boom
    assert tree() == "invoke_workflow !ValueError\n  node a !ValueError\n    http\n"


async def test_cancelled(policy: Any, line: Fn, http: Fn, tree: Fn) -> None:
    """A node with a policy is cancelled once."""
    waits = asyncio.Event()

    async def a(state: State) -> State:
        http()
        waits.set()
        await asyncio.Event().wait()
        return {}

    task = asyncio.create_task(line(a, options={"trace_policy": policy}).ainvoke({"trail": []}))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tree() == "invoke_workflow ~cancelled\n  node a ~cancelled\n    http\n"


def test_several_nodes(policy: Any, call: Fn, line: Fn, chat: Any, step: Fn, tree: Fn) -> None:
    """Each node with a policy has a span of its own, and its model hangs under it."""

    def a(state: State) -> State:
        return {"trail": [chat.invoke("hello").content]}

    call(line(a, step("b"), options={"trace_policy": policy}), {"trail": []})
    assert (
        tree()
        == """\
invoke_workflow
  node a
    chat parrot
      http
  node b
    http
"""
    )
