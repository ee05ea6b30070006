"""What the spans of a graph say of LangGraph: each thing on the runs that it is true of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from callspan.testing import Recording

Fn = Callable[..., Any]
State = dict[str, Any]

CONFIG: Any = {"configurable": {"thread_id": "1"}}


def test_step_and_node(call: Fn, line: Fn, step: Fn, chat: Any, tree: Fn) -> None:
    """What runs in a step says its number; the node's name stands on the node alone."""

    def b(state: State) -> State:
        return {"trail": [chat.invoke("hello").content]}

    call(line(step("a"), b), {"trail": []})
    assert (
        tree(attributes=["langgraph.step", "langgraph.node", "langgraph.triggers"])
        == """\
invoke_workflow
  node a langgraph.step=1 langgraph.node=a langgraph.triggers=["branch:to:a"]
    http
  node b langgraph.step=2 langgraph.node=b langgraph.triggers=["branch:to:b"]
    chat parrot langgraph.step=2
      http
"""
    )


def test_node_of_a_graph_in_a_graph(call: Fn, line: Fn, step: Fn, tree: Fn) -> None:
    """A graph that is a node is itself no node, even if it bears the node's name."""
    call(line(("s", line(step("n"), name="s"))), {"trail": []})
    assert (
        tree(attributes=["langgraph.node"])
        == """\
invoke_workflow
  node s langgraph.node=s
    invoke_workflow s
      node n langgraph.node=n
        http
"""
    )


def test_task_and_checkpoint_namespace(call: Fn, line: Fn, step: Fn, recording: Recording) -> None:
    """A node says its task and the path to it, which begins with the path of the node around it."""
    call(line(("s", line(step("n")))), {"trail": []})
    outer, inner = (recording.named(f"node {name}").attributes or {} for name in "sn")

    assert outer["langgraph.checkpoint.ns"] == f"s:{outer['langgraph.task.id']}"
    assert inner["langgraph.checkpoint.ns"] == (f"{outer['langgraph.checkpoint.ns']}|n:{inner['langgraph.task.id']}")
    assert inner["langgraph.task.id"] != outer["langgraph.task.id"]


def test_nothing_outside_of_a_step(call: Fn, line: Fn, step: Fn, recording: Recording) -> None:
    """The root graph is in no step, no task and no namespace."""
    call(line(step("a")), {"trail": []})

    said = recording.named("invoke_workflow").attributes or {}
    assert [name for name in said if name.startswith("langgraph.")] == []


def test_checkpoint_id(call: Fn, line: Fn, step: Fn, recording: Recording) -> None:
    """A node of a call that begins at a checkpoint says which."""
    graph = line(step("a"), checkpointer=InMemorySaver())
    call(graph, {"trail": []}, CONFIG)
    earlier = next(iter(graph.get_state_history(CONFIG, limit=1))).config["configurable"]["checkpoint_id"]
    recording.clear()

    call(graph, {"trail": []}, {"configurable": {"thread_id": "1", "checkpoint_id": earlier}})
    assert (recording.named("node a").attributes or {})["langgraph.checkpoint.id"] == earlier


def test_run(call: Fn, line: Fn, step: Fn, recording: Recording) -> None:
    """Graphs and nodes are chains to LangChain, and say LangChain's names for them."""
    call(line(step("a")), {"trail": []}, {"tags": ["mine"]})

    root = recording.named("invoke_workflow").attributes or {}
    node = recording.named("node a").attributes or {}
    assert root["langchain.run.type"] == node["langchain.run.type"] == "chain"
    assert root["langchain.run.name"] == "LangGraph"
    assert root["gen_ai.operation.name"] == "invoke_workflow"
    assert root["langchain.run.tags"] == ("mine",)
    assert node["langchain.run.name"] == "a"
    assert "gen_ai.operation.name" not in node


def test_workflow_name(call: Fn, line: Fn, step: Fn, recording: Recording) -> None:
    """The name of a graph is said by the conventions' attribute, too."""
    call(line(step("a"), name="errands"), {"trail": []})

    said = recording.named("invoke_workflow errands").attributes or {}
    assert said["gen_ai.workflow.name"] == "errands"
