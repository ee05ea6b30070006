"""Calls that are suspended, run in a frame's context step by step: coroutines and both kinds of generators."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import AsyncGeneratorType, CoroutineType, coroutine
from typing import Any

from opentelemetry.context import Context

from callspan.core.context import current, put, restore
from callspan.core.dispatch import Notification
from callspan.core.event_loops import Pending, run_sync
from callspan.core.frame import Frame
from callspan.core.skip import SkipSignal


def drive(body: Generator[Any, Any, Any], frame: Frame) -> Generator[Any, Any, Any]:
    """Run a generator in the frame's context, step by step."""
    send, value, thrown, error = body.send, None, None, None
    before: Context | None = None  # the caller's context, during a step
    try:
        try:
            while True:
                before = current()
                try:
                    frame.enter()
                    if frame.told is not None:
                        tell(frame)
                    item = send(value) if thrown is None else body.throw(thrown)
                except StopIteration as stop:
                    return stop.value
                except SkipSignal as answered:
                    if (answer := frame.instead(answered)) is None:
                        raise
                    body = answer.generate()
                    send, value = body.send, None
                    continue
                finally:
                    frame.leave(before)
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
            run_sync(frame.close(error))
            error = thrown = None
    except BaseException as raised:
        frame.interrupted(before, raised)
        _let_go(frame, body)
        raise
    finally:
        del error, thrown


def close_in(frame: Frame, body: Any) -> None:
    """Close a generator, or a step, in the frame's context."""
    before = current()
    try:
        try:
            frame.enter()
            body.close()
        finally:
            frame.leave(before)
    finally:
        frame.take_away(before)


def _let_go(frame: Frame, body: Any) -> None:
    """Close a generator that was interrupted between two steps, so that what is open in it ends now."""
    try:
        close_in(frame, body)
    except Exception:  # noqa: BLE001 - as where a generator is collected: the interrupt is on its way
        return


def tell(frame: Frame) -> None:
    """Let the start of the frame's own run be heard, where nothing can be awaited."""
    told, frame.told = frame.told, None
    if told is not None:
        run_sync(told.call_hooks())


async def _begun(told: Notification, body: Any, of: Any) -> Any:
    """Let the start of the frame's own run be heard, and run the body; if it is stopped, that is over unbegun."""
    try:
        if (pending := told.call_hooks()) is not None:
            await pending
    except BaseException:
        body.close()
        if of is not None:
            await of.aclose()
        raise
    return await body


async def _ended(pending: Pending, raised: BaseException) -> Any:
    """Await who hears the end, and end as the body did."""
    await pending
    if type(raised) is StopIteration:
        return raised.value
    raise raised


def _stepper(name: str) -> Callable[..., Any]:
    """Make the method that passes one step on: `send` or `throw`. One function, so one line in a traceback."""

    def step(self: Steps, *args: Any) -> Any:
        frame = self._frame
        if name == "throw":
            frame.begun = True  # if it has not begun, the body is over before its first line, and so is what is ours
        before = current()
        try:
            try:
                frame.enter()
                if frame.told is not None:
                    told, frame.told = frame.told, None
                    self._body = _begun(told, self._body, self._of)
                item = getattr(self._body, name)(*args)
            except BaseException as raised:
                frame.leave(before)
                answer = frame.instead(raised) if type(raised) is SkipSignal else None
                if answer is not None:
                    self._body = answer.report_async()
                else:
                    over, error = self._verdict(raised)
                    pending = frame.close(error) if over else None
                    del error
                    if pending is None:
                        raise
                    self._body, self._told = _ended(pending, raised), True
            else:
                frame.leave(before)
                return item
        except BaseException:
            frame.take_away(before)
            raise
        return self.send(None)

    return step


