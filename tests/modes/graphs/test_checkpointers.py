"""A checkpointer makes its calls while the graph runs, between the nodes: they are the graph's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from callspan.testing import Recording

Fn = Callable[..., Any]
CONFIG: Any = {"configurable": {"thread_id": "1"}}


class Store(InMemorySaver):
    """A checkpointer that makes a call to the world whenever it reads or writes."""

    def __init__(self, http: Fn) -> None:
        super().__init__()
        self.http = http

    def get_tuple(self, config: Any) -> Any:
        self.http("read")
        return super().get_tuple(config)

    def put(self, *args: Any, **kwargs: Any) -> Any:
        self.http("write")
        return super().put(*args, **kwargs)

    def put_writes(self, *args: Any, **kwargs: Any) -> Any:
        self.http("write a part")
        return super().put_writes(*args, **kwargs)


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_reads_and_writes(durability: str, call: Fn, line: Fn, step: Fn, http: Fn, recording: Recording) -> None:
    """Whenever it writes, at once or later, in whatever thread or task, the graph is the parent."""
    graph = line(step("a"), step("b"), checkpointer=Store(http))

    call(graph, {"trail": []}, CONFIG, durability=durability)
    root = recording.named("invoke_workflow")
    assert root.context is not None
    assert root.parent is None
    calls = [span for span in recording.spans if span.name.startswith(("read", "write"))]
    assert {"read", "write"} <= {span.name for span in calls}
    assert {span.parent and span.parent.span_id for span in calls} == {root.context.span_id}
    assert recording.named("node a").parent.span_id == root.context.span_id


@pytest.mark.parametrize(("durability", "parts", "writes"), [("sync", 2, 3), ("async", 2, 3), ("exit", 0, 1)])
def test_tree(durability: str, parts: int, writes: int, stream: Fn, line: Fn, step: Fn, http: Fn, tree: Fn) -> None:
    """A streamed graph with one node reads once, and writes before it is over."""
    graph = line(step("a"), checkpointer=Store(http))

    stream(graph, {"trail": []}, CONFIG, durability=durability)
    assert tree(sort=True) == (
        "invoke_workflow\n  node a\n    http\n  read\n" + "  write\n" * writes + "  write a part\n" * parts
    )


def test_state_asked_for_outside_of_a_run(line: Fn, step: Fn, http: Fn, tree: Fn) -> None:
    """Reading a graph's state runs nothing: what the checkpointer does then belongs to the caller."""
    graph = line(step("a"), checkpointer=Store(http))

    graph.get_state(CONFIG)
    assert tree() == "read\n"
