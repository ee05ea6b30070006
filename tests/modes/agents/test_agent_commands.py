"""Tools of an agent that ask a human, or hand over to another agent: control flow, and no failure of any run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

agents = pytest.importorskip("langchain.agents")
if not hasattr(agents, "create_agent"):
    pytest.skip("create_agent came with langchain 1.0", allow_module_level=True)

Fn = Callable[..., Any]

ASKED: Any = {"messages": [("user", "What is there?")]}


def test_a_tool_that_asks(call: Fn, actor: Fn, http: Fn, tree: Fn) -> None:
    """A tool that asks a human is paused with all that is around it, and runs again when it is answered."""

    @tool
    def ask() -> str:
        """Ask."""
        http()
        return interrupt("what?")

    agent = agents.create_agent(actor(["ask"], "a tree"), [ask], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    call(agent, ASKED, config)
    assert call(agent, Command(resume="this"), config)["messages"][-2].content == "this"
    assert (
        tree()
        == """\
invoke_agent ~paused
  node model
    chat actor
      http
  node tools ~paused
    execute_tool ask ~paused
      http
invoke_agent
  node tools
    execute_tool ask
      http
  node model
    chat actor
      http
"""
    )


def test_a_tool_that_hands_over(call: Fn, actor: Fn, tree: Fn) -> None:
    """A tool that sends the graph around its agent to another node ends well; the agent is left by a command."""

    @tool
    def hand_over() -> Command[Any]:
        """Hand over."""
        said = ToolMessage("handed over", tool_call_id="0-0")
        return Command(graph=Command.PARENT, goto="other", update={"messages": [said]})

    def other(state: Any) -> Any:
        return {"messages": [AIMessage("mine")]}

    builder = StateGraph(MessagesState)
    builder.add_node("scout", agents.create_agent(actor(["hand_over"]), [hand_over], name="scout"))
    builder.add_node("other", other)
    builder.add_edge(START, "scout")

    assert call(builder.compile(), ASKED)["messages"][-1].content == "mine"
    assert (
        tree()
        == """\
invoke_workflow
  node scout ~command
    invoke_agent scout ~command
      node model
        chat actor
          http
      node tools ~command
        execute_tool hand_over
  node other
"""
    )
