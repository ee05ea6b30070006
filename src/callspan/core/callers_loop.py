"""The event loop that awaits what a thread does: LangChain runs plain functions of asynchronous calls in threads.

An `async def` hook of such a call uses what belongs to that loop: queues, connections, futures that the program
resolves. So it is awaited there, while the thread waits.
"""

from __future__ import annotations

import asyncio
import weakref
from asyncio import CancelledError
from collections.abc import Coroutine
from contextvars import Context, ContextVar, copy_context
from threading import Event, Lock
from typing import Any

BEGINS_WITHIN = 30.0
"""Seconds in which a loop must begin a hook. One that does not is blocked, perhaps by a call that waits for us: code in
the loop that starts a thread with a copy of such a context, and waits for it."""

_LOOKS_EVERY = 1.0
"""Seconds between two looks at whether the loop still runs, while a hook of ours is awaited in it."""

_GONE_AFTER = 5
"""Looks after which a loop that does not run counts as gone."""


class CallersLoop:
    """An event loop, and the task in it that awaits what a thread does.

    Both are held weakly: contexts, in which this stands, are copied and kept.

    Args:
        loop: The loop.
        task: The task.
    """

    __slots__ = ("_is_blocked", "_loop", "_task")

    def __init__(self, loop: Any, task: Any) -> None:
        self._loop = weakref.ref(loop)
        self._task = None if task is None else weakref.ref(task)
        self._is_blocked = False

    def run(self, pending: Coroutine[Any, Any, Any]) -> bool:
        """Run a coroutine in the loop, and wait for it.

        Returns:
            Whether it was run; if not, nothing of it was.

        Raises:
            BaseException: What it raised, the very object; CancelledError: the task was cancelled, or the loop is gone.
        """
        loop = self._loop()
        if loop is None or self._is_blocked or loop.is_closed():
            return False
        waiting = _Waiting(pending, None if self._task is None else self._task())
        try:
            loop.call_soon_threadsafe(waiting.begin, context=without_loop())
        except RuntimeError:  # it was closed just now
            return False
        if not waiting.begun.wait(BEGINS_WITHIN) and waiting.claim():
            self._is_blocked = True
            return False
        waiting.wait(loop)
        return True


CALLERS_LOOP: ContextVar[CallersLoop | None] = ContextVar("callspan-callers-loop", default=None)
"""The loop that awaits what this thread does; also in the threads that it starts with a copy of its context."""


class _Waiting:
    """A thread that waits for a coroutine in a loop.

    Args:
        pending: The coroutine.
        caller: The task that awaits the thread, if there still is one.
    """

    __slots__ = ("_caller", "_error", "_lock", "_over", "_pending", "begun")

    def __init__(self, pending: Coroutine[Any, Any, Any], caller: Any) -> None:
        self._pending, self._caller = pending, caller
        self._lock = Lock()
        self.begun, self._over = Event(), Event()
        self._error: BaseException | None = None

    def claim(self) -> bool:
        """Return whether the coroutine is the caller's to run: the thread's or the loop's, whoever asks first."""
        return self._lock.acquire(blocking=False)

    def begin(self) -> None:
        """Begin the coroutine, in the loop."""
        if not self.claim():
            return
        self.begun.set()
        try:
            task = asyncio.get_running_loop().create_task(self._pending)
        except BaseException as error:  # the program's task factory
            self._end(error)
            raise
        task.add_done_callback(self._ended)
        # What the caller awaits now is the thread. If that is cancelled, so is the hook: nobody waits for it any more.
        awaited = getattr(self._caller, "_fut_waiter", None)
        self._caller = None
        if awaited is not None:
            awaited.add_done_callback(lambda done: done.cancelled() and task.cancel())

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._end(CancelledError() if task.cancelled() else task.exception())

    def _end(self, error: BaseException | None) -> None:
        self._error = error
        self._over.set()

    def wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for its end, as long as the loop may run."""
        looks = 0
        while not self._over.wait(_LOOKS_EVERY):
            looks = 0 if loop.is_running() else looks + 1
            if loop.is_closed() or looks >= _GONE_AFTER:
                raise CancelledError("the event loop that awaited the call is gone")
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # it holds this frame


def without_loop() -> Context:
    """Return a copy of the current context in which nothing of the caller's loop is known.

    What runs in that loop may block it: a thread that such code starts must not wait for the loop.
    """
    context = copy_context()
    context.run(CALLERS_LOOP.set, None)
    return context
