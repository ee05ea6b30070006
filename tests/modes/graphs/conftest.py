"""Graphs in the smallest form that shows their spans: every node makes one call to the world."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.graph import END, START, StateGraph

State = dict[str, Any]


class Trail(TypedDict, total=False):
    """The state of every graph here: which nodes were there."""

    trail: Annotated[list[str], operator.add]


class Parrot(BaseChatModel):
    """A chat model that makes one call to the world and says the same words each time."""

    http: Callable[..., None]
    model_name: str = "parrot"

    @property
    def _llm_type(self) -> str:
        return "parrot"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.http()
        return ChatResult(generations=[ChatGeneration(message=AIMessage("pretty polly"))])

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        await asyncio.to_thread(self.http)
        return ChatResult(generations=[ChatGeneration(message=AIMessage("pretty polly"))])

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        self.http()
        for word in ("pretty", " polly"):
            yield ChatGenerationChunk(message=AIMessageChunk(word))

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        self.http()
        for word in ("pretty", " polly"):
            yield ChatGenerationChunk(message=AIMessageChunk(word))


@pytest.fixture
def chat(http: Callable[..., None]) -> Parrot:
    """A chat model; its span is `chat parrot`."""
    return Parrot(http=http)


@pytest.fixture
def step(http: Callable[..., None]) -> Callable[..., Callable[[State], State]]:
    """Make a node's function: it makes one call to the world and leaves its name in the trail."""

    def make(name: str) -> Callable[[State], State]:
        def node(state: State) -> State:
            http()
            return {"trail": [name]}

        node.__name__ = name
        return node

    return make


@pytest.fixture
def astep(http: Callable[..., None]) -> Callable[..., Any]:
    """Make an async node's function, which does the same before and after it waits."""

    def make(name: str) -> Callable[[State], Any]:
        async def node(state: State) -> State:
            await asyncio.sleep(0)
            http()
            return {"trail": [name]}

        node.__name__ = name
        return node

    return make


@pytest.fixture
def trail() -> type[Trail]:
    """The state of a graph that a test builds itself."""
    return Trail


@pytest.fixture
def line() -> Callable[..., Any]:
    """Make a graph whose nodes run one after the other; a node is a function, or a name and a runnable."""

    def make(*nodes: Any, options: State | None = None, **compiling: Any) -> Any:
        builder = StateGraph(Trail)
        last = START
        for node in nodes:
            name, body = node if isinstance(node, tuple) else (node.__name__, node)
            builder.add_node(name, body, **(options or {}))
            builder.add_edge(last, name)
            last = name
        builder.add_edge(last, END)
        return builder.compile(**compiling)

    return make


@pytest.fixture
def fan() -> Callable[..., Any]:
    """Make a graph whose nodes run side by side, in one step."""

    def make(*nodes: Any, **compiling: Any) -> Any:
        builder = StateGraph(Trail)
        for node in nodes:
            builder.add_node(node.__name__, node)
            builder.add_edge(START, node.__name__)
            builder.add_edge(node.__name__, END)
        return builder.compile(**compiling)

    return make
