"""A parallel: its branches are its children, in threads or tasks of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda, RunnableParallel

BRANCHES = """\
invoke_workflow
  chain a
    http
  chain b
    http
"""


def test_the_branches_hang_under_the_parallel(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """The branches of a parallel are its children, wherever they run."""
    assert way.invoke(RunnableParallel(a=step("a"), b=step("b")), "x") == {"a": "xa", "b": "xb"}
    assert tree(sort=True) == BRANCHES


def test_a_streamed_parallel(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """Streamed, each branch is a child, and the consumer's context is its own between the chunks."""
    chunks = way.stream(RunnableParallel(a=step("a"), b=step("b")), "x")
    assert sorted(chunks, key=str) == [{"a": "xa"}, {"b": "xb"}]
    assert tree(sort=True) == BRANCHES


def test_a_streamed_parallel_of_generators(way: Any, spell: Any, tree: Callable[..., str]) -> None:
    """The chunks of two branches come as they may; each branch's spans are its own."""
    chunks = way.stream(RunnableParallel(a=spell("a"), b=spell("b")), "hey")
    assert sorted(chunk["a"] for chunk in chunks if "a" in chunk) == ["e", "h", "y"]
    assert (
        tree(sort=True)
        == """\
invoke_workflow
  chain a
    http
    http
    http
  chain b
    http
    http
    http
"""
    )


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_a_branch_that_raises(way: Any, call: str, step: Any, tree: Callable[..., str]) -> None:
    """A branch that raises fails, and the parallel with it, by the same object."""
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as caught:
        getattr(way, call)(RunnableParallel(a=step("a", raises=error)), "x")
    assert caught.value is error
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  chain a !ValueError
    http
"""
    )


def test_a_branch_beside_one_that_raises(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """The branch beside the one that raises does not fail; in threads the caller waits for it."""
    raised = threading.Event()

    def a(value: str) -> None:
        raised.set()
        raise ValueError(value)

    def b(value: str) -> None:
        raised.wait()
        http()

    with pytest.raises(ValueError, match="x"):
        RunnableParallel(a=RunnableLambda(a), b=RunnableLambda(b)).invoke("x")
    assert (
        tree(sort=True)
        == """\
invoke_workflow !ValueError
  chain a !ValueError
  chain b
    http
"""
    )


async def test_a_branch_outlives_the_parallel(step: Any, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """When a branch raises, the other goes on, although the parallel has ended; it still hangs under it."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def a(value: str) -> str:
        await begun.wait()
        raise ValueError(value)

    async def b(value: str) -> str:
        begun.set()
        await go_on.wait()
        http()
        return value

    mine = asyncio.all_tasks()
    with pytest.raises(ValueError, match="x"):
        await RunnableParallel(a=RunnableLambda(a), b=RunnableLambda(b)).ainvoke("x")
    go_on.set()
    await asyncio.wait(asyncio.all_tasks() - mine)
    assert (
        tree(sort=True)
        == """\
invoke_workflow !ValueError
  chain a !ValueError
  chain b
    http
"""
    )


def test_the_branches_are_current_at_the_same_time(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """Two bodies that run at the very same time have each their own current span."""
    both = threading.Barrier(2)

    def body(value: str) -> str:
        both.wait()
        http(value)
        both.wait()
        return value

    a, b = RunnableLambda(lambda _: body("in a"), name="a"), RunnableLambda(lambda _: body("in b"), name="b")
    assert RunnableParallel(a=a, b=b).invoke("x") == {"a": "in a", "b": "in b"}
    assert (
        tree(sort=True)
        == """\
invoke_workflow
  chain a
    in a
  chain b
    in b
"""
    )
