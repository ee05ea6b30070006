"""The four shapes of a call, each once: function, coroutine, generator, async generator.

Around each of them a `Frame` may stand, and before or after a call a hook. A wrapper has one frame in a traceback.

What replaces a plain function is a plain function: it costs a quarter of a wrapper object, and whoever asks finds what
was there. A wrapper object (`Wrapper`) stands where only that keeps the kind: a function cannot both count the call and
be a coroutine function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, CoroutineType
from typing import Any

from callspan.core.context import current
from callspan.core.dispatch import Notification
from callspan.core.event_loops import Pending, StartsBeforeCancel, run_sync
from callspan.core.frame import Frame, Opener, Watch
from callspan.core.skip import SkipSignal
from callspan.core.steps import AsyncDriver, Steps, drive, tell

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""What wrapt calls: `wrapper(wrapped, instance, args, kwargs)`."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A plain function to stand for the original; it calls its own `__wrapped__`, wherever that comes from."""

    function: Any


CutShort = Callable[[Any, BaseException], None]
"""Ends runs that nobody else will end: those of the run managers it is given, with the exception that came."""

Weave = Callable[[Callable[..., Any], Watch], "Wrapper | Replacement"]
"""Makes what stands around one callable, given the callable and who watches over our code."""


def before(hook: Callable[..., Any], cut_short: CutShort | None = None) -> Weave:
    """Call `hook(args, kwargs)` when the callable is called, whatever its shape: the call counts, not the await.

    Who is to hear what the hook noted hears it next, and may stop the call.

    Args:
        hook: What is called.
        cut_short: Ends what the hook did not end because an exception came out of it, or out of who heard it.
    """

    def weave(original: Callable[..., Any], watch: Watch) -> Wrapper | Replacement:
        def function(*args: Any, **kwargs: Any) -> Any:
            told: Notification | None = None
            try:
                if watch.active:
                    try:
                        told = hook(args, kwargs)
                    except Exception as error:  # noqa: BLE001 - our code around the user's call
                        watch.failed(error)
                if told is not None:
                    run_sync(told.call_hooks())
            except BaseException as error:
                _interrupted(told, cut_short, args[0], error)
                raise
            return ours.__wrapped__(*args, **kwargs)

        def wrapper(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            told: Notification | None = None
            try:
                told = watch.run(hook, args, kwargs)
                pending = None if told is None else told.call_hooks()
            except BaseException as stop:  # noqa: BLE001 - raised where the caller awaits us
                _interrupted(told, cut_short, args[0], stop)
                return _raising(stop)
            return (
                wrapped(*args, **kwargs)
                if pending is None
                else StartsBeforeCancel(and_then(pending, wrapped, args, kwargs))
            )

        ours: Any = function
        return Replacement(function) if _is_plain(original) else wrapper

    return weave


def after(hook: Callable[..., Any], cut_short: CutShort | None = None) -> Weave:
    """Call `hook(args, kwargs, result)` once a function, or a coroutine function, has its result.

    Who is to hear what the hook noted hears it next, and may stop the call.

    Args:
        hook: What is called.
        cut_short: Ends what the hook started, if an exception keeps the result from the caller.
    """

    def weave(original: Callable[..., Any], watch: Watch) -> Wrapper | Replacement:
        def function(*args: Any, **kwargs: Any) -> Any:
            result: Any = None
            told: Notification | None = None
            try:
                result = ours.__wrapped__(*args, **kwargs)
                if watch.active:
                    try:
                        told = hook(args, kwargs, result)
                    except Exception as error:  # noqa: BLE001 - our code around the user's call
                        watch.failed(error)
                if told is not None:
                    run_sync(told.call_hooks())
                return result
            except BaseException as error:
                _interrupted(told, cut_short, result, error)
                raise

        if inspect.iscoroutinefunction(inspect.unwrap(original)):
            return _after_coroutine(hook, cut_short, watch)
        ours: Any = function
        return Replacement(function)

    return weave


def _after_coroutine(hook: Callable[..., Any], cut_short: CutShort | None, watch: Watch) -> Wrapper:
    async def coroutine(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        result: Any = None
        told: Notification | None = None
        try:
            result = await wrapped(*args, **kwargs)
            told = watch.run(hook, args, kwargs, result)
            if told is not None and (pending := told.call_hooks()) is not None:
                await pending
            return result
        except BaseException as error:
            _interrupted(told, cut_short, result, error)
            raise

    return coroutine


def _interrupted(told: Notification | None, cut_short: CutShort | None, what: Any, error: BaseException) -> None:
    """Do what is left to do when an exception comes out of a hook of ours, or out of who is told of it."""
    if type(error) is SkipSignal:  # it is on its way to the frame that answers
        return
    if told is not None:
        told.call_rest_quietly()
    if cut_short is not None and what is not None:
        cut_short(what, error)


def around(opener: Opener) -> Weave:
    """Stand a frame around each call, in the shape that the wrapped callable has."""

    def weave(original: Callable[..., Any], watch: Watch) -> Wrapper | Replacement:
        innermost = inspect.unwrap(original)  # a plain decorator around a generator function is none itself
        code: CodeType | None = getattr(innermost, "__code__", None)

        def opened(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame | None:
            frame: Frame | None = watch.run(opener, args, kwargs)
            if frame is not None:
                frame.prepare(watch, code)
            return frame

        if inspect.isasyncgenfunction(innermost):
            return _async_generator(opened)
        if inspect.isgeneratorfunction(innermost):
            return _generator(opened)
        if inspect.iscoroutinefunction(innermost):
            return _coroutine(opened)
        return _function(opened)

    return weave


async def _raising(stop: BaseException) -> Any:
    raise stop


async def and_then(pending: Pending, wrapped: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Await who hears the call, and make it."""
    await pending
    return await wrapped(*args, **kwargs)


def _is_plain(original: Callable[..., Any]) -> bool:
    """Tell whether calling it is all there is: nothing of it is suspended."""
    kinds = (inspect.isasyncgenfunction, inspect.isgeneratorfunction, inspect.iscoroutinefunction)
    return not any(is_kind(function) for is_kind in kinds for function in (original, inspect.unwrap(original)))


def _function(opened: Opener) -> Replacement:
    def function(*args: Any, **kwargs: Any) -> Any:
        frame = opened(args, kwargs)
        if frame is None:
            return ours.__wrapped__(*args, **kwargs)
        before = current()
        try:
            try:  # no further `try` inside: an exception at its line would pass by those around it (CPython 3.11)
                frame.enter()
                if frame.told is not None:
                    tell(frame)
                result = ours.__wrapped__(*args, **kwargs)
            except SkipSignal as answered:
                if (answer := frame.instead(answered)) is None:
                    raise
                result = answer.report()
            except BaseException as error:
                frame.finish(before, error)
                raise
            # A plain function may hand on what another one's coroutine function gave it: the body is still to come.
            if type(result) is CoroutineType:
                frame.leave(before)
                return Steps(result, frame)
            frame.result = result
            frame.finish(before, None)
        except BaseException as error:
            frame.interrupted(before, error)
            raise
        return result

    ours: Any = function
    return Replacement(function)


def _coroutine(opened: Opener) -> Wrapper:
    def wrapper(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        frame = opened(args, kwargs)
        body = wrapped(*args, **kwargs)
        if frame is None or not inspect.iscoroutine(body):
            return body
        return Steps(body, frame)

    return wrapper


def _generator(opened: Opener) -> Wrapper:
    def wrapper(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        frame = opened(args, kwargs)
        body = wrapped(*args, **kwargs)
        if frame is None or not inspect.isgenerator(body):
            return body
        frame.watch.run(frame.holds, body)
        driver: Any = drive(body, frame)
        driver.__name__, driver.__qualname__ = body.__name__, body.__qualname__
        return driver

    return wrapper


def _async_generator(opened: Opener) -> Wrapper:
    def wrapper(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        frame = opened(args, kwargs)
        body = wrapped(*args, **kwargs)
        if frame is None or not inspect.isasyncgen(body):
            return body
        frame.watch.run(frame.holds, body)
        return AsyncDriver(body, frame)

    return wrapper
