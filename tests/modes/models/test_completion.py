"""A completion model in all its call forms."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.runnables import RunnableLambda
from opentelemetry.context import get_current
from tests.modes.models.calls import (
    Standstill,
    acall,
    async_generator,
    call,
    cancel,
    failing,
    generator,
    settle,
)
from tests.modes.models.chat_models import ANSWER
from tests.modes.models.completion_models import Completing, CompletingNative

ONCE = """\
text_completion m
  http
"""
STREAMED = """\
text_completion m
  http
  http
  http
"""
CLOSED = """\
text_completion m ~closed
  http
"""


@pytest.fixture(params=[Completing, CompletingNative])
def llm(request: pytest.FixtureRequest, body: Callable[[str], None]) -> Completing:
    """A completion model that implements some of the methods it may; each test runs with each."""
    model: Completing = request.param(body=body)
    return model


@pytest.fixture
def native_llm(body: Callable[[str], None]) -> CompletingNative:
    """A completion model that implements everything."""
    return CompletingNative(body=body)


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_call(form: str, llm: Completing, tree: Callable[..., str]) -> None:
    """A call is one span around the body."""
    assert call(form, llm, "hello") == ANSWER
    assert tree() == ONCE


@pytest.mark.parametrize("form", ["stream", "astream", "transform", "atransform"])
def test_stream(form: str, llm: Completing, tree: Callable[..., str]) -> None:
    """A stream is one span around all chunks; where the model cannot stream it is the invoke."""
    assert "".join(call(form, llm, "hello")) == ANSWER
    assert tree() == (STREAMED if isinstance(llm, CompletingNative) else ONCE)


@pytest.mark.parametrize("form", ["generate", "agenerate", "batch", "abatch"])
def test_several_prompts_share_one_body(form: str, llm: Completing, http: Callable[..., None], recording: Any) -> None:
    """Where several prompts share one body none of their spans is current in it: the one around stays."""
    llm.body = http
    with recording.tracer.start_as_current_span("mine"):
        call(form, llm, ["a", "b"])
    assert (
        recording.tree(sort=True)
        == """\
mine
  a
  b
  text_completion m
  text_completion m
"""
    )


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_batch_of_slices(form: str, llm: Completing, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """A batch that is cut into slices of one has a body for each prompt."""
    llm.body = http
    assert call(form, llm, ["a", "b"], {"max_concurrency": 1}) == [ANSWER] * 2
    assert (
        tree()
        == """\
text_completion m
  a
text_completion m
  b
"""
    )


@pytest.mark.parametrize("form", ["batch_as_completed", "abatch_as_completed"])
def test_batch_as_completed(form: str, llm: Completing, tree: Callable[..., str]) -> None:
    """Each prompt of such a batch is a call of its own."""
    assert sorted(call(form, llm, ["a", "b"])) == [(0, ANSWER), (1, ANSWER)]
    assert tree() == ONCE * 2


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_failing_body(form: str, llm: Completing, tree: Callable[..., str]) -> None:
    """An exception in the body reaches the caller as the same object, and fails the span."""
    error = LookupError("no such thing")
    llm.body = failing(llm.body, error)
    with pytest.raises(LookupError) as raised:
        call(form, llm, "hello")
    assert raised.value is error
    assert (
        tree()
        == """\
text_completion m !LookupError
  http
"""
    )


@pytest.mark.parametrize("form", ["generate", "agenerate"])
def test_several_prompts_fail_together(form: str, llm: Completing, recording: Any) -> None:
    """A body that several prompts share fails them all."""
    error = LookupError("no such thing")
    llm.body = failing(llm.body, error)
    with pytest.raises(LookupError) as raised:
        call(form, llm, ["a", "b"])
    assert raised.value is error
    assert sorted(recording.tree().splitlines()) == ["http", *["text_completion m !LookupError"] * 2]


def test_interrupted(llm: Completing, tree: Callable[..., str]) -> None:
    """Ctrl-C in the body ends the span as cancelled."""
    llm.body = failing(llm.body, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        llm.invoke("hello")
    assert (
        tree()
        == """\
text_completion m ~cancelled
  http
"""
    )


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_fails_at_the_second_chunk(form: str, native_llm: CompletingNative, tree: Callable[..., str]) -> None:
    """An exception on the way fails the span."""
    error = LookupError("no such thing")
    native_llm.body = failing(native_llm.body, error, at=2)
    with pytest.raises(LookupError) as raised:
        call(form, native_llm, "hello")
    assert raised.value is error
    assert (
        tree()
        == """\
text_completion m !LookupError
  http
  http
"""
    )


def test_closed(native_llm: CompletingNative, tree: Callable[..., str]) -> None:
    """A stream that is closed early ends as closed."""
    before = get_current()
    stream = generator(native_llm)
    next(stream)
    stream.close()
    assert get_current() is before
    assert tree() == CLOSED


async def test_aclosed(native_llm: CompletingNative, tree: Callable[..., str]) -> None:
    """An asynchronous stream that is closed early ends as closed."""
    before = get_current()
    stream = async_generator(native_llm)
    await anext(stream)
    await stream.aclose()
    assert get_current() is before
    assert tree() == CLOSED


async def test_dropped(native_llm: CompletingNative, tree: Callable[..., str]) -> None:
    """Streams that are broken off and forgotten end as closed."""
    for _ in native_llm.stream("hello"):
        break
    async for _ in native_llm.astream("hello"):
        break
    gc.collect()
    await settle()
    assert tree() == CLOSED * 2


@pytest.mark.parametrize("form", ["ainvoke", "astream"])
async def test_cancelled(form: str, native_llm: CompletingNative, tree: Callable[..., str]) -> None:
    """A cancelled call ends its span as cancelled."""
    native_llm.pause = Standstill()
    await cancel(acall(form, native_llm, "hello"), native_llm.pause.reached)
    assert (
        tree()
        == """\
text_completion m ~cancelled
  http
"""
    )


async def test_cancelled_in_a_chain(native_llm: CompletingNative, tree: Callable[..., str]) -> None:
    """A cancelled chain ends the model's run in it too."""
    native_llm.pause = Standstill()
    chain = RunnableLambda(lambda text: text, name="f") | native_llm
    await cancel(chain.ainvoke("hello"), native_llm.pause.reached)
    assert (
        tree()
        == """\
invoke_workflow ~cancelled
  chain f
  text_completion m ~cancelled
    http
"""
    )


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_cache_hit_is_no_run(form: str, llm: Completing, tree: Callable[..., str]) -> None:
    """On a cache hit LangChain announces no run: only the miss is a span."""
    llm.cache = InMemoryCache()
    assert [call(form, llm, "hello") for _ in range(2)] == [ANSWER] * 2
    assert tree() == ONCE
