"""One lambda: what it returns and raises, and the span around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.context import get_current
from opentelemetry.trace import get_current_span


def test_a_lambda_is_one_span_around_its_body(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """A lambda is one span, and a span that its body makes is that span's child."""
    assert way.invoke(step("f"), "x") == "xf"
    assert (
        tree()
        == """
invoke_workflow f
  http
"""[1:]
    )


def test_the_span_records_while_the_body_runs(recording: Any) -> None:
    """The current span in the body is the run's own, still recording; it has ended when the call returns."""
    seen: list[Any] = []
    RunnableLambda(lambda x: seen.append((get_current_span(), get_current_span().is_recording())), name="f").invoke(1)
    [(span, recorded)] = seen
    assert recorded
    assert not span.is_recording()
    assert span.get_span_context() == recording.named("invoke_workflow f").get_span_context()


async def test_a_sync_body_called_async(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """The sync body of an awaited lambda runs in a worker thread, and is current there."""

    def f(value: str) -> str:
        http()
        return value

    before = get_current()
    assert await RunnableLambda(f).ainvoke("x") == "x"
    assert get_current() is before
    assert (
        tree()
        == """
invoke_workflow f
  http
"""[1:]
    )
