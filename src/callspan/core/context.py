"""OpenTelemetry's current context: read and written with one call of C, and restored whatever happens.

Ctrl-C and timers raise between any two lines, also between two of ours. So whoever puts a context in place remembers
the caller's context *before* (`current`), and puts exactly that back (`restore`) on every way out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import CoroutineType, coroutine
from typing import Any

from opentelemetry.context import Context, attach, detach, get_current

from callspan.core import state


def _variable() -> ContextVar[Context] | None:
    """Return where OpenTelemetry keeps the current context; None with a runtime context that is somebody's own."""
    token: Any = attach(get_current())
    detach(token)
    return token.var if type(token) is Token else None


def _attach(context: Context) -> Any:
    try:
        return attach(context)
    except Exception as error:  # noqa: BLE001 - somebody's runtime context: the user's call goes on
        state.log_own_failure("the current context", error)
        return None


_VARIABLE = _variable()

current: Callable[[], Context] = get_current if _VARIABLE is None else _VARIABLE.get
put: Callable[[Context], Any] = _attach if _VARIABLE is None else _VARIABLE.set


def restore(before: Context) -> None:
    """Make this the current context again, if another one is in its place. Repeating it does no harm."""
    if current() is not before:
        put(before)


def reset(token: Any) -> None:
    """Detach without OpenTelemetry's log line: a driver may have stepped us in another `Context`.

    Repeating it does no harm, and None is nothing to detach.
    """
    if token is None:
        return
    try:
        if type(token) is Token:
            token.var.reset(token)
        else:
            detach(token)
    except Exception:  # noqa: BLE001 - another `Context`, or somebody's runtime context: the user's call goes on
        return


@contextmanager
def attached(context: Context) -> Generator[None]:
    """Make a context the current one in a `with` block, wherever an exception comes."""
    before, token, is_left = current(), None, False
    try:
        try:
            token = attach(context)
            yield
        finally:
            if token is None:
                restore(before)
            else:
                reset(token)
            is_left = True
    finally:
        if not is_left:
            reset(token)


@coroutine
def await_in(awaitable: Awaitable[Any], context: Context) -> Generator[Any, Any, Any]:
    """Await something with this context current during each of its steps, and the caller's between them."""
    steps: Any = awaitable if type(awaitable) is CoroutineType else _awaited(awaitable)
    value: Any = None
    thrown: BaseException | None = None
    while True:
        before = current()
        try:
            try:
                put(context)
                item = steps.send(value) if thrown is None else steps.throw(thrown)
            finally:
                context = current()  # what it attached is kept for its next step
                restore(before)
        except StopIteration as done:
            return done.value
        except BaseException:
            restore(before)
            raise
        value = thrown = None
        try:
            value = yield item
        except BaseException as raised:  # noqa: BLE001 - it goes into the awaitable
            thrown = raised


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
