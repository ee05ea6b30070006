"""Retries: each attempt is a run, under the run that retries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda


@pytest.fixture
def flaky(http: Callable[..., None]) -> Callable[[int], Any]:
    """Make a lambda that fails this many times, and is tried three times at most."""

    def make(failures: int) -> Any:
        left = [failures]

        def f(value: str) -> str:
            http()
            if left[0]:
                left[0] -= 1
                raise ValueError(value)
            return f"{value}f"

        async def af(value: str) -> str:
            return f(value)

        return RunnableLambda(f, afunc=af).with_retry(stop_after_attempt=3, wait_exponential_jitter=False)

    return make


def test_each_attempt_is_a_child(way: Any, flaky: Any, recording: Any) -> None:
    """Two attempts fail, the third succeeds: the run that retries did not fail. The tags tell the attempts apart."""
    assert way.invoke(flaky(2), "x") == "xf"
    assert (
        recording.tree(attributes=["langchain.run.tags"])
        == """\
invoke_workflow f
  chain f !ValueError
    http
  chain f !ValueError langchain.run.tags=["retry:attempt:2"]
    http
  chain f langchain.run.tags=["retry:attempt:3"]
    http
"""
    )


def test_no_attempt_left(way: Any, flaky: Any, tree: Callable[..., str]) -> None:
    """When the last attempt fails, its exception is the caller's, and the run that retries fails by it."""
    with pytest.raises(ValueError, match="x"):
        way.invoke(flaky(9), "x")
    assert (
        tree()
        == """\
invoke_workflow f !ValueError
  chain f !ValueError
    http
  chain f !ValueError
    http
  chain f !ValueError
    http
"""
    )


def test_a_stream_is_not_retried(way: Any, flaky: Any, tree: Callable[..., str]) -> None:
    """LangChain does not retry a stream: there is one run, and no run around it."""
    with pytest.raises(ValueError, match="x"):
        way.stream(flaky(1), "x")
    assert (
        tree()
        == """\
invoke_workflow f !ValueError
  http
"""
    )


def test_what_is_retried_in_a_sequence(way: Any, flaky: Any, step: Any, tree: Callable[..., str]) -> None:
    """In a sequence the step that is retried holds its attempts."""
    assert way.invoke(flaky(1) | step("g"), "x") == "xfg"
    assert (
        tree()
        == """\
invoke_workflow
  chain f
    chain f !ValueError
      http
    chain f
      http
  chain g
    http
"""
    )


def test_a_batch_with_retries(way: Any, flaky: Any, tree: Callable[..., str]) -> None:
    """Each input of a batch has its own run that retries; only what failed is tried again."""
    assert way.batch(flaky(1), ["x", "y"], {"max_concurrency": 1}) == ["xf", "yf"]
    assert (
        tree(sort=True)
        == """\
invoke_workflow f
  chain f
    http
invoke_workflow f
  chain f
    http
  chain f !ValueError
    http
"""
    )
