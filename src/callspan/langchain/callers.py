"""Which frame of LangChain's announces a run or its end, and which event loop awaits a function in a thread."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextvars import Context
from types import CodeType, FrameType, GeneratorType
from typing import Any

from callspan.core.dispatch import subscriptions
from callspan.core.event_loops import CALLERS_LOOP, CallersLoop
from callspan.core.frames import PatchGuard
from callspan.core.wrappers import Wrapper

# How far above a start its scope's own code stands: a list comprehension or a `_start` method lies between.
_NEAR = 3

# How far above a start, or a `generate`, the `invoke` stands that has the config: a frame of ours lies between, and
# `generate_prompt`.
_NEAR_CALL = 4

_CALLED = frozenset({"invoke", "ainvoke", "batch", "abatch"})

# What LangChain's `run_in_executor` runs in a thread.
_IN_THREAD = "run_in_executor.<locals>.wrapper"


def _caller() -> FrameType | None:
    """Return the frame that called our code."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and str(frame.f_globals.get("__name__")).startswith("callspan."):
        frame = frame.f_back
    return frame


def is_started_by(code: CodeType | None) -> bool:
    """Return whether the run that is being announced is started by this code itself, not by something it calls."""
    frame: FrameType | None = _caller()
    for _ in range(_NEAR):
        if frame is None or frame.f_code is code:
            return frame is not None
        frame = frame.f_back
    return False


def half_read() -> GeneratorType[Any, Any, Any] | None:
    """Return what the stream whose end is being announced was reading from, if its consumer did not want the rest.

    A synchronous transform swallows the `GeneratorExit` and reports what it has so far as its result: what tells is
    that the generator it reads from is still in the middle.
    """
    frame = _caller()
    if frame is None or frame.f_code.co_name != "_transform_stream_with_config":
        return None
    steps = frame.f_locals.get("iterator")
    return None if getattr(steps, "gi_frame", None) is None else steps


def close_steps(steps: GeneratorType[Any, Any, Any]) -> None:
    """Close the steps of a chain that was closed, if LangChain made them: their runs end before that of the chain.

    LangChain drops them as soon as it has announced the end of the chain, and nobody else holds them. Only then are
    they closed: models end, and a step behind a model reads it to its end. A root's totals would miss all that.
    """
    frame = steps.gi_frame
    if frame is not None and str(frame.f_globals.get("__name__")).startswith("langchain_core.runnables."):
        next(_until_dropped(steps))


def _until_dropped(steps: GeneratorType[Any, Any, Any]) -> Iterator[None]:
    """Close the steps when this is dropped: Python then reports and drops what they raise, as it does without us."""
    try:
        yield
    finally:
        steps.close()


def is_event_stream() -> bool:
    """Return whether this is the task in which `astream_events` streams: it is cancelled when the reader leaves."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and getattr(task.get_coro(), "__name__", None) == "consume_astream"


def calling_config() -> Any:
    """Return the config of the `invoke` or `batch` that called us, or a list of them, or None."""
    frame: FrameType | None = sys._getframe(3)  # the first three are always ours
    for _ in range(_NEAR_CALL):
        if frame is None:
            break
        if frame.f_code.co_name in _CALLED:
            module = str(frame.f_globals.get("__name__"))
            if module.startswith(("langchain", "langgraph")):
                return frame.f_locals.get("config")
        frame = frame.f_back
    return None


def loop_noted(original: Callable[..., Any], guard: PatchGuard) -> Wrapper:
    """Wrap the `partial` with which `run_in_executor` makes what its thread executes: note the caller's event loop.

    `run_in_executor` itself cannot be wrapped: others import it by name, and LangGraph knows it by its identity.
    """

    def wrapper(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if subscriptions.callback_class is not None:  # else there are no callbacks
            guard.call_safely(_note, args)
        return wrapped(*args, **kwargs)

    return wrapper


def _note(args: tuple[Any, ...]) -> None:
    run, function, *_ = args
    if getattr(function, "__qualname__", None) == _IN_THREAD:
        context: Context = run.__self__  # the copy that the thread gets
        context.run(CALLERS_LOOP.set, CallersLoop(asyncio.get_running_loop(), asyncio.current_task()))
