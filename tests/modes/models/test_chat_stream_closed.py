"""A chat model's stream that is not read to its end: closed, dropped, forgotten, never begun."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.context import get_current
from tests.modes.models.calls import Standstill, async_generator, cancel, generator, settle
from tests.modes.models.chat_models import ChatNative, ChatStreaming

ONE_CHUNK = """\
chat m ~closed
  http
"""


def test_closed(streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """A stream that is closed early ends as closed."""
    before = get_current()
    stream = generator(streaming)
    assert inspect.isgenerator(stream)
    assert next(stream).content == "one "
    stream.close()
    assert get_current() is before
    assert tree() == ONE_CHUNK


async def test_aclosed(streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """An asynchronous stream that is closed early ends as closed."""
    before = get_current()
    stream = async_generator(streaming)
    assert (await anext(stream)).content == "one "
    await stream.aclose()
    assert get_current() is before
    assert tree() == ONE_CHUNK


def test_dropped(streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """A stream that the consumer breaks off and forgets ends as closed."""
    before = get_current()
    for _ in streaming.stream("hello"):
        break
    gc.collect()
    assert get_current() is before
    assert tree() == ONE_CHUNK


async def test_dropped_in_a_loop(streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """An asynchronous stream that is broken off and forgotten is closed by the loop, and ends as closed."""
    before = get_current()
    async for _ in streaming.astream("hello"):
        break
    gc.collect()
    await settle()
    assert get_current() is before
    assert tree() == ONE_CHUNK


def test_dropped_as_the_loop_ends(streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """An asynchronous stream that is forgotten when the loop is about to end: the loop cancels its closing."""

    async def broken_off() -> None:
        async for _ in streaming.astream("hello"):
            break

    asyncio.run(broken_off())
    gc.collect()
    assert tree().replace("~cancelled", "~closed") == ONE_CHUNK


def test_kept_until_the_loop_ends(streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """An asynchronous stream that somebody still holds when the loop ends is closed with it."""
    held = []

    async def broken_off() -> None:
        held.append(streaming.astream("hello"))
        await anext(held[0])

    asyncio.run(broken_off())
    assert tree() == ONE_CHUNK


@pytest.mark.parametrize("start", [generator, async_generator])
def test_never_started(start: Callable[[Any], Any], streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """A stream of which nobody asks a chunk is no run."""
    start(streaming)
    gc.collect()
    assert tree() == ""


async def test_one_step_cancelled(native: ChatNative, tree: Callable[..., str]) -> None:
    """A step that is cancelled where it waits ends the stream as cancelled; a further step finds it over."""
    native.pause = Standstill()
    stream = async_generator(native)
    assert (await anext(stream)).content == "one "
    await cancel(anext(stream), native.pause.reached)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert (
        tree()
        == """\
chat m ~cancelled
  http
"""
    )
