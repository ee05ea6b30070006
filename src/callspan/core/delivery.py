"""Telling a run's subscribers: hooks in order, each isolated from the call, unless it means to stop it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from inspect import isawaitable
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context

from callspan.core import state
from callspan.core.frame import Frame, current, put, restore
from callspan.core.isolation import MAX_FAILURES, count, is_isolated, warn_of_result
from callspan.core.keys import RUN
from callspan.core.operations import Subscriber
from callspan.core.settling import Pending
from callspan.core.skip import Answered
from callspan.core.steps import Steps

if TYPE_CHECKING:
    from callspan.core.run import Run

Call = tuple["Run", Subscriber, str, tuple[Any, ...]]
"""One hook to be called: of which run it hears, whose it is, its name, and what it gets besides the run."""

Stopped = Callable[["Telling", Call, BaseException], None]
"""What follows when a hook stops the call: it may change what is still to be told."""


class Telling:
    """Hooks to be called one after the other, each with its run's span current.

    Args:
        calls: The hooks.
        stopped: What follows a stop; the stop itself is raised after the last hook.
        then: What is done after the last hook; it may be repeated, if it is interrupted.
    """

    __slots__ = ("calls", "error", "stopped", "then", "waits")

    def __init__(
        self,
        calls: Iterable[Call],
        stopped: Stopped | None = None,
        then: Callable[[], None] | None = None,
    ) -> None:
        self.calls = iter(calls)
        self.stopped = stopped
        self.then: tuple[Callable[[], None], ...] = () if then is None else (then,)
        self.error: BaseException | None = None
        self.waits = True

    def go(self) -> Pending | None:
        """Call the hooks up to the first that is to be awaited.

        Returns:
            The rest, to be awaited.

        Raises:
            BaseException: What a hook stopped the call with, after the last one.
        """
        before = current()
        try:
            while (call := next(self.calls, None)) is not None:
                awaitable = self._call(call, before)
                if awaitable is None:
                    continue
                if self.waits:
                    return self.later(call, awaitable)
                _discard(awaitable)
            self._finish()
        except BaseException:
            restore(before)
            self.go_quietly()  # the others still hear it, and what comes after them ends the span
            raise
        error_of_hook, self.error = self.error, None
        if error_of_hook is not None:
            raise error_of_hook
        return None

    def _call(self, call: Call, before: Context) -> Awaitable[Any] | None:
        """Call one hook with its run's span current, and return what is to be awaited."""
        run, subscriber, event, payload = call
        if run.ended and event.endswith("_start"):  # it was ended while its start was told
            return None
        context = run.context
        try:
            try:
                if context is not None:
                    put(context)
                return hear(subscriber, event, run, payload)
            finally:
                if context is not None:
                    restore(before)
        except BaseException as error:  # noqa: BLE001 - raised again after the last hook
            if context is not None:
                restore(before)
            self._stop(call, error)
            return None

    def _finish(self) -> None:
        """Do what comes after the last hook; what was interrupted is repeated."""
        while self.then:
            try:
                _ours(self.then[0])
            except Answered:
                self.then = ()
                raise
            self.then = self.then[1:]

    def go_now(self) -> None:
        """Call the hooks where nobody is left to await any: asynchronous ones are not heard."""
        self.waits = False
        self.go()

    def go_quietly(self) -> None:
        """Do the same, or what is left of it; nothing is raised, as an exception is on its way already."""
        try:
            self.go_now()
        except BaseException:  # noqa: BLE001 - the first exception counts
            return

    def follow(self, others: Iterable[Telling]) -> None:
        """Go on with the hooks of these instead of its own, and after them with what each does then."""
        followed = list(others)
        self.calls = iter([call for telling in followed for call in telling.calls])
        self.stopped = followed[0].stopped if followed else None
        self.then += tuple(then for telling in followed for then in telling.then)

    def afterwards(self, then: Callable[[], None]) -> None:
        """Do this too after the last hook."""
        self.then = (*self.then, then)

    async def later(self, call: Call, awaitable: Awaitable[Any]) -> None:
        """Await what a hook returned, and go on with the others."""
        run, subscriber, event, _ = call
        try:
            if run.context is None or current().get(RUN) is run:  # its span is current, as in a model's body
                result = await awaitable
            else:
                result = await Steps(_coroutine(awaitable), _hook_frame(run.context))
        except BaseException as error:  # noqa: BLE001 - an accident is isolated, a stop raised after the last hook
            self.waits = self.waits and not isinstance(error, GeneratorExit)  # who closes us awaits nothing more
            if not is_isolated(subscriber, event, run, error):
                self._stop(call, error)
        else:
            if result is not None:
                warn_of_result(subscriber, event, result)
            if subscriber.callspan_failures:
                count(subscriber, 0)
        rest = self.go()
        if rest is not None:
            await rest

    def _stop(self, call: Call, error: BaseException) -> None:
        self.error = self.error or error
        if self.stopped is not None:
            _ours(self.stopped, self, call, error)


