"""Who listens to a run, and how their hooks are called: in order, each isolated from the call unless it stops it."""

from __future__ import annotations

import logging
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Iterable, Mapping
from inspect import isawaitable
from threading import RLock
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context

from callspan.core import state
from callspan.core.context import await_in, current, put, restore
from callspan.core.event_loops import Pending
from callspan.core.keys import RUN, SCOPED_CALLBACKS
from callspan.core.operations import Subscriber
from callspan.core.signals import is_from_handler
from callspan.core.skip import SkipSignal

if TYPE_CHECKING:
    from callspan.core.run import Run

_log = logging.getLogger("callspan")

MAX_FAILURES = 5  # a callback that fails so often in a row is dropped

_CONTROL = (CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)

HookCall = tuple["Run", Subscriber, str, tuple[Any, ...]]
"""One hook to call: the run it receives, the callback, the hook's name, and its other arguments."""


class Stop(Exception):
    """Raise it, or a subclass, in any hook of a callback: the call ends, and its caller gets this very object.

    `with_retry`, `with_fallbacks`, the retries of LangGraph's nodes and a `ToolNode` that handles errors take it for
    an error of the call; docs/callbacks.md says what each does, and the way out.
    """


Stop.__module__ = "callspan"  # where users find it: it is written on spans


# Who listens -----------------------------------------------------------------------------------------------------


