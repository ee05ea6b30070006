"""A model that calls another model: each is current in its own body, and again after the inner one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from opentelemetry.context import get_current
from tests.modes.models.calls import async_generator, call, generator, settle
from tests.modes.models.chat_models import ANSWER, ChatNative


class ChatAsking(ChatNative):
    """Asks another model first, in the same form, and works before and after.

    Args:
        other: The other model.
    """

    other: ChatNative

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        self.body("before")
        self.other.invoke(messages)
        return super()._generate(messages)

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        self.body("before")
        await self.other.ainvoke(messages)
        return await super()._agenerate(messages)

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in self.other.stream(messages):
            self.body("between")
            yield ChatGenerationChunk(message=chunk)

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in self.other.astream(messages):
            self.body("between")
            yield ChatGenerationChunk(message=chunk)


@pytest.fixture
def asking(native: ChatNative, http: Callable[..., None]) -> ChatAsking:
    """A chat model called `outer` that asks `native`."""
    return ChatAsking(model="outer", body=http, other=native)


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_call(form: str, asking: ChatAsking, tree: Callable[..., str]) -> None:
    """The inner call is a child of the outer one, and what follows is the outer one's again."""
    assert call(form, asking, "hello").content == ANSWER
    assert (
        tree()
        == """\
chat outer
  before
  chat m
    http
  hello
"""
    )


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_stream(form: str, asking: ChatAsking, recording: Any) -> None:
    """Of two nested streams each has its own chunks' spans."""
    chunks = call(form, asking, "hello")
    assert "".join(chunk.content for chunk in chunks) == ANSWER
    lines = recording.tree().splitlines()
    assert lines[0] == "chat outer"
    assert lines.count("  between") == len([chunk for chunk in chunks if chunk.content]) + _last(chunks)
    assert [line for line in lines if "between" not in line] == ["chat outer", "  chat m", *["    http"] * 3]


def _last(chunks: list[Any]) -> int:
    """Count the inner stream's empty last chunk, which some versions of LangChain send."""
    return sum(1 for chunk in chunks if not chunk.content)


def test_closed(asking: ChatAsking, tree: Callable[..., str]) -> None:
    """Closing the outer stream ends the inner one with it."""
    before = get_current()
    stream = generator(asking)
    next(stream)
    stream.close()
    assert get_current() is before
    assert (
        tree()
        == """\
chat outer ~closed
  chat m ~closed
    http
  between
"""
    )


async def test_aclosed(asking: ChatAsking, tree: Callable[..., str]) -> None:
    """Closing the outer asynchronous stream ends the inner one, a little later."""
    before = get_current()
    stream = async_generator(asking)
    await anext(stream)
    await stream.aclose()
    await settle()
    assert get_current() is before
    assert (
        tree()
        == """\
chat outer ~closed
  chat m ~closed
    http
  between
"""
    )
