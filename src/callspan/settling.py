"""What is still to be awaited when our code has run: the asynchronous hooks of users."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from types import CoroutineType
from typing import Any, Protocol

from callspan import telemetry

_log = logging.getLogger("callspan")

Pending = Coroutine[Any, Any, None]
"""What a caller that can await awaits, and one that cannot settles."""


class Told(Protocol):
    """Hooks that are to be called, outside of what guards our own code: they may stop the call."""

    def go(self) -> Pending | None:
        """Call them; what is returned is still to be awaited."""
        ...

    def go_now(self) -> None:
        """Call those that need not be awaited: nobody is left to do so."""
        ...

    def go_quietly(self) -> None:
        """Do the same, or what is left of it; nothing is raised, as an exception is on its way already."""
        ...


class Surely(Coroutine[Any, Any, Any]):
    """A coroutine that begins even if it is cancelled before: it is what ends a run.

    LangChain gathers some of its end events: each is a task of its own, which may be cancelled before its first step.

    Args:
        body: What is awaited.
    """

    __slots__ = ("__weakref__", "_begun", "_body")
    __class__ = property(lambda self: CoroutineType)  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, body: Coroutine[Any, Any, Any]) -> None:
        self._body, self._begun = body, False

    def send(self, value: Any) -> Any:
        self._begun = True
        return self._body.send(value)

    def throw(self, *args: Any) -> Any:
        if not self._begun:
            self._begin()
        return self._body.throw(*args)

    def close(self) -> None:
        if not self._begun:
            self._begin()
        self._body.close()

    def _begin(self) -> None:
        try:
            self.send(None)
        except StopIteration:  # it has ended already; what cancels it is raised all the same
            self._body = _over()

    def __await__(self) -> Surely:
        return self

    def __iter__(self) -> Surely:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def __getattr__(self, name: str) -> Any:  # cr_frame, cr_await, __qualname__ ...
        if name in self.__slots__:  # not set
            raise AttributeError(name)
        return getattr(self._body, name)


async def _over() -> None: ...


def settle(pending: Pending | None) -> None:
    """Run the rest of the hooks to their end here: the call is synchronous, and a guard that is skipped is a hole.

    Where an event loop is running in this thread, they run in another one, which is waited for.
    """
    if pending is None:
        return
    if telemetry.once("async hook"):
        _log.warning(
            "an async hook of a callback is run to its end within a synchronous call, in an event loop of its own; "
            "a plain `def` hook costs a hundredth of that"
        )
    if not _loop_is_running():  # outside of that `except`, so that a stop has no context of ours
        _run(pending)
        return
    with ThreadPoolExecutor(1, "callspan") as pool:
        pool.submit(copy_context().run, _run, pending).result()


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run(pending: Pending) -> None:
    # With a factory the runner leaves the thread's own event loop, which is the program's, where it is.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(pending)
