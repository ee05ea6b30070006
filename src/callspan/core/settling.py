"""What is still to be awaited when our code has run: the asynchronous hooks of users."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from types import CoroutineType
from typing import Any, Protocol

from callspan.core import state
from callspan.core.callers_loop import CALLERS_LOOP, CallersLoop, without_loop

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

    If the thread runs a plain function of an asynchronous call, they run in the event loop that awaits it. Else they
    run in a loop of their own: here, or in another thread where a loop runs here, which the call blocks.
    """
    if pending is None:
        return
    caller, is_loops_thread = CALLERS_LOOP.get(), _loop_is_running()
    if caller is not None and not is_loops_thread and caller.run(Surely(pending)):
        return
    if state.once("async hook"):
        _log.warning(
            "an async hook of a callback is run to its end within a synchronous call, in an event loop of its own: "
            "no loop of the program is reachable, %s. A plain `def` hook costs a hundredth of that",
            _why(caller, is_loops_thread=is_loops_thread),
        )
    if not is_loops_thread:  # outside of that `except`, so that a stop has no context of ours
        _run(pending)
        return
    with ThreadPoolExecutor(1, "callspan") as pool:
        pool.submit(copy_context().run, _run, pending).result()


def _why(caller: CallersLoop | None, *, is_loops_thread: bool) -> str:
    if is_loops_thread:
        return "for the call blocks the one of this thread (await `ainvoke` or `astream` instead)"
    if caller is None:
        return "for none awaits this thread (in asynchronous code await `ainvoke` or `astream`)"
    return "for the one that awaits this thread is blocked or closed"


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run(pending: Pending) -> None:
    # With a factory the runner leaves the thread's own event loop, which is the program's, where it is.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(pending, context=without_loop())
