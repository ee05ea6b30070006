"""Where the async hooks of a synchronous call run: in the event loop that awaits the thread, or in one of their own.

LangChain runs plain functions of async calls in threads. An `async def` hook of such a call uses what belongs to the
loop that awaits the thread: queues, connections, futures that the program resolves. So it runs there, while the thread
waits.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from asyncio import CancelledError
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, ContextVar, copy_context
from threading import Event, Lock
from types import CoroutineType
from typing import Any

from callspan.core import state

_log = logging.getLogger("callspan")

Pending = Coroutine[Any, Any, None]  # the hooks that are still to be awaited

START_TIMEOUT = 30.0
"""Seconds in which a loop must start a hook. One that does not is blocked, perhaps by a call that waits for us: code in
the loop that starts a thread with a copy of such a context, and waits for it."""

_POLL_INTERVAL = 1.0  # seconds between two checks whether the loop still runs, while it runs a hook of ours
_GONE_AFTER = 5  # checks in a row after which a loop that does not run counts as gone


class CallersLoop:
    """An event loop, and the task in it that awaits what a thread does.

    Both are held weakly: contexts, in which this stands, are copied and kept.
    """

    __slots__ = ("_is_blocked", "_loop", "_task")

    def __init__(self, loop: Any, task: Any) -> None:
        self._loop = weakref.ref(loop)
        self._task = None if task is None else weakref.ref(task)
        self._is_blocked = False

    def run(self, pending: Coroutine[Any, Any, Any]) -> bool:
        """Run a coroutine in the loop and wait for it; return False if nothing of it was run.

        Raises:
            BaseException: What it raised, the very object; CancelledError: the task was cancelled, or the loop is gone.
        """
        loop = self._loop()
        if loop is None or self._is_blocked or loop.is_closed():
            return False
        call = _LoopCall(pending, None if self._task is None else self._task())
        try:
            loop.call_soon_threadsafe(call.start, context=without_loop())
        except RuntimeError:  # it was closed just now
            return False
        if not call.started.wait(START_TIMEOUT) and call.claim():
            self._is_blocked = True
            return False
        call.wait(loop)
        return True


CALLERS_LOOP: ContextVar[CallersLoop | None] = ContextVar("callspan-callers-loop", default=None)
"""The loop that awaits what this thread does; also in the threads that it starts with a copy of its context."""


class _LoopCall:
    """A coroutine that a loop runs while a thread waits for it.

    Args:
        pending: The coroutine.
        caller: The task that awaits the thread, if there still is one.
    """

    __slots__ = ("_caller", "_done", "_error", "_lock", "_pending", "started")

    def __init__(self, pending: Coroutine[Any, Any, Any], caller: Any) -> None:
        self._pending, self._caller = pending, caller
        self._lock = Lock()
        self.started, self._done = Event(), Event()
        self._error: BaseException | None = None

    def claim(self) -> bool:
        """Return whether the coroutine is the caller's to run: the thread's or the loop's, whoever asks first."""
        return self._lock.acquire(blocking=False)

    def start(self) -> None:
        """Start the coroutine, in the loop."""
        if not self.claim():
            return
        self.started.set()
        try:
            task = asyncio.get_running_loop().create_task(self._pending)
        except BaseException as error:  # the program's task factory
            self._finish(error)
            raise
        task.add_done_callback(self._end)
        # What the caller awaits now is the thread. If that is cancelled, so is the hook: nobody waits for it any more.
        awaited = getattr(self._caller, "_fut_waiter", None)
        self._caller = None
        if awaited is not None:
            awaited.add_done_callback(lambda done: done.cancelled() and task.cancel())

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._finish(CancelledError() if task.cancelled() else task.exception())

    def _finish(self, error: BaseException | None) -> None:
        self._error = error
        self._done.set()

    def wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until it is done, as long as the loop may run."""
        checks = 0
        while not self._done.wait(_POLL_INTERVAL):
            checks = 0 if loop.is_running() else checks + 1
            if loop.is_closed() or checks >= _GONE_AFTER:
                raise CancelledError("the event loop that awaited the call is gone")
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # it holds this frame


def without_loop() -> Context:
    """Return a copy of the current context without the caller's loop.

    What runs in that loop may block it: a thread that such code starts must not wait for the loop.
    """
    context = copy_context()
    context.run(CALLERS_LOOP.set, None)
    return context


class StartsBeforeCancel(Coroutine[Any, Any, Any]):
    """A coroutine that takes its first step even if its task was cancelled first, so that no end of a run is lost.

    LangChain gathers some of its end events: each is a task of its own, which may be cancelled before its first step.
    """

    __slots__ = ("__weakref__", "_body", "_started")
    __class__ = property(lambda self: CoroutineType)  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, body: Coroutine[Any, Any, Any]) -> None:
        self._body, self._started = body, False

    def send(self, value: Any) -> Any:
        self._started = True
        return self._body.send(value)

    def throw(self, *args: Any) -> Any:
        self._start()
        return self._body.throw(*args)

    def close(self) -> None:
        self._start()
        self._body.close()

    def _start(self) -> None:
        if self._started:
            return
        try:
            self.send(None)
        except StopIteration:  # it has ended already; what cancels it is raised all the same
            self._body = _nothing()

    def __await__(self) -> StartsBeforeCancel:
        return self

    def __iter__(self) -> StartsBeforeCancel:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def __getattr__(self, name: str) -> Any:  # cr_frame, cr_await, __qualname__ ...
        if name in self.__slots__:  # not set
            raise AttributeError(name)
        return getattr(self._body, name)


async def _nothing() -> None: ...


def run_sync(pending: Pending | None) -> None:
    """Run the async hooks of a synchronous call to their end: a guard that is skipped is a hole.

    If the thread runs a plain function of an async call, they run in the event loop that awaits it. Else they run in a
    loop of their own: in this thread, or in another one where a loop runs here, which the call blocks.
    """
    if pending is None:
        return
    caller, is_loops_thread = CALLERS_LOOP.get(), _is_loop_running()
    if caller is not None and not is_loops_thread and caller.run(StartsBeforeCancel(pending)):
        return
    if state.first_time("async hook"):
        _log.warning(
            "an async hook of a callback is run to its end within a synchronous call, in an event loop of its own: "
            "no loop of the program is reachable, %s. A plain `def` hook costs a hundredth of that",
            _why_unreachable(caller, is_loops_thread=is_loops_thread),
        )
    if not is_loops_thread:  # outside of that `except`, so that a stop has no context of ours
        _run(pending)
        return
    with ThreadPoolExecutor(1, "callspan") as pool:
        pool.submit(copy_context().run, _run, pending).result()


def _why_unreachable(caller: CallersLoop | None, *, is_loops_thread: bool) -> str:
    if is_loops_thread:
        return "for the call blocks the one of this thread (await `ainvoke` or `astream` instead)"
    if caller is None:
        return "for none awaits this thread (in asynchronous code await `ainvoke` or `astream`)"
    return "for the one that awaits this thread is blocked or closed"


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run(pending: Pending) -> None:
    # With a factory the runner leaves the thread's own event loop, which is the program's, where it is.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(pending, context=without_loop())
