"""An agent that never comes to an end is stopped by its budget; its caller learns what for, and what is left."""

from __future__ import annotations

from langchain.agents import create_agent
from langchain_core.tools import tool

import callspan
from callspan.testing import ScriptedChatModel, ToolCall


@tool
def search(words: str) -> str:
    """Search the notes."""
    return "nothing found"


def main() -> None:
    callspan.instrument()
    stubborn = ScriptedChatModel(lambda messages: ToolCall("search", {"words": "keys"}))
    agent = create_agent(stubborn, [search])
    budget = callspan.Budget(calls=5, tokens=10_000, seconds=60)
    try:
        with callspan.callbacks(budget):
            agent.invoke({"messages": "Where are my keys?"}, {"recursion_limit": 100})
    except callspan.OverBudget as stop:
        print(f"stopped by its {stop.limit}: {stop.call} after {stop.used} of {stop.allowed}")
        print(f"{stop.left['tokens']} tokens are left")


if __name__ == "__main__":
    main()
