"""What stands around one call: a current context of its own, in place only while the call's body runs.

It is put in place when the call is entered and taken away when it is left: once for a function, **at each step** for
what can be suspended. So no token ever crosses a suspension point, whoever resumes the call and wherever, and between
two steps the caller's context is untouched.

Ctrl-C and timers raise between any two lines, also between two of ours. So whoever enters a frame remembers the
caller's context *before* (`current`), and puts exactly that back (`restore`) on every way out. Each clean-up stands
inside a second `try`, whose handler repeats it: one exception cannot hit both, and repeating does no harm. Both begin
before anything is done: in CPython 3.11 an exception at the line of an inner `try:` passes by the outer handlers.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any, Protocol

from opentelemetry.context import Context

from callspan.core.context import current, put, restore
from callspan.core.dispatch import Notification
from callspan.core.event_loops import Pending, run_sync
from callspan.core.skip import SkipResult, SkipSignal


class Watch(Protocol):
    """Calls our code so that its failure does not reach the user: logged once, and the answer is None."""

    active: bool
    """Whether the patch is in place; where a call costs too much, this and `failed` stand for `run`."""

    def run(self, ours: Callable[..., Any], *args: Any) -> Any:
        """Call our code, unless the patch was taken away."""

    def failed(self, error: Exception) -> None:
        """Log what failed beside our code; call it from an `except` block."""


class Frame:
    """The surroundings of one call. Subclasses say which context it starts in and what happens when it is over."""

    __slots__ = ("begun", "code", "context", "is_over", "last", "placed", "result", "told", "watch")

    watch: Watch
    context: Context | None
    code: CodeType | None
    begun: bool

    result: Any
    """What the body returned, once it has: of functions and coroutines."""

    told: Notification | None
    """Who hears the start, of a frame that starts its run itself; called within the frame, before the body."""

    placed: bool
    """Whether it has had a context of its own."""

    is_over: bool
    """Whether `over` was called to its end; then `last` is who hears of it."""

    last: Notification | None

    settled: bool = True
    """Whether the context that is kept is the one for the next step; else `settle` is asked after each."""

    def prepare(self, watch: Watch, code: CodeType | None = None) -> None:
        """Get ready for one call.

        Args:
            watch: Who watches over our code.
            code: The code of what is called.
        """
        self.watch, self.code = watch, code
        self.begun = self.is_over = self.placed = False
        self.context = self.told = self.last = None

    def outset(self) -> Context | None:
        """Give the context the body begins in; None leaves the caller's in place."""
        return None

    def holds(self, body: Any) -> None:
        """Take note of the generator that the frame stands around, before its first step."""

    def over(self, error: BaseException | None) -> Notification | None:
        """The body will not go on: it returned, raised or was closed. Gives who is to hear of it.

        It is repeated if it was interrupted, so what it forgets it forgets last.
        """

    def instead(self, answered: SkipSignal) -> SkipResult | None:
        """Give what stands for the call, if it is this frame's own that was answered without being made."""

    def settle(self) -> None:
        """Look after a step whether another context is for the next one."""

    def enter(self) -> Any:
        """Put the frame's own context in place; whoever calls this remembers the caller's first."""
        context = self.context
        if context is None:
            if self.begun:  # nothing to put in place, or the body is over
                return None
            self.begun = True
            context = self.context = self.watch.run(self.outset)
            if context is None:
                return None
            self.placed = True
        if not self.watch.active:
            return None
        try:
            return put(context)
        except Exception as error:  # noqa: BLE001 - somebody's runtime context, around the user's call
            self.watch.failed(error)
            return None

    def leave(self, before: Context) -> None:
        """Put the caller's context back, and keep the frame's own for the next step."""
        if self.context is None:
            return
        self.context = now = current()
        if now is not before:
            try:
                put(before)
            except Exception as error:  # noqa: BLE001 - somebody's runtime context: the user's call goes on
                self.watch.failed(error)
        if not self.settled:
            self.watch.run(self.settle)

    def take_away(self, before: Context) -> None:
        """Put the caller's context back, if the frame had one of its own; else what the body attached is its affair."""
        if self.placed:
            restore(before)

    def close(self, error: BaseException | None) -> Pending | None:
        """Tell that the body is over; what is returned is still to be awaited."""
        told = self._ended(error)
        return None if told is None else told.call_hooks()

    def close_now(self, error: BaseException | None) -> None:
        """Tell that the body is over, where nobody is left to await anything."""
        told = self._ended(error)
        if told is not None:
            told.call_sync_hooks()

    def finish(self, before: Context, error: BaseException | None) -> None:
        """Put the caller's context back for good: the body is a function, and over."""
        self.take_away(before)
        told = self._ended(error)
        if told is not None:
            run_sync(told.call_hooks())

    def interrupted(self, before: Context | None, error: BaseException) -> None:
        """Do what is left to do when an exception comes out of our own code around the body: all of it again.

        Args:
            before: The caller's context, if the frame is entered.
            error: The exception, which is on its way to the caller.
        """
        if before is not None:
            self.take_away(before)
        told = self.last if self.is_over else self._ended(error)
        if told is not None:
            told.call_rest_quietly()

    def _ended(self, error: BaseException | None) -> Notification | None:
        told: Notification | None = self.watch.run(self.over, error)
        self.last = told
        self.is_over = True
        self.context = None  # it may hold this frame
        return told


Opener = Callable[[tuple[Any, ...], dict[str, Any]], Frame | None]
"""Makes the frame of one call from its arguments (`self` first), or None where there is nothing to do."""
