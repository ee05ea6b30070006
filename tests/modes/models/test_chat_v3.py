"""A chat model's v3 streams of events: an object that is pulled, and asynchronously a task that produces."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from opentelemetry.context import get_current
from tests.modes.models.calls import Standstill, failing, settle
from tests.modes.models.chat_models import ANSWER, ChatNative, ChatStreaming

pytestmark = [
    pytest.mark.skipif(
        not hasattr(BaseChatModel, "_iter_v2_events"), reason="v3 streams of events came with langchain-core 1.4"
    ),
    pytest.mark.filterwarnings("ignore:.*is in beta"),
]

FULL = """\
chat m
  http
  http
  http
"""


def v3(model: Any, **kwargs: Any) -> Any:
    """Begin a v3 stream."""
    return model.stream_events("hello", version="v3", **kwargs)


async def av3(model: Any, **kwargs: Any) -> Any:
    """Begin an asynchronous v3 stream."""
    return await model.astream_events("hello", version="v3", **kwargs)


def test_read_to_its_end(streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """A stream is one span around all its steps, and the caller's context stays between them."""
    before = get_current()
    texts = []
    for text in v3(streaming).text:
        assert get_current() is before
        texts.append(text)
    assert "".join(texts) == ANSWER
    assert tree() == FULL


async def test_read_to_its_end_async(streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """An asynchronous stream is one span around all that its task does."""
    before = get_current()
    texts = []
    async for text in (await av3(streaming)).text:
        assert get_current() is before
        texts.append(text)
    assert "".join(texts) == ANSWER
    await settle()
    assert tree() == FULL


def test_only_the_answer(native: ChatNative, recording: Any) -> None:
    """Asking for the answer alone pulls the whole stream; the span has its models and counts."""
    message = v3(native).output
    assert message.usage_metadata["output_tokens"] == 2
    assert recording.tree() == FULL
    assert recording.named("chat m").attributes["gen_ai.usage.output_tokens"] == 2


def test_inside_a_span(native: ChatNative, recording: Any) -> None:
    """The run starts with the first pull, under the span that is current there."""
    stream = v3(native)
    with recording.tracer.start_as_current_span("mine"):
        assert stream.output
    assert recording.tree() == "mine\n" + "".join(f"  {line}\n" for line in FULL.splitlines())


def test_never_pulled(native: ChatNative, tree: Callable[..., str]) -> None:
    """A stream that nobody pulls is no run."""
    v3(native)
    gc.collect()
    assert tree() == ""


def test_abandoned(native: ChatNative, tree: Callable[..., str]) -> None:
    """A stream that is dropped half read is never reported: it ends as abandoned."""
    before = get_current()
    stream = v3(native)
    next(iter(stream.text))
    del stream
    gc.collect()
    assert get_current() is before
    assert tree().splitlines()[0] == "chat m ~abandoned"


async def test_abandoned_async(native: ChatNative, tree: Callable[..., str]) -> None:
    """An asynchronous stream that is dropped half read goes on in its task, to its end."""
    before = get_current()
    stream = await av3(native)
    await anext(aiter(stream.text))
    del stream
    await settle()
    assert get_current() is before
    assert tree() == FULL


async def test_aclosed(native: ChatNative, tree: Callable[..., str]) -> None:
    """An asynchronous stream that is closed while the model works ends as cancelled: its task is cancelled."""
    native.pause = Standstill()
    before = get_current()
    stream = await av3(native)
    await anext(aiter(stream.text))
    await native.pause.reached()
    await stream.aclose()
    await settle()
    assert get_current() is before
    assert (
        tree()
        == """\
chat m ~cancelled
  http
"""
    )


def test_fails_at_the_second_chunk(native: ChatNative, tree: Callable[..., str]) -> None:
    """An exception on the way reaches the consumer as the same object and fails the span."""
    error = LookupError("no such thing")
    native.body = failing(native.body, error, at=2)
    with pytest.raises(LookupError) as raised:
        list(v3(native).text)
    assert raised.value is error
    assert (
        tree()
        == """\
chat m !LookupError
  http
  http
"""
    )


async def test_fails_at_the_second_chunk_async(native: ChatNative, tree: Callable[..., str]) -> None:
    """An exception in the producing task reaches the consumer as the same object and fails the span."""
    error = LookupError("no such thing")
    native.body = failing(native.body, error, at=2)
    stream = await av3(native)
    with pytest.raises(LookupError) as raised:
        async for _ in stream.text:
            pass
    assert raised.value is error
    await settle()
    assert (
        tree()
        == """\
chat m !LookupError
  http
  http
"""
    )


def test_interleaved(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """Two streams that are read by turns are two spans, each with its own steps."""
    model = ChatNative(body=http)
    one = model.stream_events("a", version="v3")
    other = model.stream_events("b", version="v3")
    for _ in zip(one.text, other.text, strict=True):
        pass
    assert one.output
    assert other.output
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
