"""Cancelled while a body waits: the runs around it end as cancelled, and no other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda


@pytest.fixture
def waits(http: Callable[..., None]) -> Callable[..., Any]:
    """Make a lambda that tells when its body has begun, and then waits for ever."""

    def make(name: str, begun: asyncio.Event | asyncio.Semaphore) -> Any:
        async def body(value: Any) -> None:
            http()
            begun.set() if isinstance(begun, asyncio.Event) else begun.release()
            await asyncio.Event().wait()

        return RunnableLambda(body, name=name)

    return make


async def cancelled(task: asyncio.Task[Any]) -> bool:
    """Cancel the task and tell whether it took it."""
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


async def test_a_cancelled_lambda(waits: Any, tree: Callable[..., str]) -> None:
    """A lambda that is cancelled ends as cancelled, which is no error."""
    begun = asyncio.Event()
    task = asyncio.create_task(waits("f", begun).ainvoke("x"))
    await begun.wait()
    assert await cancelled(task)
    assert (
        tree()
        == """\
invoke_workflow f ~cancelled
  http
"""
    )


async def test_a_cancelled_sequence(step: Any, waits: Any, tree: Callable[..., str]) -> None:
    """In a sequence that is cancelled, the step that ran and the sequence are cancelled, the step before is not."""
    begun = asyncio.Event()
    task = asyncio.create_task((step("f") | waits("g", begun) | step("h")).ainvoke("x"))
    await begun.wait()
    assert await cancelled(task)
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


async def test_a_cancelled_stream(step: Any, waits: Any, tree: Callable[..., str]) -> None:
    """A task that is cancelled while it reads a stream cancels the runs of the stream."""
    begun = asyncio.Event()

    async def read() -> list[Any]:
        return [chunk async for chunk in (step("f") | waits("g", begun)).astream("x")]

    task = asyncio.create_task(read())
    await begun.wait()
    assert await cancelled(task)
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


async def test_cancelled_before_it_began(step: Any, tree: Callable[..., str]) -> None:
    """A task that is cancelled before its first step has started no run."""
    assert await cancelled(asyncio.create_task(step("f").ainvoke("x")))
    assert tree() == ""


async def test_a_parallel_that_is_cancelled(waits: Any, tree: Callable[..., str]) -> None:
    """Each branch of a parallel that is cancelled is cancelled."""
    begun = asyncio.Semaphore(0)
    task = asyncio.create_task((RunnableLambda(str) | {"a": waits("a", begun), "b": waits("b", begun)}).ainvoke("x"))
    await begun.acquire()
    await begun.acquire()
    assert await cancelled(task)
    assert (
        tree(sort=True)
        == """\
invoke_workflow ~cancelled
  chain RunnableParallel<a,b> ~cancelled
    chain a ~cancelled
      http
    chain b ~cancelled
      http
  chain str
"""
    )


async def test_many_cancelled_at_once(waits: Any, tree: Callable[..., str]) -> None:
    """Twenty chains that are cancelled in one go end each by itself."""
    begun = asyncio.Semaphore(0)
    chain = waits("f", begun).with_config(run_name="f")
    tasks = [asyncio.create_task(chain.ainvoke(number)) for number in range(20)]
    for _ in tasks:
        await begun.acquire()
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {asyncio.CancelledError}
    assert tree() == "invoke_workflow f ~cancelled\n  http\n" * 20


async def test_cancelled_at_its_time_limit(waits: Any, tree: Callable[..., str]) -> None:
    """A call under `asyncio.timeout` gives the caller `TimeoutError`; the run itself was cancelled."""
    begun = asyncio.Event()

    async def limited() -> None:
        async with asyncio.timeout(None) as limit:
            asyncio.create_task(begun.wait()).add_done_callback(lambda _: limit.reschedule(0))
            await waits("f", begun).ainvoke("x")

    with pytest.raises(TimeoutError):
        await limited()
    assert (
        tree()
        == """\
invoke_workflow f ~cancelled
  http
"""
    )


async def test_a_body_that_survives_its_cancellation(http: Any, tree: Callable[..., str]) -> None:
    """A body that catches its cancellation and returns is not cancelled, but its caller may be."""
    begun = asyncio.Event()

    async def f(value: str) -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            http()
        return "saved"

    async def outer(value: str) -> str:
        return await RunnableLambda(f).ainvoke(value)

    task = asyncio.create_task(outer("x"))
    await begun.wait()
    task.cancel()
    assert await task == "saved"
    assert (
        tree()
        == """\
invoke_workflow f
  http
"""
    )


async def test_a_sync_body_outlives_its_cancellation(http: Any, tree: Callable[..., str]) -> None:
    """The thread of a sync body cannot be cancelled: it goes on, and what it does still hangs under its run."""
    begun, go_on, gone = asyncio.Event(), threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def f(value: str) -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait()
        http()
        loop.call_soon_threadsafe(gone.set)

    task = asyncio.create_task(RunnableLambda(f).ainvoke("x"))
    await begun.wait()
    assert await cancelled(task)
    assert tree() == "invoke_workflow f ~cancelled\n"
    go_on.set()
    await gone.wait()
    assert (
        tree()
        == """\
invoke_workflow f ~cancelled
  http
"""
    )
