"""What stands around one call: a current context of its own, in place only while the call's body runs.

It is put in place when the call is entered and taken away when it is left: once for a function, **at each step** for
what can be suspended. So no token ever crosses a suspension point, whoever resumes the call and wherever, and between
two steps the caller's context is untouched.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from types import CodeType
from typing import Any, Protocol

from opentelemetry.context import Context, attach, detach, get_current

from callspan.settling import Pending, Told, settle
from callspan.skipping import Answer, Answered


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

    __slots__ = ("begun", "code", "context", "result", "told", "var", "watch")

    watch: Watch
    context: Context | None
    code: CodeType | None
    begun: bool
    var: ContextVar[Context] | None
    """Where OpenTelemetry keeps the current context, once a token has told: the steps of a stream go there at once."""

    result: Any
    """What the body returned, once it has: of functions and coroutines."""

    told: Told | None
    """Who hears the start, of a frame that starts its run itself; called within the frame, before the body."""

    settled: bool = True
    """Whether the context that is kept is the one for the next step; else `settle` is asked after each."""

    def prepare(self, watch: Watch, code: CodeType | None = None) -> None:
        """Get ready for one call.

        Args:
            watch: Who watches over our code.
            code: The code of what is called.
        """
        self.watch, self.code, self.begun = watch, code, False
        self.context = self.var = self.told = None

    def outset(self) -> Context | None:
        """Give the context the body begins in; None leaves the caller's in place."""
        return None

    def holds(self, body: Any) -> None:
        """Take note of the generator that the frame stands around, before its first step."""

    def over(self, error: BaseException | None) -> Told | None:
        """The body will not go on: it returned, raised or was closed. Gives who is to hear of it."""

    def instead(self, answered: Answered) -> Answer | None:
        """Give what stands for the call, if it is this frame's own that was answered without being made."""

    def settle(self) -> None:
        """Look after a step whether another context is for the next one."""

    def enter(self) -> object:
        """Put the frame's own context in place."""
        context = self.context
        if context is None:
            if self.begun:  # nothing to put in place, or the body is over
                return None
            self.begun = True
            context = self.context = self.watch.run(self.outset)
            if context is None:
                return None
        if not self.watch.active:
            return None
        if self.var is not None:
            return self.var.set(context)
        try:
            token: Any = attach(context)
            if type(token) is Token:
                self.var = token.var
            return token
        except Exception as error:  # noqa: BLE001 - somebody's runtime context, around the user's call
            self.watch.failed(error)
            return None

    def leave(self, token: Any) -> None:
        """Take it away, and keep it for the next step."""
        if token is None:
            return
        if self.var is None:
            self.context = get_current()
            reset(token)
        else:
            self.context = self.var.get()
            try:
                self.var.reset(token)
            except (ValueError, RuntimeError):  # a driver may have stepped us in another `Context`
                pass
        if not self.settled:
            self.watch.run(self.settle)

    def close(self, error: BaseException | None) -> Pending | None:
        """Tell that the body is over; what is returned is still to be awaited."""
        told = self._ended(error)
        return None if told is None else told.go()

    def close_now(self, error: BaseException | None) -> None:
        """Tell that the body is over, where nobody is left to await anything."""
        told = self._ended(error)
        if told is not None:
            told.go_now()

    def finish(self, token: Any, error: BaseException | None) -> None:
        """Take it away for good: the body is a function, and over."""
        if token is not None:
            reset(token)
        told = self._ended(error)
        if told is not None:
            settle(told.go())

    def _ended(self, error: BaseException | None) -> Told | None:
        told: Told | None = self.watch.run(self.over, error)
        self.context = None  # it may hold this frame
        return told


Opener = Callable[[tuple[Any, ...], dict[str, Any]], Frame | None]
"""Makes the frame of one call from its arguments (`self` first), or None where there is nothing to do."""


def reset(token: Any) -> None:
    """Detach without OpenTelemetry's log line: a driver may have stepped us in another `Context`."""
    try:
        if type(token) is Token:
            token.var.reset(token)
        else:
            detach(token)
    except Exception:  # noqa: BLE001 - another `Context`, or somebody's runtime context: the user's call goes on
        return
