"""What a hook raises: an accident reaches nobody and is noted, an order to stop ends the call."""

from __future__ import annotations

import logging
from asyncio import CancelledError
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from callspan.core import state
from callspan.core.operations import Subscriber
from callspan.core.signals import is_from_handler

if TYPE_CHECKING:
    from callspan.core.run import Run

_log = logging.getLogger("callspan")

MAX_FAILURES = 5
"""After so many failures in a row a callback is heard no more."""

_CONTROL = (CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)


class Stop(Exception):
    """Raise it, or a subclass, in any hook of a callback: the call ends, and its caller gets this very object.

    `with_retry`, `with_fallbacks`, the retries of LangGraph's nodes and a `ToolNode` that handles errors take it for
    an error of the call; docs/callbacks.md says what each does, and the way out.
    """


Stop.__module__ = "callspan"  # where users find it: spans say its name


def quietly(subscriber: Subscriber, event: str, *payload: Any) -> None:
    """Tell a subscriber of a span: what a class overrides is guarded there, and its failures are counted there."""
    if is_dropped(subscriber):
        return
    try:
        getattr(subscriber, event)(*payload)
    except Exception as error:  # noqa: BLE001 - whatever is left
        isolate(subscriber, event, error)


def guard(subscriber: Subscriber, event: str, function: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    """Call what a subscriber does, where nobody may see its exception."""
    if is_dropped(subscriber):
        return
    try:
        function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - the user's own code
        isolate(subscriber, event, error)
    else:
        if subscriber.callspan_failures:
            count(subscriber, 0)


def is_isolated(subscriber: Subscriber, event: str, run: Run, error: BaseException) -> bool:
    """Tell whether what a hook raised reaches nobody: an accident, which is noted, or a stop that comes too late."""
    if isinstance(error, _CONTROL) or is_from_handler(error):
        return False
    if isinstance(error, Exception) and not isinstance(error, Stop) and not subscriber.raise_error:
        isolate(subscriber, event, error)
        return True
    if run.is_stoppable:
        run.stopper = error
        return False
    name = type(subscriber).__name__
    if state.once(f"stop {type(subscriber).__module__}.{name}.{event}.{run.outcome}"):
        why = "that another instrumentation watches" if run.is_foreign else f"that has ended: {run.outcome}"
        _log.warning("%s.%s cannot stop a run %s", name, event, why, exc_info=error)
    return True


def isolate(subscriber: Subscriber, event: str, error: Exception) -> None:
    """Note what a hook failed with: the call goes on, and who fails too often is dropped.

    What a signal handler raised is let out.
    """
    if is_from_handler(error):
        raise error
    name = type(subscriber).__name__
    count(subscriber, subscriber.callspan_failures + 1)
    if state.once(f"hook {type(subscriber).__module__}.{name}.{event}"):
        _log.warning("%s.%s failed; the call goes on", name, event, exc_info=error)
    if subscriber.callspan_failures == MAX_FAILURES:
        _log.warning("%s is dropped: it failed %d times in a row", name, MAX_FAILURES)


def warn_of_result(subscriber: Subscriber, event: str, result: object) -> None:
    """Log once for each hook that it returned something: a guard that returns its verdict lets every call pass."""
    name = type(subscriber).__name__
    if not state.once(f"result {type(subscriber).__module__}.{type(subscriber).__qualname__}.{event}"):
        return
    advice = "to end the call raise callspan.Stop(...), to answer it from a start hook call run.skip(...)"
    if isinstance(result, BaseException) or (isinstance(result, type) and issubclass(result, BaseException)):
        advice = "an exception ends the call only if it is raised"
    # Its type only: a result may be what a user or a model said.
    kind = result.__name__ if isinstance(result, type) else type(result).__name__
    _log.warning("%s.%s returned %s, which changes nothing: %s", name, event, kind, advice)


def is_dropped(subscriber: Subscriber) -> bool:
    """Tell whether a callback failed too often to be heard."""
    return subscriber.callspan_failures >= MAX_FAILURES


def wanted(subscriber: Subscriber, run: Run) -> bool:
    """Ask a callback whether it hears the run."""
    try:
        return bool(subscriber.wants(run))
    except Exception as error:  # noqa: BLE001 - the user's own code
        isolate(subscriber, "wants", error)
        return False


def count(subscriber: Subscriber, failures: int) -> None:
    """Note how often a callback failed in a row."""
    object.__setattr__(subscriber, "callspan_failures", failures)  # it may be a frozen dataclass
