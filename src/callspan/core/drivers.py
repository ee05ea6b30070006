"""Drivers run what can be suspended in its frame's context, step by step: coroutines and both kinds of generators."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import AsyncGeneratorType, CoroutineType
from typing import Any

from opentelemetry.context import Context

from callspan.core.context import current, put, restore
from callspan.core.dispatch import Notification
from callspan.core.event_loops import Pending
from callspan.core.frames import Frame
from callspan.core.skip import SkipSignal


def drive_generator(body: Generator[Any, Any, Any], frame: Frame) -> Generator[Any, Any, Any]:
    """Run a generator in the frame's context, step by step."""
    value: Any = None
    thrown: BaseException | None = None
    error: BaseException | None = None
    before: Context | None = None  # the caller's context, during a step
    try:
        try:
            while True:
                before = current()
                try:
                    if not frame.has_begun:
                        frame.begin()
                    elif frame.context is not None and frame.guard.active:
                        put(frame.context)
                    item = body.send(value) if thrown is None else body.throw(thrown)
                except StopIteration as stop:
                    return stop.value
                except SkipSignal as signal:
                    body, value = frame.skip(signal).generate(), None
                    continue
                finally:
                    # In most steps the context stays the same; then one call of C does.
                    leave = put if frame.is_settled and current() is frame.context else frame.leave
                    leave(before)
                    thrown = None
                before = None
                try:
                    value = yield item
                except GeneratorExit:
                    close_in(frame, body)
                    raise
                except BaseException as raised:  # noqa: BLE001 - it goes into the body
                    thrown, value = raised, None
        except BaseException as raised:
            error = raised
            raise
        finally:
            frame.close(error)
            error = thrown = None
    except BaseException as raised:
        frame.interrupted(before, raised)
        _close_quietly(frame, body)
        raise
    finally:
        del error, thrown


def close_in(frame: Frame, body: Any) -> None:
    """Close a generator, or a step, in the frame's context."""
    before = current()
    try:
        try:
            if frame.context is not None and frame.guard.active:
                put(frame.context)
            body.close()
        finally:
            frame.leave(before)
    finally:
        frame.take_away(before)


def _close_quietly(frame: Frame, body: Any) -> None:
    """Close a generator that was interrupted between two steps, so that what is open in it ends now."""
    try:
        close_in(frame, body)
    except Exception:  # noqa: BLE001 - as where a generator is collected: the interrupt is on its way
        return


def _stepper(name: str) -> Callable[..., Any]:
    """Return the method that passes one step on: `send` or `throw`. One function, so one line in a traceback."""
    is_throw = name == "throw"

    def step(self: CoroutineDriver, value: Any = None, *more: Any) -> Any:
        frame = self._frame
        frame.has_begun |= is_throw  # a body that has not begun is over before its first line, and so is what is ours
        before = current()
        try:
            try:
                if not frame.has_begun:
                    frame.begin(is_async=True)
                    if frame.start_hooks is not None:
                        self._body = _after_start_hooks(frame, self._body)
                elif frame.context is not None and frame.guard.active:
                    put(frame.context)
                return getattr(self._body, name)(value, *more)
            finally:
                leave = put if frame.is_settled and current() is frame.context else frame.leave
                leave(before)
        except BaseException as raised:
            if current() is not before:
                frame.take_away(before)
            if not self._goes_on(raised):
                raise
        return self.send(None)

    return step


class CoroutineDriver(Coroutine[Any, Any, Any]):
    """A coroutine that runs in the frame's context.

    It is no coroutine function: those would suspend with our context in place.
    """

    __slots__ = ("__weakref__", "_body", "_frame", "_is_over")
    __class__ = property(lambda self: CoroutineType)  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, body: Any, frame: Frame) -> None:
        self._body, self._frame = body, frame
        self._is_over = False  # whether all that is left is the hooks of the end

    send = __next__ = _stepper("send")
    throw = _stepper("throw")

    def close(self) -> None:
        frame = self._frame
        if frame.context is None:  # nothing of it has run
            self._body.close()
            return
        try:
            close_in(frame, self._body)
        finally:
            hooks = None if _is_alive(self._body) else frame.end(GeneratorExit())
            if hooks is not None:
                hooks.call_sync_hooks()  # nobody awaits a coroutine that is closed

    def _goes_on(self, raised: BaseException) -> bool:
        """Return whether something is still to be awaited after the body raised: then that is the body."""
        frame = self._frame
        if self._is_over:
            return False
        if type(raised) is SkipSignal and (result := frame.on_skip(raised)) is not None:
            self._body = result.report_async()
            return True
        if isinstance(raised, StopIteration):
            frame.result = raised.value
            hooks = frame.end(None)
        elif _is_alive(self._body):
            return False
        else:
            hooks = frame.end(raised)
        pending = None if hooks is None else hooks.call_hooks()
        if pending is None:
            return False
        self._body, self._is_over = _after_end_hooks(pending, raised), True
        return True

    def __await__(self) -> CoroutineDriver:
        return self

    def __iter__(self) -> CoroutineDriver:
        return self

    def __getattr__(self, name: str) -> Any:  # cr_frame, cr_await, __qualname__ ...
        if name in self.__slots__:  # not set, or not any longer
            raise AttributeError(name)
        return getattr(self._body, name)


