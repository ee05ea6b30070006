"""A chat model that says the lines of a script, whole or in pieces, and can have tools."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool


class Scripted(BaseChatModel):
    """Says the line that is due, by the number of its lines so far."""

    lines: list[AIMessage]
    model_name: str = "scripted"

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools])

    def _line(self, messages: list[BaseMessage]) -> AIMessage:
        line = self.lines[sum(isinstance(message, AIMessage) for message in messages)]
        return line.model_copy(deep=True)  # LangChain gives it an id

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._line(messages))])

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        line = self._line(messages)
        for word in re.findall(r"\s*\S+", str(line.content)):
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        for call in line.tool_calls:
            chunk: Any = {
                "name": call["name"],
                "args": json.dumps(call["args"]),
                "id": call["id"],
                "index": 0,
                "type": "tool_call_chunk",
            }
            yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[chunk]))
        last = AIMessageChunk("", response_metadata=line.response_metadata)
        yield ChatGenerationChunk(message=last)


def says(words: str) -> AIMessage:
    """Make a line of words."""
    return AIMessage(words, response_metadata={"finish_reason": "stop"})


def calls(name: str, **arguments: Any) -> AIMessage:
    """Make a line that calls a tool."""
    call: Any = {"name": name, "args": arguments, "id": "c1", "type": "tool_call"}
    return AIMessage("", tool_calls=[call], response_metadata={"finish_reason": "tool_calls"})
