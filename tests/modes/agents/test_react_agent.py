"""LangGraph's older agents: the same, with the runs that LangGraph makes inside their model node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import create_react_agent

# It is deprecated in favour of langchain's, and works.
pytestmark = pytest.mark.filterwarnings("ignore:create_react_agent has been moved")

Fn = Callable[..., Any]

ASKED: Any = {"messages": [("user", "What is there?")]}

TWO_TURNS = """\
invoke_agent
  node agent
    chain call_model
      chain RunnableSequence
        chain Prompt
        chat actor
          http
    chain should_continue
  node tools
    execute_tool look
      http
  node agent
    chain call_model
      chain RunnableSequence
        chain Prompt
        chat actor
          http
    chain should_continue
"""


def test_called(call: Fn, actor: Fn, look: BaseTool, tree: Fn) -> None:
    """A turn of the model, one of the tools, and one of the model again."""
    result = call(create_react_agent(actor(["look"], "a tree"), [look]), ASKED)

    assert result["messages"][-1].content == "a tree"
    assert tree() == TWO_TURNS


@pytest.mark.parametrize("mode", ["updates", "messages"])
def test_streamed(mode: str, stream: Fn, actor: Fn, look: BaseTool, tree: Fn) -> None:
    """A streamed agent has the spans of a called one."""
    assert stream(create_react_agent(actor(["look"], "a tree"), [look]), ASKED, stream_mode=mode) != []
    assert tree() == TWO_TURNS


async def test_an_async_tool(actor: Fn, alook: BaseTool, tree: Fn) -> None:
    """An async tool is current in its body."""
    await create_react_agent(actor(["look"], "a tree"), [alook]).ainvoke(ASKED)
    assert tree() == TWO_TURNS


def test_a_named_agent(call: Fn, actor: Fn, look: BaseTool, recording: Any) -> None:
    """An agent that has a name bears it."""
    call(create_react_agent(actor("hello"), [look], name="scout"), ASKED)
    said = recording.named("invoke_agent scout").attributes
    assert said["gen_ai.agent.name"] == "scout"
    assert said["gen_ai.operation.name"] == "invoke_agent"


def test_a_tool_raises(call: Fn, actor: Fn, http: Fn, recording: Any) -> None:
    """A tool that raises fails itself, and the agent where LangGraph lets the failure out."""
    boom = KeyError("boom")

    @tool
    def look() -> str:
        """Look."""
        http()
        raise boom

    from langgraph.prebuilt import ToolNode

    agent = create_react_agent(actor(["look"], "never"), ToolNode([look], handle_tool_errors=False))
    with pytest.raises(KeyError) as raised:
        call(agent, ASKED)
    assert raised.value is boom
    assert recording.tree().splitlines()[-3:] == [
        "  node tools !KeyError",
        "    execute_tool look !KeyError",
        "      http",
    ]
    assert recording.tree().startswith("invoke_agent !KeyError\n")


def test_a_handled_failure(call: Fn, actor: Fn, http: Fn, recording: Any) -> None:
    """A failure that the tool node turns into a message is the tool's alone."""
    boom = KeyError("boom")

    @tool
    def look() -> str:
        """Look."""
        http()
        raise boom

    from langgraph.prebuilt import ToolNode

    agent = create_react_agent(actor(["look"], "well"), ToolNode([look], handle_tool_errors=True))
    assert call(agent, ASKED)["messages"][-1].content == "well"
    assert [span.name for span in recording.spans if span.status.status_code.name == "ERROR"] == ["execute_tool look"]


async def test_cancelled(actor: Fn, http: Fn, tree: Fn) -> None:
    """An agent that is cancelled in a tool ends everything that is open as cancelled."""
    waits = asyncio.Event()

    @tool
    async def look() -> str:
        """Look."""
        http()
        waits.set()
        await asyncio.Event().wait()
        return "never"

    task = asyncio.create_task(create_react_agent(actor(["look"], "never"), [look]).ainvoke(ASKED))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tree().startswith("invoke_agent ~cancelled\n")
    assert tree().endswith("  node tools ~cancelled\n    execute_tool look ~cancelled\n      http\n")


def test_interrupted_before_its_tools(call: Fn, actor: Fn, look: BaseTool, tree: Fn) -> None:
    """A breakpoint before the tools makes two roots, both of them the agent."""
    config = {"configurable": {"thread_id": "1"}}
    agent = create_react_agent(
        actor(["look"], "a tree"), [look], checkpointer=InMemorySaver(), interrupt_before=["tools"]
    )
    call(agent, ASKED, config)
    assert call(agent, None, config)["messages"][-1].content == "a tree"
    roots = [line for line in tree().splitlines() if not line.startswith(" ")]
    assert [root.split()[0] for root in roots] == ["invoke_agent", "invoke_agent"]
    assert "!" not in tree()
