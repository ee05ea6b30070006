"""A step or a node that takes too long is given up: its runs end although its body may still be waiting."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

Fn = Callable[..., Any]
State = dict[str, Any]

TINY = 0.01  # long enough to start, and the body never ends by itself

needs_node_timeouts = pytest.mark.skipif(
    not find_spec("langgraph.callbacks"), reason="nodes have had timeouts since langgraph 1.2"
)


async def test_an_async_step(line: Fn, http: Fn, tree: Fn) -> None:
    """The node of a step that takes too long is cancelled, and the graph fails."""

    async def n(state: State) -> State:
        http()
        await asyncio.Event().wait()
        return {}

    graph = line(n)
    graph.step_timeout = TINY
    with pytest.raises(TimeoutError):
        await graph.ainvoke({"trail": []})
    assert tree() == "invoke_workflow !TimeoutError\n  node n ~cancelled\n    http\n"


def test_a_sync_step(line: Fn, http: Fn, tree: Fn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync body goes on in its thread: LangGraph waits for it, and its node ends well."""
    given_up = threading.Event()
    waiting = concurrent.futures.wait

    def wait(*args: Any, **kwargs: Any) -> Any:
        found = waiting(*args, **kwargs)
        if not found.done:
            given_up.set()
        return found

    def n(state: State) -> State:
        assert given_up.wait(60)
        http()
        return {"trail": ["n"]}

    monkeypatch.setattr(concurrent.futures, "wait", wait)
    graph = line(n)
    graph.step_timeout = TINY
    with pytest.raises(TimeoutError):
        graph.invoke({"trail": []})
    assert tree() == "invoke_workflow !TimeoutError\n  node n\n    http\n"


@needs_node_timeouts
async def test_an_async_node(line: Fn, http: Fn, tree: Fn) -> None:
    """A node that takes too long is cancelled, and the graph fails."""
    from langgraph.errors import NodeTimeoutError

    async def n(state: State) -> State:
        http()
        await asyncio.Event().wait()
        return {}

    with pytest.raises(NodeTimeoutError):
        await line(n, options={"timeout": TINY}).ainvoke({"trail": []})
    assert (
        tree()
        == """\
invoke_workflow !langgraph.errors.NodeTimeoutError
  node n ~cancelled
    http
"""
    )
