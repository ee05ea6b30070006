"""An agent whose tools want a person's yes; after a no it goes on: `callspan.Approval`.

Run it as it is: the person is a list of answers. `input()` would do as well.
"""

from __future__ import annotations

import asyncio

from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

import callspan
from callspan.handlers.approval import ToolRequest
from callspan.testing import CallTools, ScriptedChatModel, ToolCall


@tool
def refund(amount: int) -> str:
    """Give money back."""
    return f"{amount} paid back"


@tool
def look_up(order: str) -> str:
    """Look an order up."""
    return f"{order} was 70"


answers = iter(["not more than 50", True])


async def ask(request: ToolRequest) -> bool | str:
    """Ask a person, who takes some time."""
    print(f"{request.name}({request.arguments['amount']})?")
    await asyncio.sleep(0.01)
    return next(answers)


model = ScriptedChatModel(
    CallTools(ToolCall("look_up", {"order": "A7"})),
    CallTools(ToolCall("refund", {"amount": 70})),
    CallTools(ToolCall("refund", {"amount": 50})),
    "You get 50 back.",
)


async def main() -> None:
    """Let the agent work; looking things up needs nobody's yes."""
    agent = create_agent(model, [refund, look_up])
    with callspan.callbacks(callspan.Approval(ask, tools=["refund"])):
        result = await agent.ainvoke({"messages": [("user", "Order A7 came broken.")]})
    # -> refund(70)?
    # -> refund(50)?
    for message in result["messages"]:
        if not isinstance(message, AIMessage) or not message.tool_calls:
            print(f"{message.type}: {message.content}")
    # -> human: Order A7 came broken.
    # -> tool: A7 was 70
    # -> tool: not more than 50
    # -> tool: 50 paid back
    # -> ai: You get 50 back.


if __name__ == "__main__":
    callspan.instrument()
    asyncio.run(main())
