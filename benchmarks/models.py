"""A chat model that answers at once: what it costs is LangChain's part alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

TOKENS = 500
"""How many chunks its streams have."""

_USAGE: Any = {"input_tokens": 12, "output_tokens": 5, "total_tokens": 17}
_CALL: Any = {"name": "add", "args": {"a": 1, "b": 2}, "id": "call_1", "type": "tool_call"}

# Made once: otherwise most of a stream's time would go into making its chunks.
_CHUNKS = [ChatGenerationChunk(message=AIMessageChunk("word ")) for _ in range(TOKENS)]


class ScriptedModel(BaseChatModel):
    """Says one sentence; if it was given tools, it calls one first, when a person asks."""

    model: str = "scripted-1"
    tools: bool = False

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> ScriptedModel:
        """Take the tools as seen; there is one, and its call is scripted."""
        return self.model_copy(update={"tools": True})

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        calls = [_CALL] if self.tools and isinstance(messages[-1], HumanMessage) else []
        message = AIMessage(
            "The sum is three.",
            tool_calls=calls,
            usage_metadata=_USAGE,
            response_metadata={"model_name": "scripted-1-2026"},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return self._generate(messages)


class StreamingModel(ScriptedModel):
    """Streams as many tokens as `TOKENS` says."""

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield from _CHUNKS

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _CHUNKS:
            yield chunk
