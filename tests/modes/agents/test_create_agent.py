"""LangChain's agents: one `invoke_agent` around its model and its tools."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import BaseTool, tool
from pydantic import BaseModel

from callspan.testing import Recording

agents = pytest.importorskip("langchain.agents", reason="create_agent came with langchain 1.0")
if not hasattr(agents, "create_agent"):
    pytest.skip("create_agent came with langchain 1.0", allow_module_level=True)

Fn = Callable[..., Any]

STRUCTURED = "langchain.structured_output.schema", "langchain.structured_output.parsed"

ASKED: Any = {"messages": [("user", "What is there?")]}

TWO_TURNS = """\
invoke_agent
  node model
    chat actor
      http
  node tools
    execute_tool look
      http
  node model
    chat actor
      http
"""


def _last(result: Any) -> str:
    return result["messages"][-1].content


def test_called(call: Fn, actor: Fn, look: BaseTool, tree: Fn) -> None:
    """A turn of the model, one of the tools, and one of the model again."""
    agent = agents.create_agent(actor(["look"], "a tree"), [look])

    assert _last(call(agent, ASKED)) == "a tree"
    assert tree() == TWO_TURNS


async def test_an_async_tool(actor: Fn, alook: BaseTool, tree: Fn) -> None:
    """An async tool is current in its body."""
    agent = agents.create_agent(actor(["look"], "a tree"), [alook])

    assert _last(await agent.ainvoke(ASKED)) == "a tree"
    assert tree() == TWO_TURNS


@pytest.mark.parametrize("mode", ["values", "updates", "messages", ["updates", "messages"]], ids=str)
def test_streamed(mode: Any, stream: Fn, actor: Fn, look: BaseTool, tree: Fn) -> None:
    """A streamed agent has the spans of a called one, whatever is streamed."""
    agent = agents.create_agent(actor(["look"], "a tree"), [look])

    assert stream(agent, ASKED, stream_mode=mode) != []
    assert tree() == TWO_TURNS


def test_without_tools(call: Fn, actor: Fn, tree: Fn) -> None:
    """An agent that has only a model is an agent."""
    assert _last(call(agents.create_agent(actor("hello")), ASKED)) == "hello"
    assert tree() == "invoke_agent\n  node model\n    chat actor\n      http\n"


def test_a_named_agent(call: Fn, actor: Fn, tree: Fn) -> None:
    """An agent that has a name bears it, and so does what it asks."""
    call(agents.create_agent(actor("hello"), name="scout"), ASKED)
    assert tree(attributes=["gen_ai.agent.name"]) == (
        "invoke_agent scout gen_ai.agent.name=scout\n  node model\n    chat actor gen_ai.agent.name=scout\n      http\n"
    )


@pytest.fixture
def pair(http: Fn) -> list[BaseTool]:
    """Two tools that only return once both have been called."""
    both = threading.Barrier(2, timeout=60)

    def make(name: str) -> BaseTool:
        @tool(name)
        def one() -> str:
            """Do one thing."""
            both.wait()
            http()
            return name

        return one

    return [make("x"), make("y")]


def test_tools_side_by_side(call: Fn, actor: Fn, pair: list[BaseTool], tree: Fn) -> None:
    """Tools that the model asks for at once run at once, each a run of its own under a node."""
    agent = agents.create_agent(actor(["x", "y"], "both"), pair)

    assert _last(call(agent, ASKED)) == "both"
    assert (
        tree(sort=True)
        == """\
invoke_agent
  node model
    chat actor
      http
  node model
    chat actor
      http
  node tools
    execute_tool x
      http
  node tools
    execute_tool y
      http
"""
    )


def test_a_tool_raises(call: Fn, actor: Fn, http: Fn, tree: Fn) -> None:
    """A tool's failure is its own, its node's and the agent's; the caller gets the very object."""
    boom = ValueError("boom")

    @tool
    def look() -> str:
        """Look."""
        http()
        raise boom

    with pytest.raises(ValueError, match="boom") as raised:
        call(agents.create_agent(actor(["look"], "never"), [look]), ASKED)
    assert raised.value is boom
    assert (
        tree()
        == """\
invoke_agent !ValueError
  node model
    chat actor
      http
  node tools !ValueError
    execute_tool look !ValueError
      http
"""
    )


class Sight(BaseModel):
    """What the agent answers."""

    what: str


def test_a_structured_answer(call: Fn, actor: Fn, look: BaseTool, tree: Fn, recording: Recording) -> None:
    """An answer that the model gives by a tool call is no tool run."""
    from langchain.agents.structured_output import ToolStrategy

    model = actor(["look"], ["Sight"], Sight={"what": "a tree"})
    agent = agents.create_agent(model, [look], response_format=ToolStrategy(Sight))

    assert call(agent, ASKED)["structured_response"] == Sight(what="a tree")
    assert tree() == TWO_TURNS
    [root] = [span for span in recording.spans if span.name == "invoke_agent"]
    assert [root.attributes.get(name) for name in STRUCTURED] == ["Sight", True]


def test_an_answer_that_is_not_what_it_was_to_be_is_said(actor: Fn, recording: Recording) -> None:
    """An agent fails on it, and its span says that it could not be read."""
    from langchain.agents.structured_output import StructuredOutputValidationError, ToolStrategy

    model = actor(["Sight"], Sight={"what": ["no", "text"]})
    agent = agents.create_agent(model, [], response_format=ToolStrategy(Sight, handle_errors=False))
    with pytest.raises(StructuredOutputValidationError):
        agent.invoke(ASKED)
    root = recording.spans[-1]
    assert root.attributes[STRUCTURED[1]] is False
    assert STRUCTURED[0] not in root.attributes


async def test_cancelled(actor: Fn, http: Fn, tree: Fn) -> None:
    """An agent that is cancelled in a tool ends the tool, its node and itself as cancelled."""
    waits = asyncio.Event()

    @tool
    async def look() -> str:
        """Look."""
        http()
        waits.set()
        await asyncio.Event().wait()
        return "never"

    agent = agents.create_agent(actor(["look"], "never"), [look])
    task = asyncio.create_task(agent.ainvoke(ASKED))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (
        tree()
        == """\
invoke_agent ~cancelled
  node model
    chat actor
      http
  node tools ~cancelled
    execute_tool look ~cancelled
      http
"""
    )


def test_in_a_sequence(call: Fn, actor: Fn, tree: Fn) -> None:
    """An agent that is no root is an agent all the same."""
    from langchain_core.runnables import RunnableLambda

    chain = RunnableLambda(lambda text: {"messages": [("user", text)]}) | agents.create_agent(actor("hello"))

    assert _last(call(chain, "hi")) == "hello"
    assert (
        tree()
        == """\
invoke_workflow
  chain RunnableLambda
  invoke_agent
    node model
      chat actor
        http
"""
    )
