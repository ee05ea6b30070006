"""Who hears a run: through which doors a callback comes to it, and that it comes once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import RLock
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context

from callspan.core.isolation import is_dropped, wanted
from callspan.core.keys import RUN, SCOPED_CALLBACKS
from callspan.core.operations import Subscriber

if TYPE_CHECKING:
    from callspan.core.run import Run


class Doors:
    """The door of the process, and whether anybody can come in at all.

    Args:
        process: Who hears every run; replaced as a whole, so that it needs no lock to be read.
        handler: The class whose instances in LangChain's lists are callbacks; None until that class is imported,
            which is when somebody can hear.
        check: Checks a callback that comes by LangChain's lists or OpenTelemetry's provider, before its first run.
        prepare: Makes sure that spans that are no runs are heard too: a provider may be set late.
    """

    __slots__ = ("_lock", "check", "handler", "prepare", "process")

    def __init__(self) -> None:
        self.process: tuple[Subscriber, ...] = ()
        self.handler: type | None = None
        self.check: Callable[[Any], None] | None = None
        self.prepare: Callable[[], None] | None = None
        self._lock = RLock()

    def add(self, subscriber: Subscriber) -> None:
        """Let it in by the door of the process."""
        with self._lock:
            self.process = (*self.process, subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Let it out again, as often as it was let in; a run keeps whom it found at its start."""
        with self._lock:
            kept = list(self.process)
            for place, one in enumerate(kept):
                if one is subscriber:
                    del kept[place]
                    break
            self.process = tuple(kept)


doors = Doors()


def subscribe(run: Run, subscriber: Subscriber) -> None:
    """Let a callback hear the run, if it wants to and does not already."""
    heard_by = run.subscribers
    if is_dropped(subscriber) or any(known is subscriber for known in (*heard_by, *run.declined)):
        return
    if not subscriber.callspan_checked and doors.check is not None:
        doors.check(subscriber)
    if wanted(subscriber, run):
        run.subscribers = (*heard_by, subscriber)
    else:
        run.declined = (*run.declined, subscriber)  # not to be asked again at another door


def subscribe_all(run: Run, blocks: Iterable[Subscriber]) -> None:
    """Let in who comes by the doors of process, OpenTelemetry and blocks, in this order."""
    for subscriber in (*doors.process, *run.by_sdk, *blocks):
        subscribe(run, subscriber)


def blocks_of(parent: Context, current: Context) -> tuple[Subscriber, ...]:
    """Give the callbacks of the blocks around a run.

    Args:
        parent: The context it belongs to.
        current: The context it is started in: another one if its own was lost.
    """
    inherited: Any = parent.get(SCOPED_CALLBACKS, ())
    if parent is current:
        return inherited  # type: ignore[no-any-return]
    here: Any = current.get(SCOPED_CALLBACKS, ())
    beside: Any = current.get(RUN)
    if beside is not None:  # a worker that was born in another run: what was around that is not around this one
        here = [one for one in here if all(one is not other for other in (*beside.subscribers, *beside.declined))]
    return (*inherited, *(one for one in here if all(one is not other for other in inherited)))


def lift(run: Run, run_manager: Any, handlers: list[Any]) -> list[Subscriber]:
    """Let in the callbacks among LangChain's handlers, and make the manager of this one run forget them.

    They stay in what is inheritable, where LangChain's own rules say who hears what; and it dispatches nothing to them.

    Returns:
        Who did not hear the run before.
    """
    handler = doors.handler
    if handler is None or not any(isinstance(one, handler) for one in handlers):
        return []
    before = len(run.subscribers)
    for one in handlers:
        if isinstance(one, handler):
            subscribe(run, one)  # type: ignore[arg-type]  # what is of that class is one
    run_manager.handlers = [one for one in run_manager.handlers if not isinstance(one, handler)]
    return list(run.subscribers[before:])
