"""A chat model's call that is cancelled while its body runs: LangChain reports none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import RunnableLambda
from opentelemetry.context import get_current
from tests.modes.models.calls import Hold, Standstill, acall, cancel
from tests.modes.models.chat_models import ChatInvoking, ChatNative


@pytest.fixture
def standstill(native: ChatNative) -> Standstill:
    """What the model's asynchronous bodies do after their span: they wait to be cancelled."""
    native.pause = Standstill()
    return native.pause


@pytest.mark.parametrize("form", ["ainvoke", "astream", "abatch"])
async def test_cancelled_call_is_cancelled_not_failed(
    form: str, native: ChatNative, standstill: Standstill, tree: Callable[..., str]
) -> None:
    """A cancelled call ends its span with this outcome, and the caller gets the cancellation."""
    await cancel(acall(form, native, ["hello"]), standstill.reached)
    assert (
        tree()
        == """\
chat m ~cancelled
  http
"""
    )


async def test_cancelled_in_a_chain(native: ChatNative, standstill: Standstill, tree: Callable[..., str]) -> None:
    """A cancelled chain ends the model's run in it too."""
    chain = RunnableLambda(lambda text: text, name="f") | native
    await cancel(chain.ainvoke("hello"), standstill.reached)
    assert (
        tree()
        == """\
invoke_workflow ~cancelled
  chain f
  chat m ~cancelled
    http
"""
    )


async def test_cancelled_stream_of_a_chain(
    native: ChatNative, standstill: Standstill, tree: Callable[..., str]
) -> None:
    """A stream of a chain that is cancelled in the model ends both."""
    chain = RunnableLambda(lambda text: text, name="f") | native
    await cancel(acall("astream", chain, "hello"), standstill.reached)
    assert (
        tree()
        == """\
invoke_workflow ~cancelled
  chain f
  chat m ~cancelled
    http
"""
    )


async def test_many_cancelled_at_once(native: ChatNative, standstill: Standstill, tree: Callable[..., str]) -> None:
    """Calls that are cancelled together all end, each with its own body's span."""

    async def all_at_once() -> None:
        await asyncio.gather(*(native.ainvoke("hello") for _ in range(10)))

    await cancel(all_at_once(), lambda: standstill.reached(10))
    assert tree() == "chat m ~cancelled\n  http\n" * 10


async def test_cancelled_generate_cancels_each_prompt(
    native: ChatNative, standstill: Standstill, tree: Callable[..., str]
) -> None:
    """Of three prompts in one cancelled call each has a span that ends as cancelled."""
    prompts: Any = [[HumanMessage(text)] for text in ("a", "b", "c")]
    await cancel(native.agenerate(prompts), lambda: standstill.reached(3))
    assert tree() == "chat m ~cancelled\n  http\n" * 3


async def test_cancelled_while_a_thread_works(
    http: Callable[..., None], recording: Any, tree: Callable[..., str]
) -> None:
    """A cancelled call ends at once; its body goes on in its thread, and what it does still hangs under the call."""
    hold = Hold()

    def held(text: str) -> None:
        http("before")
        hold()
        http("after")

    await cancel(ChatInvoking(body=held).ainvoke("hello"), hold.reached)
    assert (
        tree()
        == """\
chat m ~cancelled
  before
"""
    )
    await hold.release()
    assert (
        tree()
        == """\
chat m ~cancelled
  before
  after
"""
    )


class Never(BaseRateLimiter):
    """Lets nobody through."""

    def __init__(self, work: Callable[[], None], wait: Callable[[], Any]) -> None:
        self.work, self.wait = work, wait

    def acquire(self, *, blocking: bool = True) -> bool:
        self.work()
        return bool(self.wait())

    async def aacquire(self, *, blocking: bool = True) -> bool:
        self.work()
        return bool(await self.wait())


@pytest.mark.parametrize("form", ["ainvoke", "astream"])
async def test_cancelled_in_the_rate_limiter(
    form: str, native: ChatNative, http: Callable[..., None], tree: Callable[..., str]
) -> None:
    """A call that is cancelled while it waits for the rate limiter ends; what the limiter does is the call's."""
    standstill = Standstill()
    native.rate_limiter = Never(lambda: http("limiter"), standstill)
    await cancel(acall(form, native, "hello"), standstill.reached)
    assert (
        tree()
        == """\
chat m ~cancelled
  limiter
"""
    )


@pytest.mark.parametrize("form", ["invoke", "stream"])
def test_interrupted_in_the_rate_limiter(
    form: str, native: ChatNative, http: Callable[..., None], tree: Callable[..., str]
) -> None:
    """Ctrl-C while a call waits for the rate limiter ends it."""

    def interrupted() -> bool:
        raise KeyboardInterrupt

    native.rate_limiter = Never(lambda: http("limiter"), interrupted)
    before = get_current()
    with pytest.raises(KeyboardInterrupt):
        list(getattr(native, form)("hello"))
    assert get_current() is before
    assert (
        tree()
        == """\
chat m ~cancelled
  limiter
"""
    )
