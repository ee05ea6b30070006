"""Threads in which LangChain runs plain functions of asynchronous calls: which event loop awaits one is noted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any

from callspan.core.dispatch import subscriptions
from callspan.core.event_loops import CALLERS_LOOP, CallersLoop
from callspan.core.frame import Watch
from callspan.core.shapes import Wrapper

_IN_THREAD = "run_in_executor.<locals>.wrapper"
"""What LangChain's `run_in_executor` runs in a thread."""


def loop_noted(original: Callable[..., Any], watch: Watch) -> Wrapper:
    """Stand around `partial` where `run_in_executor` finds it, which makes with it what the thread runs.

    `run_in_executor` itself cannot be wrapped: others import it by name, and LangGraph knows it by its identity.
    """

    def wrapper(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if subscriptions.callback_class is not None:  # else there are no callbacks
            watch.run(_note, args)
        return wrapped(*args, **kwargs)

    return wrapper


def _note(args: tuple[Any, ...]) -> None:
    run, function, *_ = args
    if getattr(function, "__qualname__", None) == _IN_THREAD:
        context: Context = run.__self__  # the copy that the thread gets
        context.run(CALLERS_LOOP.set, CallersLoop(asyncio.get_running_loop(), asyncio.current_task()))
