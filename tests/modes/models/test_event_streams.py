"""A chat model's own streams of events and logs: its call runs in a task that LangChain makes for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.context import get_current
from tests.modes.models.calls import EVENTS, Standstill, call, failing, settle
from tests.modes.models.chat_models import ChatInvoking, ChatNative, ChatStreaming

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{form} is deprecated")
    for form in ("astream_log", "astream_events version='v1'")
]

STREAMED = """\
chat m
  http
  http
  http
"""


@pytest.mark.parametrize("form", EVENTS)
def test_streaming_model(form: str, streaming: ChatStreaming, tree: Callable[..., str]) -> None:
    """A stream of events is the model's stream: one span around all chunks."""
    assert call(form, streaming, "hello")
    assert tree() == STREAMED


@pytest.mark.parametrize("form", EVENTS)
def test_model_that_cannot_stream(form: str, body: Callable[[str], None], tree: Callable[..., str]) -> None:
    """A stream of events of a model that cannot stream is its invoke."""
    assert call(form, ChatInvoking(body=body), "hello")
    assert (
        tree()
        == """\
chat m
  http
"""
    )


@pytest.mark.parametrize("form", EVENTS)
def test_inside_a_span(form: str, native: ChatNative, recording: Any) -> None:
    """The task that LangChain makes keeps the span that is current around it."""
    with recording.tracer.start_as_current_span("mine"):
        call(form, native, "hello")
    assert recording.tree() == "mine\n" + "".join(f"  {line}\n" for line in STREAMED.splitlines())


@pytest.mark.parametrize("form", EVENTS)
def test_invoke_inside_streams(form: str, native: ChatNative, tree: Callable[..., str]) -> None:
    """Under a stream of events a model's invoke streams, inside its own span."""

    async def ask(text: str) -> Any:
        return (await native.ainvoke(text)).content

    assert call(form, RunnableLambda(ask), "hello")
    assert tree() == "invoke_workflow ask\n" + "".join(f"  {line}\n" for line in STREAMED.splitlines())


@pytest.mark.parametrize("form", EVENTS)
def test_model_fails_at_the_second_chunk(form: str, native: ChatNative, tree: Callable[..., str]) -> None:
    """An exception in the model comes out of the stream of events as the same object."""
    error = LookupError("no such thing")
    native.body = failing(native.body, error, at=2)
    with pytest.raises(LookupError) as raised:
        call(form, native, "hello")
    assert raised.value is error
    assert (
        tree()
        == """\
chat m !LookupError
  http
  http
"""
    )


async def test_abandoned(native: ChatNative, tree: Callable[..., str]) -> None:
    """A stream of events that is closed while the model works cancels it."""
    native.pause = Standstill()
    before = get_current()
    stream: Any = native.astream_events("hello", version="v2")
    await anext(stream)
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
