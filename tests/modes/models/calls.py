"""The forms in which a runnable is called, and bodies that wait or fail when a test wants them to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable
from typing import Any, cast

import pytest
from opentelemetry.context import get_current

EVENTS = ("astream_events v1", "astream_events v2", "astream_log")
"""The forms that tell of each step inside the call."""


def call(form: str, runnable: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a runnable in one form, to its end; at every step the caller's context is the very object it was.

    Args:
        form: The method, and after a space the `version` it gets.
        runnable: What is called.
        *args: Its arguments; `transform` and `atransform` get chunks of them.
        **kwargs: Its keywords.

    Returns:
        The result, or the list of the steps.
    """
    if form.startswith("a"):
        return asyncio.run(acall(form, runnable, *args, **kwargs))
    if form == "transform":
        args = (iter(args),)
    before, steps = get_current(), []
    try:
        result = getattr(runnable, form)(*args, **kwargs)
        if not hasattr(result, "__next__"):
            return result
        for step in result:
            assert get_current() is before
            steps.append(step)
    finally:
        assert get_current() is before
    return steps


async def acall(form: str, runnable: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a runnable in one of its asynchronous forms, as `call` does."""
    method, _, version = form.partition(" ")
    if version:
        kwargs["version"] = version
    if method == "atransform":
        args = (_each(args),)
    before, steps = get_current(), []
    try:
        result = getattr(runnable, method)(*args, **kwargs)
        if not hasattr(result, "__aiter__"):
            return await result
        async for step in result:
            assert get_current() is before
            steps.append(step)
    finally:
        assert get_current() is before
    return steps


async def _each(items: Iterable[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


def generator(model: Any) -> Generator[Any, Any, Any]:
    """Start a stream, which is a generator."""
    return cast("Generator[Any, Any, Any]", model.stream("hello"))


def async_generator(model: Any) -> AsyncGenerator[Any, Any]:
    """Start an asynchronous stream, which is an asynchronous generator."""
    return cast("AsyncGenerator[Any, Any]", model.astream("hello"))


class Standstill:
    """A body that waits until it is cancelled; a test can wait until it stands still."""

    def __init__(self) -> None:
        self.bodies = 0
        self._reached = asyncio.Condition()

    async def __call__(self) -> None:
        async with self._reached:
            self.bodies += 1
            self._reached.notify_all()
        await asyncio.Event().wait()

    async def reached(self, bodies: int = 1) -> None:
        """Wait until so many bodies stand still."""
        async with self._reached:
            await self._reached.wait_for(lambda: self.bodies >= bodies)


async def cancel(running: Awaitable[Any], reached: Callable[[], Awaitable[Any]]) -> None:
    """Cancel a call once its body is reached: the caller gets the cancellation, and keeps its context."""

    async def run() -> None:
        await running

    before = get_current()
    task = asyncio.create_task(run())
    await reached()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert get_current() is before


async def settle() -> None:
    """Let the loop do all it has been asked to: what closes one generator drops the next, which the loop closes."""
    quiet = 0
    while quiet < 3:  # the finaliser asks the loop to make a task, which is there one turn later
        await asyncio.sleep(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        quiet = 0 if others else quiet + 1
        if others:
            await asyncio.wait(others)


class Hold:
    """A body in a thread that waits until the test lets it go on."""

    def __init__(self) -> None:
        self._go_on = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._reached = asyncio.Event()

    def __call__(self) -> None:
        self._loop.call_soon_threadsafe(self._reached.set)
        self._go_on.wait()

    async def reached(self) -> None:
        """Wait until the body waits."""
        await self._reached.wait()

    async def release(self) -> None:
        """Let the body go on, and wait until its thread is done; the loop has no threads afterwards."""
        self._go_on.set()
        await self._loop.shutdown_default_executor()


def failing(body: Callable[..., Any], error: BaseException, *, at: int = 1) -> Callable[[str], None]:
    """Make a body that fails when it is called for this time.

    Args:
        body: Called first, each time.
        error: What is raised.
        at: At which call.
    """
    count = 0

    def failing_body(text: str) -> None:
        nonlocal count
        count += 1
        body(text)
        if count == at:
            raise error

    return failing_body
