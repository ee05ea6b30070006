"""What stands around a callable: hooks before or after it, or a frame around its body, in each of the four shapes.

A plain function is replaced by a plain function: it costs a quarter of a wrapper object, and whoever inspects it finds
what was there. A wrapper object (`Wrapper`) stands where only that keeps the kind: a function cannot both do its work
at the call and be a coroutine function. Each has one frame in a traceback.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import AsyncGeneratorType, CodeType, CoroutineType, GeneratorType
from typing import Any

from callspan.core.context import current, put, restore
from callspan.core.dispatch import Notification
from callspan.core.drivers import AsyncGeneratorDriver, CoroutineDriver, drive_generator
from callspan.core.event_loops import Pending, StartsBeforeCancel, run_sync
from callspan.core.frames import Frame, Opener, PatchGuard
from callspan.core.skip import SkipResult, SkipSignal

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""What wrapt calls: `wrapper(wrapped, instance, args, kwargs)`."""


@dataclass(frozen=True, slots=True)
class PlainFunction:
    """A plain function to stand for the original; it calls its own `__wrapped__`, wherever that comes from."""

    function: Any


CutShort = Callable[[Any, BaseException], None]
"""Ends the runs of these run managers, which nobody else will end, with the exception that came."""

WrapperFactory = Callable[[Callable[..., Any], PatchGuard], "Wrapper | PlainFunction"]
"""Makes what stands around one callable, given the callable and the guard of our code."""


# Before and after a call -----------------------------------------------------------------------------------------


def call_before(hook: Callable[..., Any], cut_short: CutShort | None = None) -> WrapperFactory:
    """Call `hook(args, kwargs)` when the callable is called, and then the hooks of users that it returned.

    The call counts, not the await. If an exception comes out of them, `cut_short` ends what they did not end.
    """

    def factory(original: Callable[..., Any], guard: PatchGuard) -> Wrapper | PlainFunction:
        return _before_function(hook, cut_short, guard) if _is_plain(original) else _before(hook, cut_short, guard)

    return factory


def _before_function(hook: Callable[..., Any], cut_short: CutShort | None, guard: PatchGuard) -> PlainFunction:
    def function(*args: Any, **kwargs: Any) -> Any:
        hooks: Notification | None = None
        try:
            if guard.active:
                try:
                    hooks = hook(args, kwargs)
                except Exception as error:  # noqa: BLE001 - our code around the user's call
                    guard.log(error)
            if hooks is not None:
                run_sync(hooks.call_hooks())
        except BaseException as error:
            _interrupted(hooks, cut_short, args[0], error)
            raise
        return ours.__wrapped__(*args, **kwargs)

    ours: Any = function
    return PlainFunction(function)


