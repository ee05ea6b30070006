"""Agents in agents, in tools and in graphs; and graphs that only look like agents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import BaseTool, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, create_react_agent

pytestmark = pytest.mark.filterwarnings("ignore:create_react_agent has been moved")

Fn = Callable[..., Any]

ASKED: Any = {"messages": [("user", "What is there?")]}


@pytest.fixture
def create_agent() -> Fn:
    """LangChain's agents, where they exist."""
    agents = pytest.importorskip("langchain.agents")
    if not hasattr(agents, "create_agent"):
        pytest.skip("create_agent came with langchain 1.0")
    return agents.create_agent


def test_as_a_tool_of_an_agent(call: Fn, create_agent: Fn, actor: Fn, look: BaseTool, tree: Fn) -> None:
    """An agent that another one calls by a tool hangs under that tool."""
    scout = create_agent(actor(["look"], "a tree"), [look], name="scout")

    @tool
    def ask_scout(question: str) -> str:
        """Ask the scout."""
        return scout.invoke({"messages": [("user", question)]})["messages"][-1].content

    boss = create_agent(
        actor(["ask_scout"], "done", ask_scout={"question": "What is there?"}), [ask_scout], name="boss"
    )
    assert call(boss, ASKED)["messages"][-1].content == "done"
    assert (
        tree()
        == """\
invoke_agent boss
  node model
    chat actor
      http
  node tools
    execute_tool ask_scout
      invoke_agent scout
        node model
          chat actor
            http
        node tools
          execute_tool look
            http
        node model
          chat actor
            http
  node model
    chat actor
      http
"""
    )


def test_as_a_node_of_a_graph(call: Fn, create_agent: Fn, actor: Fn, tree: Fn) -> None:
    """An agent that is a node of a graph is an agent below the node; the graph is a workflow."""
    builder = StateGraph(MessagesState)
    builder.add_node("helper", create_agent(actor("hello"), name="scout"))
    builder.add_edge(START, "helper")

    call(builder.compile(name="team"), ASKED)
    assert (
        tree()
        == """\
invoke_workflow team
  node helper
    invoke_agent scout
      node model
        chat actor
          http
"""
    )


def test_a_graph_in_an_agents_tool(call: Fn, create_agent: Fn, actor: Fn, http: Fn, tree: Fn) -> None:
    """A graph that a tool of an agent calls is a workflow, although it inherits the agent's metadata."""

    def n(state: Any) -> Any:
        http()
        return {"messages": [AIMessage("found")]}

    builder = StateGraph(MessagesState)
    builder.add_node("n", n)
    builder.add_edge(START, "n")
    graph = builder.compile()

    @tool
    def search() -> str:
        """Search."""
        return graph.invoke(ASKED)["messages"][-1].content

    call(create_agent(actor(["search"], "done"), [search], name="boss"), ASKED)
    assert (
        tree()
        == """\
invoke_agent boss
  node model
    chat actor
      http
  node tools
    execute_tool search
      invoke_workflow
        node n
          http
  node model
    chat actor
      http
"""
    )


def test_an_older_agent_as_a_node(call: Fn, actor: Fn, look: BaseTool, tree: Fn) -> None:
    """LangGraph's own agent as a node of a graph is an agent below the node."""
    builder = StateGraph(MessagesState)
    builder.add_node("helper", create_react_agent(actor("hello"), [look], name="scout"))
    builder.add_edge(START, "helper")

    call(builder.compile(), ASKED)
    assert tree().splitlines()[:4] == [
        "invoke_workflow",
        "  node helper",
        "    invoke_agent scout",
        "      node agent",
    ]


@pytest.mark.parametrize("name", ["model", "agent"])
def test_a_graph_with_the_nodes_of_an_agent(name: str, call: Fn, actor: Fn, look: BaseTool, tree: Fn) -> None:
    """A graph that somebody made by hand, with an agent's nodes in it, is a workflow."""
    model = actor(["look"], "a tree")

    def think(state: Any) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    def more(state: Any) -> str:
        return "tools" if state["messages"][-1].tool_calls else "__end__"

    builder = StateGraph(MessagesState)
    builder.add_node(name, think)
    builder.add_node("tools", ToolNode([look]))
    builder.add_edge(START, name)
    builder.add_conditional_edges(name, more, ["tools", "__end__"])
    builder.add_edge("tools", name)

    assert call(builder.compile(), ASKED)["messages"][-1].content == "a tree"
    turn = f"  node {name}\n    chat actor\n      http\n    chain more\n"
    assert tree() == f"invoke_workflow\n{turn}  node tools\n    execute_tool look\n      http\n{turn}"
