"""What is still to be awaited when our code has run: the asynchronous hooks of users."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Protocol

from callspan import telemetry

_log = logging.getLogger("callspan")

Pending = Coroutine[Any, Any, None]
"""What a caller that can await awaits, and one that cannot settles."""


class Told(Protocol):
    """Hooks that are to be called, outside of what guards our own code: they may stop the call."""

    def go(self) -> Pending | None:
        """Call them; what is returned is still to be awaited."""


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
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        _run(pending)
        return
    with ThreadPoolExecutor(1, "callspan") as pool:
        pool.submit(copy_context().run, _run, pending).result()


def _run(pending: Pending) -> None:
    # With a factory the runner leaves the thread's own event loop, which is the program's, where it is.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(pending)
