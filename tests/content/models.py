"""A chat model that says its lines, by how many it has said in the conversation; and the lines."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from callspan.testing import ScriptedChatModel


def speaker(*lines: AIMessage) -> ScriptedChatModel:
    """Make the model: what is said at once, or again, is said alike."""

    def line(messages: list[BaseMessage]) -> AIMessage:
        return lines[sum(isinstance(message, AIMessage) for message in messages)]

    return ScriptedChatModel(line)


def says(words: str) -> AIMessage:
    """Make a line of words."""
    return AIMessage(words, response_metadata={"finish_reason": "stop"})


def calls(name: str, **arguments: Any) -> AIMessage:
    """Make a line that calls a tool."""
    call: Any = {"name": name, "args": arguments, "id": "c1", "type": "tool_call"}
    return AIMessage("", tool_calls=[call], response_metadata={"finish_reason": "tool_calls"})
