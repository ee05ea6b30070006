"""A chat model's stream: read to its end, closed, dropped, failing, and resumed in odd places."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, cast

import pytest
from opentelemetry.context import get_current
from tests.modes.models.calls import call, failing, settle
from tests.modes.models.chat_models import ANSWER, ChatInvoking, ChatNative, ChatStreaming

FORMS = ("stream", "astream", "transform", "atransform")
ONE_CHUNK = """\
chat m ~closed
  http
"""


@pytest.fixture(params=[ChatStreaming, ChatNative])
def streaming(request: pytest.FixtureRequest, body: Callable[[str], None]) -> ChatStreaming:
    """A chat model that streams: asynchronously with a thread for each chunk, or by itself."""
    model: ChatStreaming = request.param(body=body)
    return model


def generator(model: ChatInvoking) -> Generator[Any, Any, Any]:
    """Start a stream, which is a generator."""
    return cast("Generator[Any, Any, Any]", model.stream("hello"))


def async_generator(model: ChatInvoking) -> AsyncGenerator[Any, Any]:
    """Start an asynchronous stream, which is an asynchronous generator."""
    return cast("AsyncGenerator[Any, Any]", model.astream("hello"))


@pytest.mark.parametrize("form", FORMS)
def test_stream_is_one_span_around_all_chunks(form: str, streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """A stream is one span; what makes each chunk is its child, and between two chunks the caller's context stays."""
    chunks = call(form, streaming, "hello")
    assert "".join(chunk.content for chunk in chunks) == ANSWER
    assert (
        tree()
        == """\
chat m
  http
  http
  http
"""
    )


@pytest.mark.parametrize("form", FORMS)
def test_stream_that_is_an_invoke(form: str, body: Callable[[str], None], tree: Callable[..., str]) -> None:
    """The stream of a model that cannot stream is its invoke: one chunk, one span."""
    (chunk,) = call(form, ChatInvoking(body=body), "hello")
    assert chunk.content == ANSWER
    assert (
        tree()
        == """\
chat m
  http
"""
    )


def test_spans_between_chunks_are_the_consumers(streaming: ChatStreaming, recording: Any) -> None:
    """A span that the consumer opens between two chunks, and keeps open, is its own and does not get the chunks."""
    stream = generator(streaming)
    next(stream)
    with recording.tracer.start_as_current_span("mine"):
        inside = get_current()
        next(stream)
        assert get_current() is inside
    list(stream)
    assert (
        recording.tree()
        == """\
chat m
  http
  http
  http
mine
"""
    )


def test_interleaved_streams_do_not_mix(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """Two streams that are read by turns are two spans, each with its own chunks."""
    model = ChatStreaming(body=http)
    for _ in zip(model.stream("a"), model.stream("b"), strict=True):
        pass
    assert (
        tree()
        == """\
chat m
  a
  a
  a
chat m
  b
  b
  b
"""
    )


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


@pytest.mark.parametrize("form", FORMS)
def test_fails_at_the_second_chunk(form: str, streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """An exception on the way reaches the consumer as the same object and fails the span."""
    error = LookupError("no such thing")
    streaming.body = failing(streaming.body, error, at=2)
    with pytest.raises(LookupError) as raised:
        call(form, streaming, "hello")
    assert raised.value is error
    assert (
        tree()
        == """\
chat m !LookupError
  http
  http
"""
    )


def test_thrown_into(streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """An exception that the consumer throws into a stream comes back as the same object and fails the span."""
    error = LookupError("no such thing")
    stream = generator(streaming)
    next(stream)
    with pytest.raises(LookupError) as raised:
        stream.throw(error)
    assert raised.value is error
    assert (
        tree()
        == """\
chat m !LookupError
  http
"""
    )


async def test_thrown_into_in_a_loop(streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """An exception that the consumer throws into an asynchronous stream comes back and fails the span."""
    error = LookupError("no such thing")
    stream = async_generator(streaming)
    await anext(stream)
    with pytest.raises(LookupError) as raised:
        await stream.athrow(error)
    assert raised.value is error
    assert (
        tree()
        == """\
chat m !LookupError
  http
"""
    )


def test_each_chunk_in_another_thread(streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """A stream that is read by one thread after the other is one span all the same."""
    stream = generator(streaming)
    for _ in range(4):
        reader = threading.Thread(target=lambda: next(stream, None))
        reader.start()
        reader.join()
    list(stream)
    assert (
        tree()
        == """\
chat m
  http
  http
  http
"""
    )


async def test_each_chunk_in_another_task(streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """An asynchronous stream that is read by one task after the other is one span all the same."""
    stream = async_generator(streaming)

    async def read() -> Any:
        return await anext(stream, None)

    while await asyncio.create_task(read()) is not None:
        pass
    assert (
        tree()
        == """\
chat m
  http
  http
  http
"""
    )
