"""LangGraph's functional API: an entrypoint is a graph with one node, its tasks are nodes below that."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.types import Command, RetryPolicy, interrupt

from callspan.testing import Recording, ScriptedChatModel, record

Fn = Callable[..., Any]

RETRY = "retry_policy" if "retry_policy" in inspect.signature(task).parameters else "retry"

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


class SlowInThreads(BaseCallbackHandler):
    """Waits in its first start until the other tasks have started too."""

    def __init__(self, parties: int) -> None:
        self.barrier = threading.Barrier(parties)

    def on_chain_start(self, *args: Any, name: str = "", **kwargs: Any) -> None:
        if name.startswith("task"):
            self.barrier.wait(5)


class SlowAsync(AsyncCallbackHandler):
    """Lets every other task of the loop go first."""

    async def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


def _tasks_of(spans: Recording) -> None:
    """Assert that each task is a node with its own id, and that the chat inside it says the same."""
    tasks = [span for span in spans if span.name.startswith("node task")]
    assert sorted(span.name for span in tasks) == ["node task a", "node task b", "node task c"]
    assert len({span.attributes["langgraph.task.id"] for span in tasks}) == 3
    of_task = {span.context.span_id: span.attributes["langgraph.task.id"] for span in tasks}
    chats = [span for span in spans if span.name == "chat scripted"]
    assert len(chats) == 3
    for chat in chats:
        assert chat.parent is not None
        assert chat.attributes["langgraph.task.id"] == of_task[chat.parent.span_id]


@pytest.mark.parametrize("detail", ["all", "steps"])
@pytest.mark.parametrize("streamed", [False, True])
def test_tasks_in_threads_are_never_taken_for_each_other(detail: Any, streamed: bool) -> None:
    """Although they share one callback manager, into which each writes its metadata."""

    def make(name: str) -> Any:
        return task(name=f"task {name}")(lambda x: ScriptedChatModel("yes").invoke("hi").text)

    @entrypoint()
    def flow(x: int) -> list[str]:
        return [future.result() for future in [make(name)(x) for name in "abc"]]

    config: Any = {"callbacks": [SlowInThreads(3)]}
    with record(detail=detail) as spans:
        if streamed:
            list(flow.stream(1, config))
        else:
            flow.invoke(1, config)
    _tasks_of(spans)


@pytest.mark.parametrize("detail", ["all", "steps"])
async def test_tasks_of_a_loop_are_never_taken_for_each_other(detail: Any) -> None:
    def make(name: str) -> Any:
        async def body(x: int) -> str:
            return (await ScriptedChatModel("yes").ainvoke("hi")).text

        return task(name=f"task {name}")(body)

    @entrypoint()
    async def flow(x: int) -> list[str]:
        return await asyncio.gather(*[make(name)(x) for name in "abc"])

    with record(detail=detail) as spans:
        await flow.ainvoke(1, {"callbacks": [SlowAsync()]})
    _tasks_of(spans)


async def test_a_task_that_is_retried_is_a_retry_of_itself(recording: Recording) -> None:
    """Not of another one that failed beside it."""
    tried: set[str] = set()

    def make(name: str) -> Any:
        async def body(x: int) -> str:
            await asyncio.sleep(0)
            if name not in tried:
                tried.add(name)
                raise ConnectionError(name)
            return name

        return task(name=f"task {name}", **{RETRY: RetryPolicy(initial_interval=0, jitter=False)})(body)

    @entrypoint()
    async def flow(x: int) -> list[str]:
        return await asyncio.gather(*[make(name)(x) for name in "ab"])

    await flow.ainvoke(1, {"callbacks": [SlowAsync()]})
    names = {format(span.context.span_id, "016x"): span.name for span in recording.spans}
    retries = [span for span in recording.spans if "langchain.retry_of" in span.attributes]
    assert sorted(span.name for span in retries) == ["node task a", "node task b"]
    assert all(names[str(span.attributes["langchain.retry_of"])] == span.name for span in retries)
    assert {span.attributes["langchain.run.attempt"] for span in retries} == {2}