def _ours(function: Callable[..., None], *args: Any) -> None:
    """Call our own code among the hooks, where nothing else guards it."""
    try:
        function(*args)
    except Exception as fault:  # noqa: BLE001 - the user's call goes on
        state.failed("telling callbacks", fault)


def together(tellings: Iterable[Telling]) -> Telling | None:
    """Make one of several."""
    several = list(tellings)
    if len(several) < 2:  # noqa: PLR2004 - one is itself
        return several[0] if several else None
    one = Telling(())
    one.follow(several)
    return one


def hear(subscriber: Subscriber, event: str, run: Run, payload: tuple[Any, ...]) -> Awaitable[Any] | None:
    """Call one hook.

    Returns:
        What is to be awaited, if it is an asynchronous one.

    Raises:
        BaseException: The hook stops the call.
    """
    if subscriber.callspan_failures >= MAX_FAILURES:
        return None
    try:
        result = getattr(subscriber, event)(run, *payload)
    except BaseException as error:
        if not is_isolated(subscriber, event, run, error):
            raise
        return None
    if result is not None:
        if isawaitable(result):
            return result
        warn_of_result(subscriber, event, result)
    if subscriber.callspan_failures:
        count(subscriber, 0)
    return None


def hear_chunk(
    hooks: Iterable[tuple[Subscriber, Callable[..., Any]]],
    event: str,
    run: Run,
    said: Any,
    chunk: Any,
    keywords: Mapping[str, Any],
) -> tuple[Subscriber, Awaitable[Any]] | None:
    """Call the hooks that hear a chunk, which are many calls of few hooks: so these were looked up beforehand.

    Returns:
        The first that is to be awaited, with what it returned; those after it are not called.

    Raises:
        BaseException: A hook stops the call.
    """
    for subscriber, hook in hooks:
        if subscriber.callspan_failures >= MAX_FAILURES:
            continue
        try:
            result = hook(run, said, chunk, keywords) if subscriber.callspan_keywords else hook(run, said, chunk)
        except BaseException as error:
            if not is_isolated(subscriber, event, run, error):
                raise
            continue
        if result is not None:
            if isawaitable(result):
                return subscriber, result
            warn_of_result(subscriber, event, result)
        if subscriber.callspan_failures:
            count(subscriber, 0)
    return None


def hooks(subscribers: Iterable[Subscriber], events: tuple[str, ...]) -> Iterator[tuple[Subscriber, str]]:
    """Give the hooks that hear these events, by subscriber."""
    for subscriber in subscribers:
        heard = subscriber.callspan_heard
        for event in events:
            if event in heard:
                yield subscriber, event
            elif event == "on_chat_model_start" and "on_llm_start" in heard:
                yield subscriber, "on_llm_start"  # as LangChain's handlers have it


def calls_of(
    run: Run, subscribers: Iterable[Subscriber], events: tuple[str, ...], payload: tuple[Any, ...] = ()
) -> list[Call]:
    """Give the hooks of these subscribers that hear these events of a run."""
    return [(run, subscriber, event, payload) for subscriber, event in hooks(subscribers, events)]


def payload_for(subscriber: Subscriber, payload: tuple[Any, ...], keywords: Mapping[str, Any]) -> tuple[Any, ...]:
    """Give what a subscriber gets in the middle of a run: LangChain's other keywords too, if it wants them."""
    return (*payload, keywords) if subscriber.callspan_keywords else payload


def emit(run: Run, event: str, payload: Iterable[Any], keywords: Mapping[str, Any]) -> Telling | None:
    """Tell the run's subscribers of something in the middle of it.

    Args:
        run: The run.
        event: The hook.
        payload: What happened.
        keywords: All keywords that LangChain told it with.
    """
    told = tuple(payload)
    calls = [
        (run, subscriber, hook, payload_for(subscriber, told, keywords))
        for subscriber, hook in hooks(run.subscribers, (event,))
    ]
    return Telling(calls) if calls else None


class _Trusting:
    """Nothing of ours is called around a hook."""

    active = True

    def run(self, ours: Callable[..., Any], *args: Any) -> Any:
        return ours(*args)

    def failed(self, error: Exception) -> None:
        state.failed("what stands around a hook", error)


_TRUSTING = _Trusting()


def _hook_frame(context: Context) -> Frame:
    """Give the frame of an asynchronous hook: it has its run's span current, step by step."""
    frame = Frame()
    frame.prepare(_TRUSTING)
    frame.context, frame.begun, frame.placed = context, True, True
    return frame


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _coroutine(awaitable: Awaitable[Any]) -> Any:
    return awaitable if type(awaitable) is CoroutineType else _awaited(awaitable)


def _discard(awaitable: Any) -> None:
    if isinstance(awaitable, CoroutineType):
        awaitable.close()
