"""Where a graph goes next: edge functions, Send, and commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send

Fn = Callable[..., Any]
State = dict[str, Any]

GOTO = ["langgraph.goto"]


def test_a_conditional_edge(call: Fn, step: Fn, http: Fn, trail: type, tree: Fn) -> None:
    """An edge function is a child of the node after which it decides, and its body is current."""

    def choose(state: State) -> str:
        http("look")
        return "c"

    builder = StateGraph(trail)
    for name in "abc":
        builder.add_node(name, step(name))
    builder.add_edge(START, "a")
    builder.add_conditional_edges("a", choose, ["b", "c"])

    assert call(builder.compile(), {"trail": []}) == {"trail": ["a", "c"]}
    assert (
        tree()
        == """\
invoke_workflow
  node a
    http
    chain choose
      look
  node c
    http
"""
    )


def test_a_conditional_edge_from_the_start(call: Fn, step: Fn, http: Fn, trail: type, tree: Fn) -> None:
    """An edge function before the first node has no run: what it does belongs to the graph."""

    def choose(state: State) -> str:
        http("look")
        return "a"

    builder = StateGraph(trail)
    builder.add_node("a", step("a"))
    builder.add_conditional_edges(START, choose, ["a", END])

    assert call(builder.compile(), {"trail": []}) == {"trail": ["a"]}
    assert tree() == "invoke_workflow\n  look\n  node a\n    http\n"


def test_sends(call: Fn, step: Fn, chat: Any, trail: type, tree: Fn) -> None:
    """Each packet that is sent to a node is a run of it, and so is what the packet makes it call."""

    def spread(state: State) -> list[Send]:
        return [Send("work", {"trail": [name]}) for name in "xyz"]

    def work(state: State) -> State:
        return {"trail": [chat.invoke("hello").content]}

    builder = StateGraph(trail)
    builder.add_node("a", step("a"))
    builder.add_node("work", work)
    builder.add_node("b", step("b"))
    builder.add_edge(START, "a")
    builder.add_conditional_edges("a", spread, ["work"])
    builder.add_edge("work", "b")

    assert call(builder.compile(), {"trail": []}) == {"trail": ["a", *["pretty polly"] * 3, "b"]}
    work_line = "  node work\n    chat parrot\n      http\n"
    assert tree(sort=True) == (
        "invoke_workflow\n  node a\n    chain spread\n    http\n  node b\n    http\n" + work_line * 3
    )


def test_a_command_to_go_somewhere(call: Fn, step: Fn, http: Fn, trail: type, tree: Fn) -> None:
    """A node that returns a command ends well, and its span says where it sent the graph."""

    def a(state: State) -> Command[Literal["c"]]:
        http()
        return Command(goto="c", update={"trail": ["a"]})

    builder = StateGraph(trail)
    builder.add_node("a", a)
    builder.add_node("b", step("b"))
    builder.add_node("c", step("c"))
    builder.add_edge(START, "a")

    assert call(builder.compile(), {"trail": []}) == {"trail": ["a", "c"]}
    assert (
        tree(attributes=GOTO)
        == """\
invoke_workflow
  node a langgraph.goto=["c"]
    http
  node c
    http
"""
    )


def test_a_command_to_go_to_several_nodes(call: Fn, step: Fn, trail: type, tree: Fn) -> None:
    """Names and packets in a command are said by the names of their nodes."""

    def a(state: State) -> Command[Literal["b", "c"]]:
        return Command(goto=["b", Send("c", {"trail": []})])

    builder = StateGraph(trail)
    builder.add_node("a", a)
    builder.add_node("b", step("b"))
    builder.add_node("c", step("c"))
    builder.add_edge(START, "a")

    assert sorted(call(builder.compile(), {"trail": []})["trail"]) == ["b", "c"]
    assert (
        tree(attributes=GOTO, sort=True)
        == """\
invoke_workflow
  node a langgraph.goto=["b", "c"]
  node b
    http
  node c
    http
"""
    )


def test_a_command_that_only_updates(call: Fn, line: Fn, tree: Fn) -> None:
    """A command that sends the graph nowhere says nothing of where."""

    def a(state: State) -> Command[Any]:
        return Command(update={"trail": ["a"]})

    assert call(line(a), {"trail": []}) == {"trail": ["a"]}
    assert tree(attributes=GOTO) == "invoke_workflow\n  node a\n"


def test_a_command_to_the_parent(call: Fn, line: Fn, step: Fn, http: Fn, trail: type, tree: Fn) -> None:
    """A command to the parent leaves the inner graph like an exception, and is no failure of any run."""

    def leave(state: State) -> Command[Any]:
        http()
        return Command(graph=Command.PARENT, goto="c", update={"trail": ["leave"]})

    builder = StateGraph(trail)
    builder.add_node("inner", line(leave))
    builder.add_node("b", step("b"))
    builder.add_node("c", step("c"))
    builder.add_edge(START, "inner")

    assert call(builder.compile(), {"trail": []}) == {"trail": ["leave", "c"]}
    assert (
        tree()
        == """\
invoke_workflow
  node inner ~command
    invoke_workflow ~command
      node leave ~command
        http
  node c
    http
"""
    )
