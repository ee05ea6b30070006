"""Completion models with a body that a test gives them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from langchain_core.language_models.llms import LLM
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from tests.modes.models.chat_models import ANSWER, WORDS

USAGE: Any = {"token_usage": {"prompt_tokens": 3, "completion_tokens": 2}, "model_name": "m-1"}


def _nothing(text: str) -> None: ...


class Completing(LLM):
    """Has `_call` only: its stream is an invoke, and its asynchronous calls run in threads.

    Args:
        body: Called with the prompt wherever the model works.
        pause: Awaited after the body where the model is asynchronous.
    """

    model: str = "m"
    body: Callable[[str], None] = _nothing
    pause: Callable[[], Awaitable[Any]] | None = None

    @property
    def _llm_type(self) -> str:
        return "test"

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        self.body(prompt)
        return ANSWER


class CompletingNative(Completing):
    """Has `_generate`, `_agenerate`, `_stream` and `_astream`."""

    def _generate(self, prompts: list[str], stop: Any = None, run_manager: Any = None, **kwargs: Any) -> LLMResult:
        for prompt in prompts:
            self.body(prompt)
        return LLMResult(generations=[[Generation(text=ANSWER)] for _ in prompts], llm_output=USAGE)

    async def _agenerate(
        self, prompts: list[str], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> LLMResult:
        result = self._generate(prompts)
        if self.pause is not None:
            await self.pause()
        return result

    def _stream(
        self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[GenerationChunk]:
        for word in WORDS:
            self.body(prompt)
            yield GenerationChunk(text=word)

    async def _astream(
        self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[GenerationChunk]:
        for word in WORDS:
            self.body(prompt)
            yield GenerationChunk(text=word)
            if self.pause is not None:
                await self.pause()
