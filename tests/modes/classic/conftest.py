"""The old chains and agents, wherever this version of LangChain keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompts import PromptTemplate

PACKAGE = "langchain_classic" if find_spec("langchain_classic") else "langchain"


class Speaker(BaseChatModel):
    """A chat model that says one line after the other, each after a call to the world."""

    http: Callable[..., None]
    lines: list[str]
    said: int = 0
    model_name: str = "speaker"

    @property
    def _llm_type(self) -> str:
        return "speaker"

    def _line(self) -> str:
        self.http()
        self.said += 1
        return self.lines[(self.said - 1) % len(self.lines)]

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self._line()))])

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        await asyncio.sleep(0)
        return self._generate(messages)

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for word in self._line().split(" "):
            yield ChatGenerationChunk(message=AIMessageChunk(f"{word} "))


@pytest.fixture
def classic() -> Callable[[str], ModuleType]:
    """Import a module of the old chains."""
    return lambda name: import_module(f"{PACKAGE}.{name}")


@pytest.fixture
def speaker(http: Callable[..., None]) -> Callable[..., Speaker]:
    """Make a model from its lines; its span is `chat speaker`."""
    return lambda *lines: Speaker(http=http, lines=list(lines))


@pytest.fixture
def llm_chain(classic: Callable[[str], Any], speaker: Callable[..., Speaker]) -> Any:
    """A prompt and a model, the old way."""
    prompt = PromptTemplate.from_template("{question}")
    return classic("chains").LLMChain(llm=speaker("pretty polly"), prompt=prompt)
