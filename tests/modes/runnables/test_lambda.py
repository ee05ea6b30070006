"""One lambda: what it returns and raises, and the span around it."""

from __future__ import annotations

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
        == """\
invoke_workflow f
  http
"""
    )


def test_the_span_records_while_the_body_runs(recording: Any) -> None:
    """The current span in the body is the run's own, still recording; it has ended when the call returns."""
    seen: list[Any] = []

    def f(value: int) -> None:
        span = get_current_span()
        seen.extend((span, span.is_recording()))

    RunnableLambda(f).invoke(1)
    span, was_recording = seen
    assert was_recording
    assert not span.is_recording()
    assert span.get_span_context() == recording.named("invoke_workflow f").get_span_context()


async def test_a_sync_body_called_async(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """The sync body of an awaited lambda runs in a worker thread, and its span is current there."""

    def f(value: str) -> str:
        http()
        return value

    before = get_current()
    assert await RunnableLambda(f).ainvoke("x") == "x"
    assert get_current() is before
    assert (
        tree()
        == """\
invoke_workflow f
  http
"""
    )


def test_a_raising_lambda_is_an_error(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """What the body raises reaches the caller as the same object, and its class is the span's `error.type`."""
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as caught:
        way.invoke(step("f", raises=error), "x")
    assert caught.value is error
    assert error.__cause__ is None
    assert error.__context__ is None
    assert (
        tree()
        == """\
invoke_workflow f !ValueError
  http
"""
    )


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_program_that_is_stopped_did_not_fail(stop: type[BaseException], step: Any, tree: Callable[..., str]) -> None:
    """Ctrl-C and `sys.exit` in a body pass through as they are; the span is cancelled, not in error."""
    error = stop()
    with pytest.raises(stop) as caught:
        (step("f") | step("g", raises=error)).invoke("x")
    assert caught.value is error
    assert (
        tree()
        == """\
invoke_workflow ~cancelled
  chain f
    http
  chain g ~cancelled
    http
"""
    )


def test_calls_one_after_another_are_separate(way: Any, step: Any, recording: Any) -> None:
    """Two calls, one after another, are two traces."""
    f = step("f")
    assert [way.invoke(f, "x"), way.invoke(f, "y")] == ["xf", "yf"]
    assert (
        recording.tree()
        == """\
invoke_workflow f
  http
invoke_workflow f
  http
"""
    )
    roots = [span for span in recording.spans if span.parent is None]
    assert len({span.context.trace_id for span in roots}) == 2


def test_the_traceback_has_no_frame_of_ours(step: Any, recording: Any) -> None:
    """The traceback of what a chain raises names no file of this package."""
    with pytest.raises(ValueError, match="no") as caught:
        (step("f") | step("g", raises=ValueError("no"))).invoke("x")
    assert [entry.path for entry in caught.traceback if "callspan" in str(entry.path).partition("/src/")[2]] == []