class Subscriptions:
    """The callbacks of the process, and whether there are callbacks at all.

    Args:
        process: The callbacks that listen to every run; replaced as a whole, so that reading it needs no lock.
        callback_class: `Callback`; None until it is imported, which is when somebody can listen.
        check: Checks a callback that comes by LangChain's lists or OpenTelemetry's provider, before its first run.
        prepare: Adds to the provider what notifies callbacks of spans that are no runs: it may be set late.
    """

    __slots__ = ("_lock", "callback_class", "check", "prepare", "process")

    def __init__(self) -> None:
        self.process: tuple[Subscriber, ...] = ()
        self.callback_class: type | None = None
        self.check: Callable[[Any], None] | None = None
        self.prepare: Callable[[], None] | None = None
        self._lock = RLock()

    def add(self, subscriber: Subscriber) -> None:
        """Add a callback of the process."""
        with self._lock:
            self.process = (*self.process, subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Remove it once: it may have been added twice. Runs keep the callbacks that they had at their start."""
        with self._lock:
            place = next((place for place, one in enumerate(self.process) if one is subscriber), None)
            if place is not None:
                self.process = (*self.process[:place], *self.process[place + 1 :])


subscriptions = Subscriptions()


def subscribe(run: Run, subscriber: Subscriber) -> None:
    """Subscribe a callback to the run, once, if it wants the run."""
    if subscriber.callspan_failures >= MAX_FAILURES:
        return
    for known in (*run.subscribers, *run.not_interested):  # it may be registered in several ways
        if known is subscriber:
            return
    if not subscriber.callspan_checked and subscriptions.check is not None:
        subscriptions.check(subscriber)
    try:
        wanted = subscriber.wants(run)
    except Exception as error:  # noqa: BLE001 - the user's own code
        log_failure(subscriber, "wants", error)
        wanted = False
    if wanted:
        run.subscribers = (*run.subscribers, subscriber)
    else:
        run.not_interested = (*run.not_interested, subscriber)


def scoped_callbacks(parent: Context, here: Context) -> tuple[Subscriber, ...]:
    """Return the callbacks of the blocks around a run."""
    inherited: Any = parent.get(SCOPED_CALLBACKS, ())
    if parent is here:
        return inherited  # type: ignore[no-any-return]
    others: Any = here.get(SCOPED_CALLBACKS, ())
    beside: Any = here.get(RUN)
    if beside is not None:  # a worker that was started in another run: that run's blocks are not around this one
        known = (*beside.subscribers, *beside.not_interested)
        others = [one for one in others if all(one is not other for other in known)]
    return (*inherited, *(one for one in others if all(one is not other for other in inherited)))


def notify_of_span(run: Run, subscribers: Iterable[Subscriber], given: Context) -> None:
    """Notify the subscribers of the span's start that OpenTelemetry does not notify itself, if it is recorded."""
    if not run.span.is_recording():
        return
    for subscriber in subscribers:
        if subscriber.callspan_spans and all(subscriber is not other for other in run.sdk_callbacks):
            run.span_processors = (*run.span_processors, subscriber)
            call_safely(subscriber, "on_start", run.span, given)


def take_over_handlers(run: Run, run_manager: Any, handlers: list[Any]) -> list[Subscriber]:
    """Subscribe the callbacks among LangChain's handlers, and remove them from the manager of this one run.

    They stay in its inheritable lists, where LangChain's own rules say who listens to what; and LangChain calls nothing
    on them.

    Returns:
        Those that were not subscribed before.
    """
    callback_class = subscriptions.callback_class
    if callback_class is None or not any(isinstance(one, callback_class) for one in handlers):
        return []
    before = len(run.subscribers)
    for one in handlers:
        if isinstance(one, callback_class):
            subscribe(run, one)  # type: ignore[arg-type]  # an instance of `Callback` is one
    run_manager.handlers = [one for one in run_manager.handlers if not isinstance(one, callback_class)]
    return list(run.subscribers[before:])


# Isolation -------------------------------------------------------------------------------------------------------


def call_safely(subscriber: Subscriber, event: str, *payload: Any) -> None:
    """Notify a callback of a span. Overrides guard themselves (`call_override`) and count their failures there."""
    if subscriber.callspan_failures >= MAX_FAILURES:
        return
    try:
        getattr(subscriber, event)(*payload)
    except Exception as error:  # noqa: BLE001 - whatever is left
        log_failure(subscriber, event, error)


def call_override(subscriber: Subscriber, event: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call a user's override of a span processor's method, whose exceptions the SDK would let out."""
    if subscriber.callspan_failures >= MAX_FAILURES:
        return
    try:
        function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - the user's own code
        log_failure(subscriber, event, error)
    else:
        if subscriber.callspan_failures:
            set_failures(subscriber, 0)


def is_isolated(subscriber: Subscriber, event: str, run: Run, error: BaseException) -> bool:
    """Return whether the call goes on after a hook raised this, and log it then: a failure, or a stop too late."""
    if isinstance(error, _CONTROL) or is_from_handler(error):
        return False
    if isinstance(error, Exception) and not isinstance(error, Stop) and not subscriber.raise_error:
        log_failure(subscriber, event, error)
        return True
    if run.is_stoppable:
        run.stopper = error
        return False
    name = type(subscriber).__name__
    if state.first_time(f"stop {type(subscriber).__module__}.{name}.{event}.{run.outcome}"):
        why = "that another instrumentation watches" if run.is_foreign else f"that has ended: {run.outcome}"
        _log.warning("%s.%s cannot stop a run %s", name, event, why, exc_info=error)
    return True


def log_failure(subscriber: Subscriber, event: str, error: Exception) -> None:
    """Log and count a failure of a hook: a callback that fails too often is dropped.

    The call goes on, unless a signal handler raised it: that is let out.
    """
    if is_from_handler(error):
        raise error
    name = type(subscriber).__name__
    set_failures(subscriber, subscriber.callspan_failures + 1)
    if state.first_time(f"hook {type(subscriber).__module__}.{name}.{event}"):
        _log.warning("%s.%s failed; the call goes on", name, event, exc_info=error)
    if subscriber.callspan_failures == MAX_FAILURES:
        _log.warning("%s is dropped: it failed %d times in a row", name, MAX_FAILURES)


def warn_of_result(subscriber: Subscriber, event: str, result: object) -> None:
    """Log once for each hook that it returned something: a guard that returns its verdict lets every call pass."""
    name = type(subscriber).__name__
    if not state.first_time(f"result {type(subscriber).__module__}.{type(subscriber).__qualname__}.{event}"):
        return
    advice = "to end the call raise callspan.Stop(...), to answer it from a start hook call run.skip(...)"
    if isinstance(result, BaseException) or (isinstance(result, type) and issubclass(result, BaseException)):
        advice = "an exception ends the call only if it is raised"
    # Its type only: the value may be content.
    kind = result.__name__ if isinstance(result, type) else type(result).__name__
    _log.warning("%s.%s returned %s, which changes nothing: %s", name, event, kind, advice)


def set_failures(subscriber: Subscriber, failures: int) -> None:
    """Set how often a callback failed in a row."""
    object.__setattr__(subscriber, "callspan_failures", failures)  # it may be a frozen dataclass


# Calling hooks ---------------------------------------------------------------------------------------------------


def hook_calls(
    run: Run, subscribers: Iterable[Subscriber], events: tuple[str, ...], payload: tuple[Any, ...] = ()
) -> list[HookCall]:
    """Return the calls of these callbacks' hooks for these events of a run."""
    calls: list[HookCall] = []
    for subscriber in subscribers:
        overridden = subscriber.callspan_heard
        for event in events:
            if event in overridden:
                calls.append((run, subscriber, event, payload))
            elif event == "on_chat_model_start" and "on_llm_start" in overridden:  # as LangChain's handlers have it
                calls.append((run, subscriber, "on_llm_start", payload))
    return calls


class Notification:
    """The hooks to call for one event, each with its run's span current, and what follows the last of them.

    Args:
        calls: The hooks.
        on_stop: Called when a hook stops the call: it may change the calls that are left. What the hook raised is
            raised after the last hook.
        after: Called after the last hook; it may be called again if it is interrupted.
    """

    __slots__ = ("after", "awaits", "calls", "error", "on_stop")

    def __init__(
        self, calls: Iterable[HookCall], on_stop: OnStop | None = None, after: Callable[[], None] | None = None
    ) -> None:
        self.calls = iter(calls)
        self.on_stop = on_stop
        self.after: tuple[Callable[[], None], ...] = () if after is None else (after,)
        self.error: BaseException | None = None
        self.awaits = True  # else async hooks are not called to their end: nobody is left to await them

    def call_hooks(self) -> Pending | None:
        """Call the hooks up to the first async one; return a coroutine that awaits that one and calls the rest.

        Raises:
            BaseException: What a hook stopped the call with, after the last one.
        """
        before = current()
        try:
            while (call := next(self.calls, None)) is not None:
                awaitable = self._call(call, before)
                if awaitable is None:
                    continue
                if self.awaits:
                    return self.await_hooks(call, awaitable)
                if isinstance(awaitable, CoroutineType):
                    awaitable.close()
            while self.after:  # what was interrupted is called again
                _call_own(self.after[0])
                self.after = self.after[1:]
        except BaseException as error:
            restore(before)
            if type(error) is SkipSignal:
                self.after = ()
            self.call_rest_quietly()  # the others still receive the event, and the span must end
            raise
        stop, self.error = self.error, None
        if stop is not None:
            raise stop
        return None

    async def await_hooks(self, call: HookCall, awaitable: Awaitable[Any]) -> None:
        """Await an async hook, and go on with the others."""
        run, subscriber, event, _ = call
        try:
            if run.context is None or current().get(RUN) is run:  # its span is current, as in a model's body
                result = await awaitable
            else:
                result = await await_in(awaitable, run.context)
            if result is not None:
                warn_of_result(subscriber, event, result)
            if subscriber.callspan_failures:
                set_failures(subscriber, 0)
        except BaseException as error:  # noqa: BLE001 - a failure is isolated, a stop raised after the last hook
            self.awaits = self.awaits and not isinstance(error, GeneratorExit)  # who closes us awaits nothing more
            if not is_isolated(subscriber, event, run, error):
                self._stop(call, error)
        rest = self.call_hooks()
        if rest is not None:
            await rest

    def call_sync_hooks(self) -> None:
        """Call the hooks where nobody is left to await async ones: these are not run."""
        self.awaits = False
        self.call_hooks()

    def call_rest_quietly(self) -> None:
        """Call the sync hooks that are left. Nothing is raised: an exception is on its way already."""
        try:
            self.call_sync_hooks()
        except BaseException:  # noqa: BLE001 - the first exception counts
            return

    def then(self, after: Callable[[], None]) -> None:
        """Call this too after the last hook."""
        self.after = (*self.after, after)

    def continue_with(self, notifications: Iterable[Notification]) -> None:
        """Replace the calls that are left by those of these notifications, followed by what follows each of them."""
        others = list(notifications)
        self.calls = iter([call for other in others for call in other.calls])
        self.on_stop = others[0].on_stop if others else None
        self.after += tuple(after for other in others for after in other.after)

    def _call(self, call: HookCall, before: Context) -> Awaitable[Any] | None:
        """Call one hook with its run's span current; return what is to be awaited."""
        run, subscriber, event, payload = call
        if subscriber.callspan_failures >= MAX_FAILURES or (run.ended and event.endswith("_start")):
            return None  # the run was ended while its start hooks were called
        context = run.context
        try:
            try:
                if context is not None:
                    put(context)
                result = getattr(subscriber, event)(run, *payload)
                if result is None and not subscriber.callspan_failures:  # nearly always
                    return None
                return _awaitable(subscriber, event, result)
            except BaseException as error:
                if not is_isolated(subscriber, event, run, error):
                    raise
                return None
            finally:
                if context is not None:
                    restore(before)
        except BaseException as error:  # noqa: BLE001 - raised again after the last hook
            if context is not None:
                restore(before)
            self._stop(call, error)
            return None

    def _stop(self, call: HookCall, error: BaseException) -> None:
        self.error = self.error or error
        if self.on_stop is not None:
            _call_own(self.on_stop, self, call, error)


OnStop = Callable[[Notification, HookCall, BaseException], None]


def _call_own(function: Callable[..., None], *args: Any) -> None:
    """Call our own code among the hooks, where nothing else guards it."""
    try:
        function(*args)
    except Exception as fault:  # noqa: BLE001 - the user's call goes on
        state.log_own_failure("calling hooks", fault)


def combine(notifications: Iterable[Notification]) -> Notification | None:
    """Return one notification that makes all calls of these, or None without any."""
    several = list(notifications)
    if len(several) < 2:  # noqa: PLR2004 - one is itself
        return several[0] if several else None
    one = Notification(())
    one.continue_with(several)
    return one


def notification_of(run: Run, event: str, payload: Iterable[Any], keywords: Mapping[str, Any]) -> Notification | None:
    """Return the hooks to call for an event in the middle of a run, or None."""
    given = tuple(payload)
    calls = [
        (run, subscriber, event, payload_for(subscriber, given, keywords))
        for subscriber in run.subscribers
        if event in subscriber.callspan_heard
    ]
    return Notification(calls) if calls else None


def payload_for(subscriber: Subscriber, payload: tuple[Any, ...], keywords: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a hook receives besides the run: LangChain's other keywords too, if the callback wants them."""
    return (*payload, keywords) if subscriber.callspan_keywords else payload


def call_chunk_hooks(
    hooks: Iterable[tuple[Subscriber, Callable[..., Any]]],
    event: str,
    run: Run,
    token: Any,
    chunk: Any,
    keywords: Mapping[str, Any],
) -> tuple[Subscriber, Awaitable[Any]] | None:
    """Call the hooks that receive a chunk: many calls of few hooks, so these were looked up beforehand.

    Returns:
        The first async one, with what it returned; those after it are not called.

    Raises:
        BaseException: A hook stops the call.
    """
    for subscriber, hook in hooks:
        if subscriber.callspan_failures >= MAX_FAILURES:
            continue
        try:
            result = hook(run, token, chunk, keywords) if subscriber.callspan_keywords else hook(run, token, chunk)
        except BaseException as error:
            if not is_isolated(subscriber, event, run, error):
                raise
            continue
        if result is None and not subscriber.callspan_failures:  # nearly always
            continue
        awaitable = _awaitable(subscriber, event, result)
        if awaitable is not None:
            return subscriber, awaitable
    return None


def _awaitable(subscriber: Subscriber, event: str, result: Any) -> Awaitable[Any] | None:
    """Return what an async hook returned; a plain one is done, and any other result is warned of."""
    if result is not None:
        if isawaitable(result):
            return result
        warn_of_result(subscriber, event, result)
    if subscriber.callspan_failures:
        set_failures(subscriber, 0)
    return None