def _is_alive(body: Any) -> bool:
    """Return whether a coroutine or async generator can go on: two steps at once are refused and change nothing."""
    return getattr(body, "ag_frame", None) is not None or getattr(body, "cr_frame", None) is not None


async def _after_start_hooks(frame: Frame, body: Any, of: Any = None) -> Any:
    """Call the hooks of the start and run the body; if they stop the call, the body is over before it began."""
    hooks, frame.start_hooks = frame.start_hooks, None
    try:
        if hooks is not None and (pending := hooks.call_hooks()) is not None:
            await pending
    except BaseException:
        body.close()
        if of is not None:
            await of.aclose()
        raise
    return await body


async def _after_end_hooks(pending: Pending, raised: BaseException) -> Any:
    """Await the hooks of the end, and end as the body did."""
    await pending
    if type(raised) is StopIteration:
        return raised.value
    raise raised


def drive_async_step(step: Any, frame: Frame, of: Any) -> Generator[Any, Any, Any]:
    """Run one step of an async generator in the frame's context."""
    # A stream has a step for each of its tokens: a generator costs less than an object with `send` and `throw`.
    value: Any = None
    thrown: BaseException | None = None
    while True:
        before = current()
        try:
            try:
                if not frame.has_begun:
                    step = _begin_generator(frame, step, of)
                elif frame.context is not None and frame.guard.active:
                    put(frame.context)
                item = step.send(value) if thrown is None else step.throw(thrown)
            except StopIteration as done:
                return done.value
            finally:
                leave = put if frame.is_settled and current() is frame.context else frame.leave
                leave(before)
                thrown = None
        except BaseException as raised:
            frame.take_away(before)
            if type(raised) is SkipSignal:
                step, value = frame.skip(raised).report_async(), None
                continue
            is_end = type(raised) is StopAsyncIteration
            yield from _await_hooks(None if _is_alive(of) else frame.end(None if is_end else raised))
            raise
        del before  # it is the caller's of this step
        try:
            value = yield item
        except GeneratorExit:
            close_in(frame, step)
            raise
        except BaseException as raised:  # noqa: BLE001 - it goes into the step
            thrown, value = raised, None


def _begin_generator(frame: Frame, step: Any, of: Any) -> Any:
    """Begin with the first step; return what takes it, which awaits the hooks of the start."""
    frame.begin(is_async=True)
    return step if frame.start_hooks is None else _after_start_hooks(frame, step, of)


def _await_hooks(hooks: Notification | None) -> Generator[Any, Any, None]:
    pending = None if hooks is None else hooks.call_hooks()
    if pending is not None:
        yield from pending.__await__()


class AsyncStep:
    """One step of an async generator: awaiting it runs `drive_async_step`, and `asyncio` makes a task of it.

    A generator alone, even one of `types.coroutine`, is no coroutine for `asyncio.create_task` since Python 3.12.
    """

    __slots__ = ("__await__", "__weakref__")

    __await__: Any  # the driver's `__iter__`: so `await` reaches the driver in C

    def send(self, value: Any) -> Any:
        return self.__await__().send(value)

    def throw(self, *args: Any) -> Any:
        return self.__await__().throw(*args)

    def close(self) -> None:
        self.__await__().close()


class AsyncGeneratorDriver(AsyncGenerator[Any, Any]):
    """Runs an async generator in the frame's context, step by step.

    It is no async generator itself: the event loop closes all those it has seen when it shuts down, and two nested
    ones would be closed at once and collide. The user's stays the only one.
    """

    __slots__ = ("__weakref__", "_body", "_frame")
    __class__ = property(lambda self: AsyncGeneratorType)  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, body: Any, frame: Frame) -> None:
        self._body, self._frame = body, frame

    def __del__(self, _current: Any = current, _put: Any = put, _restore: Any = restore) -> None:
        """Drop the body in its own context: the event loop's closing of it takes the current one along."""
        if self._frame.context is None or getattr(self._body, "ag_frame", None) is None:
            return
        before = _current()
        try:
            _put(self._frame.context)
            del self._body
        finally:
            _restore(before)

    def __aiter__(self) -> AsyncGeneratorDriver:
        return self

    def __anext__(self) -> Any:
        step = AsyncStep()  # as `_step` does, with a call less for each chunk
        step.__await__ = drive_async_step(self._body.__anext__(), self._frame, self._body).__iter__
        return step

    def asend(self, value: Any) -> Any:
        return self._step(self._body.asend(value))

    def athrow(self, *args: Any) -> Any:
        self._frame.has_begun = True  # as for a coroutine; so is it when it is closed
        return self._step(self._body.athrow(*args))

    async def aclose(self) -> None:
        self._frame.has_begun = True
        await self._step(self._body.aclose())
        hooks = self._frame.end(GeneratorExit())
        if hooks is not None and (pending := hooks.call_hooks()) is not None:
            await pending

    def _step(self, inner: Any) -> Any:
        step = AsyncStep()
        step.__await__ = drive_async_step(inner, self._frame, self._body).__iter__
        return step

    def __getattr__(self, name: str) -> Any:  # ag_frame, ag_running, __qualname__ ...
        if name in self.__slots__:  # not set, or not any longer
            raise AttributeError(name)
        return getattr(self._body, name)
