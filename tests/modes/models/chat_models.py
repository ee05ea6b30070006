"""Chat models with a body that a test gives them; they implement more or fewer of the methods they may."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

USAGE: Any = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
WORDS = ("one ", "two ", "three")
ANSWER = "".join(WORDS)


def _nothing(text: str) -> None: ...


class ChatInvoking(BaseChatModel):
    """Has `_generate` only: its stream is an invoke, and its asynchronous calls run in threads.

    Args:
        body: Called with the prompt's text wherever the model works.
        pause: Awaited after the body where the model is asynchronous.
    """

    model: str = "m"
    body: Callable[[str], None] = _nothing
    pause: Callable[[], Awaitable[Any]] | None = None

    @property
    def _llm_type(self) -> str:
        return "test"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.body(str(messages[-1].content))
        return _result()

    async def _wait(self) -> None:
        if self.pause is not None:
            await self.pause()


class ChatStreaming(ChatInvoking):
    """Has `_generate` and `_stream`: asynchronously each chunk is made in a thread."""

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for word in WORDS:
            self.body(str(messages[-1].content))
            yield _chunk(word)


class ChatNative(ChatStreaming):
    """Has all four: `_generate`, `_agenerate`, `_stream` and `_astream`."""

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.body(str(messages[-1].content))
        await self._wait()
        return _result()

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for word in WORDS:
            self.body(str(messages[-1].content))
            yield _chunk(word)
            await self._wait()


def _result() -> ChatResult:
    message = AIMessage(ANSWER, usage_metadata=USAGE, response_metadata={"model_name": "m-1"})
    return ChatResult(generations=[ChatGeneration(message=message)])


def _chunk(word: str) -> ChatGenerationChunk:
    last: dict[str, Any] = (
        {"usage_metadata": USAGE, "response_metadata": {"model_name": "m-1"}} if word == WORDS[-1] else {}
    )
    return ChatGenerationChunk(message=AIMessageChunk(content=word, **last))
