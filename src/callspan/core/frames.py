"""What stands around one call: a context of its own, current only while the call's body runs.

A function is entered and left once. What can be suspended is entered and left **at each step**: no context token
crosses a suspension, whoever resumes the call and wherever, and between two steps the caller's context is untouched.

Ctrl-C and timers raise between any two lines, also between two of ours. So whoever enters a frame remembers the
caller's context *before* (`current`), and puts exactly that back (`restore`) on every way out. Each clean-up stands
inside a second `try`, whose handler repeats it: one exception cannot hit both, and repeating does no harm. Both begin
before anything is done: in CPython 3.11 an exception at the line of an inner `try:` passes by the outer handlers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import AsyncGeneratorType, CodeType, CoroutineType, coroutine
from typing import Any

from opentelemetry.context import Context

from callspan.core import state
from callspan.core.context import current, put, restore
from callspan.core.dispatch import Notification
from callspan.core.event_loops import Pending, run_sync
from callspan.core.skip import SkipResult, SkipSignal


class PatchGuard:
    """Keeps our code around one patch from breaking the user's call: a failure is logged once.

    Args:
        where: What is patched, for the log.
    """

    __slots__ = ("active", "handle", "where")

    def __init__(self, where: str) -> None:
        self.where = where
        self.active = True  # whether the patch is in place
        self.handle: Any = None  # what stands in the original's place

    def call_safely(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call our code; return None if it failed or the patch was removed."""
        if not self.active:
            return None
        try:
            return function(*args)
        except Exception as error:  # noqa: BLE001 - our code around the user's call
            self.log(error)
            return None

    def log(self, error: Exception) -> None:
        """Log a failure of our code; call it in an `except` block."""
        state.failed(self.where, error)


class Frame:
    """The surroundings of one call. Subclasses return its context and react to its end."""

    __slots__ = ("code", "context", "end_hooks", "guard", "has_begun", "has_ended", "result", "start_hooks",
                 "was_placed")  # fmt: skip

    guard: PatchGuard
    code: CodeType | None  # of the patched function
    result: Any  # what the body returned: of functions and coroutines

    is_settled: bool = True
    """Whether the context that is kept is the one for the next step; else `after_step` is called after each."""

    def __init__(self) -> None:
        self.context: Context | None = None  # for the next step; None before the first, and once the body is over
        self.has_begun = self.has_ended = False
        self.was_placed = False  # whether it has had a context of its own
        self.start_hooks: Notification | None = None  # of a frame that starts its run itself; called before the body
        self.end_hooks: Notification | None = None  # what `on_exit` returned

    def on_enter(self) -> Context | None:
        """Return the context the body begins in; None leaves the caller's in place."""
        return None

    def on_body(self, body: Any) -> None:
        """Take note of the generator inside, before its first step."""

    def on_exit(self, error: BaseException | None) -> Notification | None:
        """Return the hooks to call at the end of the body: it returned, raised or was closed.

        It is called again if it was interrupted, so it forgets last what it needs.
        """

    def on_skip(self, signal: SkipSignal) -> SkipResult | None:
        """Return the result of the call if it is this frame's that a hook has answered."""

    def after_step(self) -> None:
        """Look for another context for the next step."""

    def skip(self, signal: SkipSignal) -> SkipResult:
        """Return the result of a call that a hook has answered; raise the signal again if it is another frame's."""
        result = self.on_skip(signal)
        if result is None:
            raise signal
        return result

    def begin(self, *, is_async: bool = False) -> Any:
        """Put the context of the body in place, and call the hooks of the start unless they can be awaited.

        Whoever calls this has remembered the caller's context.
        """
        token = None
        if self.has_begun:
            return None
        self.has_begun = True
        try:
            if self.guard.active:
                self.context = self.on_enter()
                if self.context is not None:
                    self.was_placed = True
                    token = put(self.context)
        except Exception as error:  # noqa: BLE001 - our code around the user's call
            self.guard.log(error)
        if self.start_hooks is not None and not is_async:
            hooks, self.start_hooks = self.start_hooks, None
            run_sync(hooks.call_hooks())
        return token

    def enter(self) -> None:
        """Put the frame's own context in place, for a step that is not the first."""
        if self.context is not None and self.guard.active:
            put(self.context)

    def leave(self, before: Context) -> None:
        """Put the caller's context back, and keep the frame's own for the next step."""
        if self.context is None:
            return
        self.context = now = current()
        if now is not before:
            put(before)
        if not self.is_settled:
            self.guard.call_safely(self.after_step)

    def take_away(self, before: Context) -> None:
        """Put the caller's context back if the frame had one of its own; else what the body attached stays."""
        if self.was_placed:
            restore(before)

    def end(self, error: BaseException | None, before: Context | None = None) -> Notification | None:
        """Note that the body is over, put the caller's context back if it is given, and return the hooks to call."""
        hooks = None
        try:
            if before is not None and self.was_placed and current() is not before:
                put(before)
            if self.guard.active:
                hooks = self.on_exit(error)
        except Exception as fault:  # noqa: BLE001 - our code around the user's call
            self.guard.log(fault)
        self.end_hooks = hooks
        self.has_ended = True
        self.context = None  # it may hold this frame
        return hooks

    def close(self, error: BaseException | None, before: Context | None = None) -> None:
        """End a body whose caller cannot await: call the hooks to their end."""
        hooks = self.end(error, before)
        if hooks is not None:
            run_sync(hooks.call_hooks())

    def interrupted(self, before: Context | None, error: BaseException) -> None:
        """Do all of it again, as an exception came out of our own code around the body.

        Args:
            before: The caller's context, if the frame is entered.
            error: The exception, which is on its way to the caller.
        """
        if before is not None:
            self.take_away(before)
        hooks = self.end_hooks if self.has_ended else self.end(error)
        if hooks is not None:
            hooks.call_rest_quietly()


