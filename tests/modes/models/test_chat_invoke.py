"""A chat model called for one prompt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from tests.modes.models.calls import call, failing
from tests.modes.models.chat_models import ANSWER, ChatInvoking, ChatNative

FORMS = ("invoke", "ainvoke")
CHAT = """\
chat m
  http
"""


@pytest.mark.parametrize("form", FORMS)
def test_call_is_one_span_around_the_body(form: str, chat: ChatInvoking, tree: Callable[..., str]) -> None:
    """A call is one span, and what its body does is its child, also in a thread."""
    answer = call(form, chat, "hello")
    assert answer.content == ANSWER
    assert tree() == CHAT


@pytest.mark.parametrize("form", FORMS)
def test_call_inside_a_span_is_its_child(form: str, chat: ChatInvoking, recording: Any) -> None:
    """A call hangs under the span that is current around it."""
    with recording.tracer.start_as_current_span("mine"):
        call(form, chat, "hello")
    assert (
        recording.tree()
        == """\
mine
  chat m
    http
"""
    )


@pytest.mark.parametrize("form", FORMS)
def test_failing_body_fails_the_span(form: str, chat: ChatInvoking, tree: Callable[..., str]) -> None:
    """An exception in the body reaches the caller as the same object, and the span says its type."""
    error = LookupError("no such thing")
    chat.body = failing(chat.body, error)
    with pytest.raises(LookupError) as raised:
        call(form, chat, "hello")
    assert raised.value is error
    assert (
        tree()
        == """\
chat m !LookupError
  http
"""
    )


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupted_body_is_cancelled(
    interrupt: type[BaseException], chat: ChatInvoking, tree: Callable[..., str]
) -> None:
    """Ctrl-C in the body ends the span as cancelled, which is no failure."""
    chat.body = failing(chat.body, interrupt())
    with pytest.raises(interrupt):
        call("invoke", chat, "hello")
    assert (
        tree()
        == """\
chat m ~cancelled
  http
"""
    )


def test_interrupted_body_in_a_loop_is_cancelled(native: ChatNative, tree: Callable[..., str]) -> None:
    """Ctrl-C in the body of an asynchronous call breaks the event loop off, and the span ends as cancelled."""
    native.body = failing(native.body, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(native.ainvoke("hello"))
    assert (
        tree()
        == """\
chat m ~cancelled
  http
"""
    )


@pytest.mark.parametrize("form", FORMS)
def test_call_in_a_lambda_is_its_child(form: str, chat: ChatInvoking, tree: Callable[..., str]) -> None:
    """A model that a lambda calls hangs under the lambda."""

    async def aask(text: str) -> Any:
        return await chat.ainvoke(text)

    call(form, RunnableLambda(chat.invoke, afunc=aask, name="ask"), "hello")
    assert (
        tree()
        == """\
invoke_workflow ask
  chat m
    http
"""
    )


def test_concurrent_calls_do_not_mix(native: ChatNative, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """Of many calls at once each has its own body's spans."""
    native.body = http

    async def ask(number: int) -> None:
        await native.ainvoke(f"{number:02}")

    async def all_at_once() -> None:
        await asyncio.gather(*(ask(number) for number in range(20)))

    asyncio.run(all_at_once())
    assert tree(sort=True) == "".join(f"chat m\n  {number:02}\n" for number in range(20))


def test_model_without_a_name_is_bare(body: Callable[[str], None], tree: Callable[..., str]) -> None:
    """A model that does not say what it is called has a span without a name."""
    ChatInvoking(model="", body=body).invoke("hello")
    assert (
        tree()
        == """\
chat
  http
"""
    )
