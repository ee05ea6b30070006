"""A static breakpoint: the graph stops between two nodes and raises nothing, so only newer LangGraphs tell of it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

Fn = Callable[..., Any]

CONFIG: Any = {"configurable": {"thread_id": "1"}}
TOLD = " ~paused" if find_spec("langgraph.callbacks") else ""

TWO_ROOTS = f"""\
invoke_workflow{TOLD}
  node a
    http
invoke_workflow
  node b
    http
"""


@pytest.mark.parametrize("where", [{"interrupt_before": ["b"]}, {"interrupt_after": ["a"]}], ids=str)
class TestBreakpoint:
    """Before or after a node, set when the graph is compiled or when it is called."""

    def test_compiled(self, where: dict[str, Any], call: Fn, line: Fn, step: Fn, tree: Fn) -> None:
        """A graph that was compiled with a breakpoint stops there, and goes on as another root."""
        graph = line(step("a"), step("b"), checkpointer=InMemorySaver(), **where)

        assert call(graph, {"trail": []}, CONFIG)["trail"] == ["a"]
        assert call(graph, None, CONFIG)["trail"] == ["a", "b"]
        assert tree() == TWO_ROOTS

    def test_called(self, where: dict[str, Any], call: Fn, line: Fn, step: Fn, tree: Fn) -> None:
        """A call with a breakpoint stops there, and goes on as another root."""
        graph = line(step("a"), step("b"), checkpointer=InMemorySaver())

        assert call(graph, {"trail": []}, CONFIG, **where)["trail"] == ["a"]
        assert call(graph, None, CONFIG)["trail"] == ["a", "b"]
        assert tree() == TWO_ROOTS

    def test_streamed(self, where: dict[str, Any], stream: Fn, line: Fn, step: Fn, tree: Fn) -> None:
        """A stream stops at a breakpoint like a call."""
        graph = line(step("a"), step("b"), checkpointer=InMemorySaver(), **where)

        assert stream(graph, {"trail": []}, CONFIG)[0] == {"a": {"trail": ["a"]}}
        assert stream(graph, None, CONFIG)[0] == {"b": {"trail": ["b"]}}
        assert tree() == TWO_ROOTS
