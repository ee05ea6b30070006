"""LangGraph's functional API: an entrypoint is a graph with one node, its tasks are nodes below that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.types import Command, interrupt

from callspan.testing import Recording

Fn = Callable[..., Any]

CONFIG: Any = {"configurable": {"thread_id": "1"}}

TWO_TASKS = """\
invoke_workflow
  node flow
    node double
      http
    node double
      http
"""


@pytest.fixture
def flow(http: Fn) -> Any:
    """An entrypoint that doubles two numbers in two tasks."""

    @task
    def double(number: int) -> int:
        http()
        return 2 * number

    @entrypoint(checkpointer=InMemorySaver())
    def flow(number: int) -> int:
        return sum(one.result() for one in [double(number), double(1)])

    return flow


@pytest.fixture
def aflow(http: Fn) -> Any:
    """The same with async functions."""

    @task
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        http()
        return 2 * number

    @entrypoint(checkpointer=InMemorySaver())
    async def flow(number: int) -> int:
        return sum(await asyncio.gather(double(number), double(1)))

    return flow


def test_called(flow: Any, tree: Fn) -> None:
    """Each task is a child of the function that made it, and current in its body."""
    assert flow.invoke(3, CONFIG) == 8
    assert tree() == TWO_TASKS


def test_streamed(flow: Any, tree: Fn) -> None:
    """A stream has the spans of a call."""
    assert list(flow.stream(3, CONFIG))[-1] == {"flow": 8}
    assert tree() == TWO_TASKS


async def test_awaited(aflow: Any, tree: Fn) -> None:
    """Async functions have the spans of sync ones."""
    assert await aflow.ainvoke(3, CONFIG) == 8
    assert tree() == TWO_TASKS


async def test_streamed_async(aflow: Any, tree: Fn) -> None:
    """An async stream has the spans of a call."""
    assert [chunk async for chunk in aflow.astream(3, CONFIG)][-1] == {"flow": 8}
    assert tree() == TWO_TASKS


def test_a_span_of_the_users_own(http: Fn, recording: Recording, tree: Fn) -> None:
    """A span that an entrypoint opens around a task stands between the two."""

    @task
    def work() -> int:
        http()
        return 1

    @entrypoint()
    def flow(number: int) -> int:
        with recording.tracer.start_as_current_span("mine"):
            return work().result()

    assert flow.invoke(1) == 1
    assert (
        tree()
        == """\
invoke_workflow
  node flow
    mine
      node work
        http
"""
    )


def test_a_task_raises(http: Fn, tree: Fn) -> None:
    """The failure goes up through the entrypoint to its caller, as the very object."""
    boom = ValueError("boom")

    @task
    def work() -> int:
        http()
        raise boom

    @entrypoint()
    def flow(number: int) -> int:
        return work().result()

    with pytest.raises(ValueError, match="boom") as raised:
        flow.invoke(1)
    assert raised.value is boom
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  node flow !ValueError
    node work !ValueError
      http
"""
    )


async def test_an_async_task_raises(http: Fn, tree: Fn) -> None:
    """The failure of an async task goes up in the same way."""
    boom = ValueError("boom")

    @task
    async def work() -> int:
        http()
        raise boom

    @entrypoint()
    async def flow(number: int) -> int:
        return await work()

    with pytest.raises(ValueError, match="boom") as raised:
        await flow.ainvoke(1)
    assert raised.value is boom
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  node flow !ValueError
    node work !ValueError
      http
"""
    )


def test_an_interrupt(call: Fn, http: Fn, tree: Fn) -> None:
    """A task that is done is not done again when the entrypoint goes on after a question."""

    @task
    def work() -> int:
        http()
        return 1

    @entrypoint(checkpointer=InMemorySaver())
    def flow(number: int) -> int:
        return work().result() + interrupt("how many?")

    assert "__interrupt__" in call(flow, 1, CONFIG)
    assert call(flow, Command(resume=4), CONFIG) == 5
    assert (
        tree()
        == """\
invoke_workflow ~paused
  node flow ~paused
    node work
      http
invoke_workflow
  node flow
"""
    )