Opener = Callable[[tuple[Any, ...], dict[str, Any]], Frame | None]
"""Makes the frame of one call from its arguments (`self` first), or None where there is nothing to do."""


# Generators ------------------------------------------------------------------------------------------------------


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
            frame.enter()
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


# Coroutines ------------------------------------------------------------------------------------------------------


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
                        self._await_start_hooks(frame.start_hooks)
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
    """A coroutine, or one step of an async generator, that runs in the frame's context.

    It is no coroutine function: those would suspend with our context in place.

    Args:
        body: What is awaited.
        frame: The frame around it.
        of: The async generator whose step it is, if it is one.
        ending: What closed the generator, if this step closes it.
    """

    __slots__ = ("__weakref__", "_body", "_ending", "_frame", "_is_over", "_of")
    __class__ = property(lambda self: CoroutineType)  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, body: Any, frame: Frame, of: Any = None, ending: BaseException | None = None) -> None:
        self._body, self._frame, self._of, self._ending = body, frame, of, ending
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
            if self._of is None and not _is_alive(self._body):
                hooks = frame.end(GeneratorExit())
                if hooks is not None:
                    hooks.call_sync_hooks()  # nobody awaits a coroutine that is closed

    def _await_start_hooks(self, hooks: Notification) -> None:
        self._frame.start_hooks = None
        self._body = _after_start_hooks(hooks, self._body, self._of)

    def _goes_on(self, raised: BaseException) -> bool:
        """Return whether something is still to be awaited after the body raised: then that is the body."""
        if self._is_over:
            return False
        frame, error = self._frame, self._ending
        if type(raised) is SkipSignal and (result := frame.on_skip(raised)) is not None:
            self._body = result.report_async()
            return True
        if type(raised) is StopIteration:
            frame.result = raised.value
            if self._of is not None and error is None:
                return False  # one step of an async generator
        elif type(raised) is not StopAsyncIteration:
            if _is_alive(self._body if self._of is None else self._of):
                return False
            error = raised
        hooks = frame.end(error)
        pending = None if hooks is None else hooks.call_hooks()
        if pending is None:
            return False
        self._body, self._is_over = _after_end_hooks(pending, raised), True
        return True

    def __await__(self) -> CoroutineDriver:
        if self._of is None and not isinstance(self._body, CoroutineType):
            self._body = self._body.__await__()
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


async def _after_start_hooks(hooks: Notification, body: Any, of: Any) -> Any:
    """Call the hooks of the start and run the body; if they stop the call, the body is over before it began."""
    try:
        if (pending := hooks.call_hooks()) is not None:
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


# Async generators ------------------------------------------------------------------------------------------------


@coroutine
def drive_async_step(step: Any, frame: Frame, of: Any) -> Generator[Any, Any, Any]:
    """Run one step of an async generator in the frame's context: as `CoroutineDriver` does, at half the price.

    A stream has a step for each of its tokens.
    """
    value: Any = None
    thrown: BaseException | None = None
    while True:
        before = current()
        try:
            try:
                if frame.context is not None and frame.guard.active:
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
            is_end = type(raised) is StopAsyncIteration
            if is_end or not _is_alive(of):
                hooks = frame.end(None if is_end else raised)
                pending = None if hooks is None else hooks.call_hooks()
                if pending is not None:
                    yield from pending
            raise
        del before  # it is the caller's of this step
        try:
            value = yield item
        except GeneratorExit:
            close_in(frame, step)
            raise
        except BaseException as raised:  # noqa: BLE001 - it goes into the step
            thrown, value = raised, None


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
        if not self._frame.has_begun:
            return self.asend(None)
        return drive_async_step(self._body.__anext__(), self._frame, self._body)

    def asend(self, value: Any) -> Any:
        step = self._body.asend(value)
        if not self._frame.has_begun:  # the hooks of the start may have to be awaited
            return CoroutineDriver(step, self._frame, self._body)
        return drive_async_step(step, self._frame, self._body)

    def athrow(self, *args: Any) -> Coroutine[Any, Any, Any]:
        self._frame.has_begun = True  # as for a coroutine; likewise when it is closed
        return CoroutineDriver(self._body.athrow(*args), self._frame, self._body)

    def aclose(self) -> Coroutine[Any, Any, Any]:
        self._frame.has_begun = True
        return CoroutineDriver(self._body.aclose(), self._frame, self._body, GeneratorExit())

    def __getattr__(self, name: str) -> Any:  # ag_frame, ag_running, __qualname__ ...
        if name in self.__slots__:  # not set, or not any longer
            raise AttributeError(name)
        return getattr(self._body, name)
