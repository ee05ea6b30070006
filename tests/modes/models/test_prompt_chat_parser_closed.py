"""The everyday chain, `prompt | chat | parser`, when its streams are closed early, dropped or abandoned."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.context import get_current
from tests.modes.models.calls import Standstill, settle
from tests.modes.models.chat_models import ChatNative
from tests.modes.models.everyday_chain import GIVEN, STREAMED, by_start

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{form} is deprecated")
    for form in ("astream_log", "astream_events version='v1'")
]


def test_closed(chain: Any, tree: Callable[..., str]) -> None:
    """A stream that is closed early ends each of its runs."""
    before = get_current()
    stream = chain.stream(GIVEN)
    assert next(stream) == "one "
    stream.close()
    assert get_current() is before
    assert (
        by_start(tree())
        == """\
invoke_workflow ~closed
  chain ChatPromptTemplate
  chat m
    http
    http
    http
  chain StrOutputParser ~closed
"""
    )


async def test_aclosed(chain: Any, tree: Callable[..., str]) -> None:
    """An asynchronous stream that is closed early ends each of its runs; the inner ones a little later."""
    before = get_current()
    stream = chain.astream(GIVEN)
    assert await anext(stream) == "one "
    await stream.aclose()
    await settle()
    assert get_current() is before
    assert (
        by_start(tree())
        == """\
invoke_workflow ~closed
  chain ChatPromptTemplate
  chat m ~closed
    http
  chain StrOutputParser ~closed
"""
    )


def test_dropped(chain: Any, recording: Any) -> None:
    """A stream that is broken off and forgotten ends each of its runs."""
    before = get_current()
    for _ in chain.stream(GIVEN):
        break
    gc.collect()
    assert get_current() is before
    assert recording.tree().startswith("invoke_workflow ~closed\n")
    assert len(recording.spans) >= 5


async def test_dropped_in_a_loop(chain: Any, tree: Callable[..., str]) -> None:
    """An asynchronous stream that is broken off and forgotten is closed by the loop."""
    before = get_current()
    async for _ in chain.astream(GIVEN):
        break
    gc.collect()
    await settle()
    assert get_current() is before
    assert (
        by_start(tree())
        == """\
invoke_workflow ~closed
  chain ChatPromptTemplate
  chat m ~closed
    http
  chain StrOutputParser ~closed
"""
    )


def test_kept_until_the_loop_ends(chain: Any, recording: Any) -> None:
    """A stream that somebody holds when the loop ends is closed with it, without a complaint of two generators."""
    held = []

    async def broken_off() -> None:
        held.append(chain.astream(GIVEN))
        await anext(held[0])

    asyncio.run(broken_off())
    assert recording.tree().startswith("invoke_workflow ~closed\n")
    assert len(recording.spans) == 5


@pytest.mark.parametrize("form", ["astream_events v1", "astream_log"])
async def test_event_stream_that_goes_on(form: str, chain: Any, tree: Callable[..., str]) -> None:
    """These streams of events, closed after the first one, let the chain go on to its end."""
    method, _, version = form.partition(" ")
    before = get_current()
    stream = getattr(chain, method)(GIVEN, **({"version": version} if version else {}))
    await anext(stream)
    await stream.aclose()
    await settle()
    assert get_current() is before
    assert by_start(tree()) == STREAMED


async def test_abandoned_event_stream(chain: Any, native: ChatNative, tree: Callable[..., str]) -> None:
    """A stream of events that is closed while the model works cancels the chain, which ends each of its runs."""
    native.pause = Standstill()
    before = get_current()
    stream = chain.astream_events(GIVEN, version="v2")
    await anext(stream)
    await native.pause.reached()
    await stream.aclose()
    await settle()
    assert get_current() is before
    assert (
        by_start(tree())
        == """\
invoke_workflow ~cancelled
  chain ChatPromptTemplate
  chat m ~cancelled
    http
  chain StrOutputParser ~cancelled
"""
    )