class Steps(Coroutine[Any, Any, Any]):
    """A coroutine, or one step of an async generator, that runs in the frame's context.

    It is no coroutine function: those would suspend with our context in place.

    Args:
        body: What is awaited.
        frame: The frame around it.
        of: The async generator whose step it is, if it is one.
        ending: What closed the generator, if this step closes it.
    """

    __slots__ = ("__weakref__", "_body", "_ending", "_frame", "_of", "_told")
    __class__ = property(lambda self: CoroutineType)  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, body: Any, frame: Frame, *, of: Any = None, ending: BaseException | None = None) -> None:
        self._body, self._frame, self._of, self._ending = body, frame, of, ending
        self._told = False  # whether all that is left is to be heard

    send = _stepper("send")
    throw = _stepper("throw")

    def close(self) -> None:
        frame = self._frame
        if frame.context is None:  # nothing of it has run
            self._body.close()
            return
        try:
            close_in(frame, self._body)
        finally:
            if self._of is None and self._is_over():
                frame.close_now(GeneratorExit())  # nobody awaits a coroutine that is closed

    def _verdict(self, raised: BaseException) -> tuple[bool, BaseException | None]:
        """Tell whether the body is over, and with which exception."""
        if self._told:
            return False, None
        if type(raised) is StopIteration:
            self._frame.result = raised.value
            return self._of is None or self._ending is not None, self._ending
        if type(raised) is StopAsyncIteration:
            return True, None
        return self._is_over(), raised

    def _is_over(self) -> bool:
        """Tell whether the body will not go on: two steps at once are refused, and leave it as it was."""
        if self._of is None:
            return getattr(self._body, "cr_frame", None) is None
        return getattr(self._of, "ag_frame", None) is None

    def __await__(self) -> Steps:
        if self._of is None and not isinstance(self._body, CoroutineType):
            self._body = self._body.__await__()
        return self

    def __iter__(self) -> Steps:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def __getattr__(self, name: str) -> Any:  # cr_frame, cr_await, __qualname__ ...
        if name in self.__slots__:  # not set, or not any longer
            raise AttributeError(name)
        return getattr(self._body, name)


@coroutine
def one_step(step: Any, frame: Frame, of: Any) -> Generator[Any, Any, Any]:
    """Run one step of an async generator in the frame's context: as `Steps` does, at half the price.

    A stream has a step for each of its tokens.

    Args:
        step: What is awaited.
        frame: The frame around the generator.
        of: The async generator.
    """
    value: Any = None
    thrown: BaseException | None = None
    while True:
        before = current()
        pending = None
        try:
            try:
                frame.enter()
                item = step.send(value) if thrown is None else step.throw(thrown)
            except StopIteration as done:
                frame.leave(before)
                return done.value
            except BaseException as raised:
                frame.leave(before)
                thrown = None
                if type(raised) is StopAsyncIteration:
                    pending = frame.close(None)
                elif getattr(of, "ag_frame", None) is None:  # two steps at once are refused, and leave it as it was
                    pending = frame.close(raised)
                raise
            frame.leave(before)
        except BaseException:
            frame.take_away(before)
            if pending is not None:
                yield from pending
            raise
        thrown = None
        del before  # it is the caller's of this step
        try:
            value = yield item
        except GeneratorExit:
            close_in(frame, step)
            raise
        except BaseException as raised:  # noqa: BLE001 - it goes into the step
            thrown, value = raised, None


class AsyncDriver(AsyncGenerator[Any, Any]):
    """Runs an async generator in the frame's context, step by step.

    It is no async generator itself: the event loop closes all those it has seen when it shuts down, and two nested
    ones would be closed at once and collide. The user's stays the only one.
    """

    __slots__ = ("__weakref__", "_body", "_frame")
    __class__ = property(lambda self: AsyncGeneratorType)  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, body: Any, frame: Frame) -> None:
        self._body, self._frame = body, frame

    def __del__(self, _current: Any = current, _put: Any = put, _restore: Any = restore) -> None:
        """Let go of the body in its own context: the event loop's closing of it takes the current one along."""
        if self._frame.context is None or getattr(self._body, "ag_frame", None) is None:
            return
        before = _current()
        try:
            _put(self._frame.context)
            del self._body
        finally:
            _restore(before)

    def __aiter__(self) -> AsyncDriver:
        return self

    def __anext__(self) -> Any:
        return self.asend(None)

    def asend(self, value: Any) -> Any:
        step = self._body.asend(value)
        if not self._frame.begun:  # somebody may hear the start, and be awaited
            return Steps(step, self._frame, of=self._body)
        return one_step(step, self._frame, self._body)

    def athrow(self, *args: Any) -> Coroutine[Any, Any, Any]:
        self._frame.begun = True  # as for a coroutine; likewise when it is closed
        return Steps(self._body.athrow(*args), self._frame, of=self._body)

    def aclose(self) -> Coroutine[Any, Any, Any]:
        self._frame.begun = True
        return Steps(self._body.aclose(), self._frame, of=self._body, ending=GeneratorExit())

    def __getattr__(self, name: str) -> Any:  # ag_frame, ag_running, __qualname__ ...
        if name in self.__slots__:  # not set, or not any longer
            raise AttributeError(name)
        return getattr(self._body, name)
