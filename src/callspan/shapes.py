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

from callspan.frame import Frame, Opener, Watch
from callspan.settling import Pending, Surely, Told, settle
from callspan.skipping import Answer, Answered
from callspan.steps import AsyncDriver, Steps, drive, tell

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""What wrapt calls: `wrapper(wrapped, instance, args, kwargs)`."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A plain function to stand for the original; it calls its own `__wrapped__`, wherever that comes from."""

    function: Any


Weave = Callable[[Callable[..., Any], Watch], "Wrapper | Replacement"]
"""Makes what stands around one callable, given the callable and who watches over our code."""


def before(hook: Callable[..., Any]) -> Weave:
    """Call `hook(args, kwargs)` when the callable is called, whatever its shape: the call counts, not the await.

    Who is to hear what the hook noted hears it next, and may stop the call.
    """

    def weave(original: Callable[..., Any], watch: Watch) -> Wrapper | Replacement:
        def function(*args: Any, **kwargs: Any) -> Any:
            told: Told | None = None
            if watch.active:
                try:
                    told = hook(args, kwargs)
                except Exception as error:  # noqa: BLE001 - our code around the user's call
                    watch.failed(error)
            if told is not None:
                settle(told.go())
            return ours.__wrapped__(*args, **kwargs)

        def wrapper(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            told: Told | None = watch.run(hook, args, kwargs)
            if told is None:
                return wrapped(*args, **kwargs)
            try:
                pending = told.go()
            except BaseException as stop:  # noqa: BLE001 - raised where the caller awaits us
                return _raising(stop)
            return wrapped(*args, **kwargs) if pending is None else Surely(and_then(pending, wrapped, args, kwargs))

        ours: Any = function
        return Replacement(function) if _is_plain(original) else wrapper

    return weave


def after(hook: Callable[..., Any]) -> Weave:
    """Call `hook(args, kwargs, result)` once a function, or a coroutine function, has its result.

    Who is to hear what the hook noted hears it next, and may stop the call.
    """

    def weave(original: Callable[..., Any], watch: Watch) -> Wrapper | Replacement:
        def function(*args: Any, **kwargs: Any) -> Any:
            result = ours.__wrapped__(*args, **kwargs)
            told: Told | None = None
            if watch.active:
                try:
                    told = hook(args, kwargs, result)
                except Exception as error:  # noqa: BLE001 - our code around the user's call
                    watch.failed(error)
            if told is not None:
                settle(told.go())
            return result

        async def coroutine(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            result = await wrapped(*args, **kwargs)
            told: Told | None = watch.run(hook, args, kwargs, result)
            if told is not None and (pending := told.go()) is not None:
                await pending
            return result

        if inspect.iscoroutinefunction(inspect.unwrap(original)):
            return coroutine
        ours: Any = function
        return Replacement(function)

    return weave


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
        token = frame.enter()
        try:
            answer: Answer | None = None
            try:
                if frame.told is not None:
                    tell(frame)
                result = ours.__wrapped__(*args, **kwargs)
            except Answered as answered:
                result, answer = None, frame.instead(answered)
                if answer is None:
                    raise
            if answer is not None:
                result = answer.told()
        except BaseException as error:
            frame.finish(token, error)
            raise
        # A plain function may hand on what another one's coroutine function gave it: the body is still to come.
        if type(result) is CoroutineType:
            frame.leave(token)
            return Steps(result, frame)
        frame.result = result
        frame.finish(token, None)
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
        frame.holds(body)
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
        frame.holds(body)
        return AsyncDriver(body, frame)

    return wrapper
