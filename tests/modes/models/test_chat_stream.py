"""A chat model's stream: read to its end, closed, dropped, failing, and resumed in odd places."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.context import get_current
from tests.modes.models.calls import async_generator, call, failing, generator
from tests.modes.models.chat_models import ANSWER, ChatInvoking, ChatStreaming

FORMS = ("stream", "astream", "transform", "atransform")


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
