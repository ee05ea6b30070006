"""Agents whose model follows a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import BaseTool, tool


class Actor(BaseChatModel):
    """A chat model that says the line that is due, by the number of its lines so far, after a call to the world."""

    http: Callable[..., None]
    lines: list[AIMessage]
    model_name: str = "actor"

    @property
    def _llm_type(self) -> str:
        return "actor"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self

    def _line(self, messages: list[BaseMessage]) -> AIMessage:
        self.http()
        return self.lines[sum(isinstance(message, AIMessage) for message in messages)]

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._line(messages))])

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        await asyncio.sleep(0)
        return ChatResult(generations=[ChatGeneration(message=self._line(messages))])

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield from _chunks(self._line(messages))

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        await asyncio.sleep(0)
        for chunk in _chunks(self._line(messages)):
            yield chunk


def _chunks(line: AIMessage) -> Iterator[ChatGenerationChunk]:
    yield ChatGenerationChunk(message=AIMessageChunk("", id=line.id))
    yield ChatGenerationChunk(
        message=AIMessageChunk(
            line.content,
            tool_call_chunks=[
                {"name": call["name"], "args": json.dumps(call["args"]), "id": call["id"], "index": index}
                for index, call in enumerate(line.tool_calls)
            ],
        )
    )


@pytest.fixture
def actor(http: Callable[..., None]) -> Callable[..., Actor]:
    """Make a model from what it says: text, or the names of tools that it calls all at once."""

    def make(*script: str | list[str], **arguments: Any) -> Actor:
        lines = [
            AIMessage(line)
            if isinstance(line, str)
            else AIMessage(
                "",
                tool_calls=[
                    {"name": name, "args": arguments.get(name, {}), "id": f"{number}-{index}"}
                    for index, name in enumerate(line)
                ],
            )
            for number, line in enumerate(script)
        ]
        return Actor(http=http, lines=lines)

    return make


@pytest.fixture
def look(http: Callable[..., None]) -> BaseTool:
    """A tool that makes a call to the world."""

    @tool
    def look() -> str:
        """Look."""
        http()
        return "seen"

    return look


@pytest.fixture
def alook(http: Callable[..., None]) -> BaseTool:
    """An async tool that makes a call to the world."""

    @tool
    async def look() -> str:
        """Look."""
        await asyncio.sleep(0)
        http()
        return "seen"

    return look
