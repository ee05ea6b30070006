"""What stands around one call: a context of its own, current only while the call's body runs.

A function is entered and left once. What can be suspended is entered and left **at each step**: no context token
crosses a suspension, whoever resumes the call and wherever, and between two steps the caller's context is untouched.

Ctrl-C and timers raise between any two lines, also between two of ours. So whoever enters a frame remembers the
caller's context *before* (`current`), and puts exactly that back (`restore`) on every way out. Each clean-up stands
inside a second `try`, whose handler repeats it: one exception cannot hit both, and repeating does no harm. Both begin
before anything is done: in CPython 3.11 an exception at the line of an inner `try:` passes by the outer handlers.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from opentelemetry.context import Context

from callspan.core import state
from callspan.core.context import current, put, restore
from callspan.core.dispatch import Notification
from callspan.core.event_loops import run_sync
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
        state.log_own_failure(self.where, error)


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
        """Note the generator inside, before its first step."""

    def on_exit(self, error: BaseException | None) -> Notification | None:
        """Return the hooks to call at the end of the body: it returned, raised or was closed.

        It is called again if it was interrupted, so it forgets last what it needs.
        """

    def on_skip(self, signal: SkipSignal) -> SkipResult | None:
        """Return the result of the call if it is this frame's that a hook has answered."""

    def after_step(self) -> None:
        """Find another context for the next step."""

    def skip(self, signal: SkipSignal) -> SkipResult:
        """Return the result of a call that a hook has answered; raise the signal again if it is another frame's."""
        result = self.on_skip(signal)
        if result is None:
            raise signal
        return result

    def begin(self, *, is_async: bool = False) -> Any:
        """Put the context of the body in place; call the hooks of the start unless the caller awaits them.

        The caller has remembered the context that was current.
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
        """Do all of it again, as an exception came out of our own code around the body."""
        if before is not None:
            self.take_away(before)
        hooks = self.end_hooks if self.has_ended else self.end(error)
        if hooks is not None:
            hooks.call_rest_quietly()


Opener = Callable[[tuple[Any, ...], dict[str, Any]], Frame | None]
"""Makes the frame of one call from its arguments (`self` first), or None where there is nothing to do."""
