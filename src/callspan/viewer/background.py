"""A thread that writes what the program's threads hand to it, so that none of them waits for a file."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import socket
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event, RLock, Thread, get_ident
from typing import Any, Generic, TypeVar
from weakref import WeakSet

_log = logging.getLogger("callspan")

Item = TypeVar("Item")

LIMIT = 10_000  # items that may wait

_BATCH = 256  # items that are written before somebody who waits for the lock, to fork, has it

# Seconds between two batches: writing each span as it comes would take the program's time. A kill loses this much.
PAUSE = 0.05

_PATIENCE = 1.0  # seconds that a thread without an event loop waits for room, before its items are dropped


def is_on_loop() -> bool:
    """Return whether an event loop runs in this thread, which must not wait for anything."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def waited(is_done: Callable[[], bool], seconds: float) -> bool:
    """Wait, without locks, which an event loop may refuse, for so many seconds; return whether it is done."""
    until = time.monotonic() + seconds
    pause, _ = socket.socketpair()  # nothing ever comes; `time.sleep` might be refused too
    with pause, _:
        while not is_done():
            if time.monotonic() > until:
                return False
            select.select([pause], [], [], 0.005)
    return True


class Background(Generic[Item]):
    """Writes items in a thread of its own, in their order.

    The thread starts with the first item, and is a daemon: whoever ends the process calls `flush` before. A forked
    process has its own, and what waits is written by its parent.

    Args:
        write: Writes some items; it is never called by two threads at once.
        name: The thread's name.
        limit: How many items may wait. More are dropped on an event loop; another thread waits for a second first.
        pause: Seconds between two batches; what comes in that time is written at once.
    """

    def __init__(
        self, write: Callable[[list[Item]], None], name: str, limit: int = LIMIT, pause: float = PAUSE
    ) -> None:
        self._write, self._name, self._limit, self._pause = write, name, limit, pause
        self.dropped = 0
        self.when_begun: Callable[[], None] | None = None  # called in each process when its thread has started
        self._has_complained = False
        self.forget()
        _all.add(self)

    def forget(self) -> None:
        """Start anew, in a forked process: what waits belongs to the parent, and so does its thread."""
        # Without a lock: an item may come from the destructor of a generator, or from a signal handler, at any moment.
        self._queue: SimpleQueue[Item | Event] = SimpleQueue()
        self._hurry = Event()
        self._thread: Thread | None = None
        self._direct = self._stuck = False
        self.lock = RLock()
        self._waiters: list[int] = []

    @property
    def is_held(self) -> bool:
        """Whether this thread keeps the other one from writing, or is waiting for it.

        A signal handler that waits for the thread then would wait in vain: the events between them have locks.
        """
        return self.lock._is_owned() or get_ident() in self._waiters  # type: ignore[attr-defined,no-any-return,unused-ignore]

    @property
    def has_begun(self) -> bool:
        """Whether anything was handed over in this process."""
        return self._thread is not None

    @property
    def waiting(self) -> int:
        """How many items wait to be written."""
        return self._queue.qsize()

    def put(self, item: Item) -> None:
        """Hand over an item."""
        if self._queue.qsize() >= self._limit and not self._has_room():
            self.dropped += 1
            return
        self._queue.put(item)
        if self._thread is None:
            self._start()
        elif self._direct:
            self._write_here()

    def flush(self, seconds: float) -> bool:
        """Wait until all items put before are written, at most so many seconds, and return whether they are."""
        if self._thread is None or self._direct:
            return self._queue.empty() or self._write_here()
        return self._wait_for(Event(), seconds)

    def close(self, seconds: float) -> bool:
        """Flush, and return whether all is written; what comes later is written at once, in its own thread."""
        if self._thread is None or self._direct:
            return self.flush(seconds)
        self._direct = self._wait_for(_Last(), seconds)  # if it does not come, the thread still has the lock
        return self._direct

    def _wait_for(self, mark: Event, seconds: float) -> bool:
        self._waiters.append(get_ident())
        try:
            self._queue.put(mark)
            self._hurry.set()
            return waited(mark.is_set, seconds) if is_on_loop() else mark.wait(seconds)
        finally:
            self._waiters.remove(get_ident())

    def _start(self) -> None:
        with self.lock:
            if self._thread is not None:
                return
            self._thread = thread = Thread(target=self._run, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is on its way out, or there are too many threads
            self._direct = True
            self._write_here()
            return
        if self.when_begun is not None:
            self.when_begun()

    def _run(self) -> None:
        queue, lock = self._queue, self.lock
        while True:
            batch = [queue.get()]
            try:
                while len(batch) < _BATCH:
                    batch.append(queue.get_nowait())
            except Empty:
                pass
            with lock:
                self._write_batch(batch)
            self._stuck = False
            if any(isinstance(item, _Last) for item in batch):
                return
            if self._pause and len(batch) < _BATCH:
                self._hurry.wait(self._pause)
                self._hurry.clear()

    def _write_here(self) -> bool:
        """Write what waits in this thread."""
        if not self.lock.acquire(blocking=not is_on_loop()):
            return False
        try:
            while True:
                self._write_batch([self._queue.get_nowait()])
        except Empty:
            return True
        finally:
            self.lock.release()

    def _write_batch(self, batch: list[Any]) -> None:
        items = [item for item in batch if not isinstance(item, Event)]
        try:
            if items:
                self._write(items)
        except Exception as error:  # noqa: BLE001 - what is written is never in the way of the program
            self.dropped += len(items)
            if not self._has_complained:
                self._has_complained = True
                _log.warning("callspan cannot write in the background (%s)", self._name, exc_info=error)
        for item in batch:
            if isinstance(item, Event):
                item.set()

    def _has_room(self) -> bool:
        """Wait for room, if this thread may wait. A file that takes nothing is waited for once."""
        if self._stuck or is_on_loop():
            return False
        until = time.monotonic() + _PATIENCE
        while self._queue.qsize() >= self._limit:
            if time.monotonic() > until:
                self._stuck = True
                return False
            self._hurry.set()
            time.sleep(PAUSE / 10)
        return True


class _Last(Event):
    """The last thing that the thread takes."""


_all: WeakSet[Background[Any]] = WeakSet()
_held: list[Any] = []


def _before_fork() -> None:
    """Stop the threads from writing while this one forks: the child would have half of it in its memory."""
    locks = [one.lock for one in list(_all)]
    _held.extend(lock for lock in locks if lock.acquire(timeout=_PATIENCE))  # what takes nothing is not waited for


def _after_fork() -> None:
    while _held:
        _held.pop().release()


def _in_child() -> None:
    _held.clear()
    for one in list(_all):
        one.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
