"""A bounded queue with a model on one end and a reader on the other, each in whichever thread or event loop it is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Condition
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class Channel(Generic[_Item]):
    """Passes items on in their order, until it is closed.

    Args:
        size: How many items it holds.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.closed = False
        self.error: BaseException | None = None
        self._items: deque[_Item] = deque()
        self._changed = Condition()
        self._sleepers: list[asyncio.Future[None]] = []

    def put(self, item: _Item) -> None:
        """Add an item; to one that is closed none is added."""
        with self._changed:
            if not self.closed:
                self._items.append(item)
                self._wake()

    def take(self) -> tuple[_Item, ...]:
        """Return the next item, if there is one."""
        with self._changed:
            if not self._items:
                return ()
            item = self._items.popleft()
            self._wake()
            return (item,)

    def close(self, error: BaseException | None = None) -> None:
        """Refuse more items; the first call counts.

        Args:
            error: What the reader gets after the items that are left.
        """
        with self._changed:
            if not self.closed:
                self.closed, self.error = True, error
                self._wake()

    def drop(self) -> None:
        """Close it, and let go of what nobody will read."""
        with self._changed:
            self._items.clear()
        self.close()

    def has_room(self) -> bool:
        """Return whether a writer need not wait."""
        return self.closed or len(self._items) < self.size

    def has_news(self) -> bool:
        """Return whether a reader need not wait."""
        return self.closed or bool(self._items)

    def wait(self, ready: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait here, and tell whether it has become ready.

        Args:
            ready: What is waited for.
            seconds: How long at most.
        """
        with self._changed:
            return self._changed.wait_for(ready, seconds)

    async def awaited(self, ready: Callable[[], bool], seconds: float | None = None) -> bool:
        """Likewise, where an event loop goes on meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (sleeper := self._sleeper(ready)) is not None:
                    try:
                        await sleeper
                    finally:
                        self._forget(sleeper)
        return ready()

    def _sleeper(self, ready: Callable[[], bool]) -> asyncio.Future[None] | None:
        with self._changed:
            if ready():
                return None
            sleeper = asyncio.get_running_loop().create_future()
            self._sleepers.append(sleeper)
            return sleeper

    def _forget(self, sleeper: asyncio.Future[None]) -> None:
        with self._changed:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    def _wake(self) -> None:
        self._changed.notify_all()
        sleepers, self._sleepers = self._sleepers, []
        for sleeper in sleepers:
            with suppress(RuntimeError):  # its loop is closed
                sleeper.get_loop().call_soon_threadsafe(_rouse, sleeper)


def _rouse(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
