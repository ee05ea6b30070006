"""An agent of LangChain's with a scripted model and a tool that notes its calls."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool
from langgraph.prebuilt import ToolNode

from callspan.testing import ScriptedChatModel

try:
    from langchain.agents import create_agent
except ImportError:
    from langgraph.prebuilt import create_react_agent as create_agent

FORMS = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch")

CALL = {"name": "delete", "args": {"path": "/tmp"}, "id": "c1", "type": "tool_call"}
ASKED: Any = {"messages": [("user", "clean up")]}


class Agent:
    """The agent, and what its tool was called with.

    Args:
        *replies: What its model says; by default it asks for the tool, and is done.
    """

    def __init__(self, *replies: Any) -> None:
        self.deleted: list[str] = []
        self.model = ScriptedChatModel(*(replies or (AIMessage("", tool_calls=[CALL]), "all is done")))

        def delete(path: str) -> str:
            """Delete a file."""
            self.deleted.append(path)
            return f"{path} is gone"

        async def adelete(path: str) -> str:
            return delete(path)

        self.tool = StructuredTool.from_function(delete, adelete)
        # Its default before LangGraph 1.0 makes a message of any error.
        tools: Any = [self.tool]
        if create_agent.__name__ == "create_react_agent":
            tools = ToolNode(tools, handle_tool_errors=False)
        self.runnable: Any = create_agent(self.model, tools, name="helper")


def given(form: str, asked: Any = ASKED) -> Any:
    """Give the input of a form."""
    return [asked] if "batch" in form else asked


def last_text(result: Any) -> str:
    """Give what an agent said last, in whatever form it was called."""
    if isinstance(result, list):
        result = result[-1]
    while "messages" not in result:
        result = next(iter(result.values()))
    return str(result["messages"][-1].content)