def _before(hook: Callable[..., Any], cut_short: CutShort | None, guard: PatchGuard) -> Wrapper:
    def wrapper(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        hooks: Notification | None = None
        pending: Pending | None = None
        try:
            if guard.active:
                try:
                    hooks = hook(args, kwargs)
                except Exception as error:  # noqa: BLE001 - our code around the user's call
                    guard.log(error)
            if hooks is not None:
                pending = hooks.call_hooks()
        except BaseException as stop:  # noqa: BLE001 - raised where the caller awaits us
            _interrupted(hooks, cut_short, args[0], stop)
            return _raising(stop)
        if pending is None:
            return wrapped(*args, **kwargs)
        return StartsBeforeCancel(and_then(pending, wrapped, args, kwargs))

    return wrapper


async def _raising(stop: BaseException) -> Any:
    raise stop


async def and_then(pending: Pending, wrapped: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Await the hooks, and make the call."""
    await pending
    return await wrapped(*args, **kwargs)


def call_after(hook: Callable[..., Any], cut_short: CutShort | None = None) -> WrapperFactory:
    """Call `hook(args, kwargs, result)` once a call or an await has its result, and then the hooks that it returned.

    If an exception keeps the result from the caller, `cut_short` ends what the hook started.
    """

    def factory(original: Callable[..., Any], guard: PatchGuard) -> Wrapper | PlainFunction:
        if inspect.iscoroutinefunction(inspect.unwrap(original)):
            return _after_coroutine(hook, cut_short, guard)
        return _after_function(hook, cut_short, guard)

    return factory


def _after_function(hook: Callable[..., Any], cut_short: CutShort | None, guard: PatchGuard) -> PlainFunction:
    def function(*args: Any, **kwargs: Any) -> Any:
        result: Any = None
        hooks: Notification | None = None
        try:
            result = ours.__wrapped__(*args, **kwargs)
            if guard.active:
                try:
                    hooks = hook(args, kwargs, result)
                except Exception as error:  # noqa: BLE001 - our code around the user's call
                    guard.log(error)
            if hooks is not None:
                run_sync(hooks.call_hooks())
            return result
        except BaseException as error:
            _interrupted(hooks, cut_short, result, error)
            raise

    ours: Any = function
    return PlainFunction(function)


def _after_coroutine(hook: Callable[..., Any], cut_short: CutShort | None, guard: PatchGuard) -> PlainFunction:
    async def function(*args: Any, **kwargs: Any) -> Any:
        result: Any = None
        hooks: Notification | None = None
        try:
            result = await ours.__wrapped__(*args, **kwargs)
            if guard.active:
                try:
                    hooks = hook(args, kwargs, result)
                except Exception as error:  # noqa: BLE001 - our code around the user's call
                    guard.log(error)
            if hooks is not None and (pending := hooks.call_hooks()) is not None:
                await pending
            return result
        except BaseException as error:
            _interrupted(hooks, cut_short, result, error)
            raise

    ours: Any = function
    return PlainFunction(function)


def _interrupted(hooks: Notification | None, cut_short: CutShort | None, what: Any, error: BaseException) -> None:
    """Do what is left to do when an exception comes out of a hook of ours, or of the users' hooks it returned."""
    if type(error) is SkipSignal:  # it is on its way to the frame of the call
        return
    if hooks is not None:
        hooks.call_rest_quietly()
    if cut_short is not None and what is not None:
        cut_short(what, error)


def _is_plain(original: Callable[..., Any]) -> bool:
    """Return whether the callable runs to its end when it is called: nothing of it is suspended."""
    kinds = (inspect.isasyncgenfunction, inspect.isgeneratorfunction, inspect.iscoroutinefunction)
    return not any(is_kind(function) for is_kind in kinds for function in (original, inspect.unwrap(original)))


# Around a body ---------------------------------------------------------------------------------------------------


def wrap_body(opener: Opener) -> WrapperFactory:
    """Put a frame around each call, in the shape that the wrapped callable has."""

    def factory(original: Callable[..., Any], guard: PatchGuard) -> Wrapper | PlainFunction:
        innermost = inspect.unwrap(original)  # a plain decorator around a generator function is none itself
        code: CodeType | None = getattr(innermost, "__code__", None)
        if inspect.isasyncgenfunction(innermost):
            return _suspended(opener, guard, code, AsyncGeneratorType, _drive_async_generator)
        if inspect.isgeneratorfunction(innermost):
            return _suspended(opener, guard, code, GeneratorType, _drive_generator)
        if inspect.iscoroutinefunction(innermost):
            return _suspended(opener, guard, code, CoroutineType, CoroutineDriver)
        return _function(opener, guard, code)

    return factory


def _function(opener: Opener, guard: PatchGuard, code: CodeType | None) -> PlainFunction:
    def function(*args: Any, **kwargs: Any) -> Any:
        frame: Frame | None = None
        if guard.active:
            try:
                frame = opener(args, kwargs)
            except Exception as error:  # noqa: BLE001 - our code around the user's call
                guard.log(error)
        if frame is None:
            return ours.__wrapped__(*args, **kwargs)
        frame.guard, frame.code, before = guard, code, current()
        try:
            try:  # no further `try` inside: an exception at its line would pass by those around it (CPython 3.11)
                frame.begin()
                result = ours.__wrapped__(*args, **kwargs)
            except SkipSignal as signal:
                result = frame.skip(signal).report()
            except BaseException as error:
                frame.close(error, before)
                raise
            # A plain function may return what another one's coroutine function gave it: the body is still to come.
            if type(result) is CoroutineType:
                frame.leave(before)
                return CoroutineDriver(result, frame)
            frame.result = result
            hooks = frame.end(None, before)
            if hooks is not None:
                run_sync(hooks.call_hooks())
        except BaseException as error:
            frame.interrupted(before, error)
            raise
        return result

    ours: Any = function
    return PlainFunction(function)


def wrap_function(
    enter: Callable[..., Any], leave: Callable[[Any, Any, BaseException | None], Notification | None]
) -> WrapperFactory:
    """Put a context around the body of a plain function, with two functions instead of a frame.

    `enter(args, kwargs, before)` returns what is entered and the context of the body, or None where there is nothing to
    do. What is entered is a `SkipResult` if the call is answered without being made. `leave(entered, result, error)`
    returns the hooks to call. After an interrupt it is called again.
    """

    def factory(original: Callable[..., Any], guard: PatchGuard) -> PlainFunction:
        def function(*args: Any, **kwargs: Any) -> Any:
            before, opened, hooks = current(), None, None
            if guard.active:
                try:
                    opened = enter(args, kwargs, before)
                except Exception as error:  # noqa: BLE001 - our code around the user's call
                    guard.log(error)
            if opened is None:
                return ours.__wrapped__(*args, **kwargs)
            entered, context = opened
            if type(entered) is SkipResult:
                return entered.report()
            try:
                try:  # no further `try` inside, as above
                    put(context)
                    result = ours.__wrapped__(*args, **kwargs)
                    put(before)
                    hooks = guard.call_safely(leave, entered, result, None)
                except BaseException as error:
                    restore(before)
                    hooks = guard.call_safely(leave, entered, None, error)
                    if hooks is not None:
                        run_sync(hooks.call_hooks())
                    raise
                if hooks is not None:
                    run_sync(hooks.call_hooks())
            except BaseException as error:
                restore(before)
                hooks = guard.call_safely(leave, entered, None, error) if hooks is None else hooks
                if hooks is not None:
                    hooks.call_rest_quietly()
                raise
            return result

        ours: Any = function
        return PlainFunction(function)

    return factory


def _suspended(
    opener: Opener, guard: PatchGuard, code: CodeType | None, kind: type, drive: Callable[[Any, Frame], Any]
) -> Wrapper:
    """Return the wrapper of a callable whose call returns a body of this kind, which runs later."""

    def wrapper(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        frame: Frame | None = None
        if guard.active:
            try:
                frame = opener(args, kwargs)
            except Exception as error:  # noqa: BLE001 - our code around the user's call
                guard.log(error)
        body = wrapped(*args, **kwargs)
        if frame is None or not isinstance(body, kind):
            return body
        frame.guard, frame.code = guard, code
        return drive(body, frame)

    return wrapper


def _drive_generator(body: Any, frame: Frame) -> Any:
    frame.guard.call_safely(frame.on_body, body)
    driver: Any = drive_generator(body, frame)
    driver.__name__, driver.__qualname__ = body.__name__, body.__qualname__
    return driver


def _drive_async_generator(body: Any, frame: Frame) -> Any:
    frame.guard.call_safely(frame.on_body, body)
    return AsyncGeneratorDriver(body, frame)
