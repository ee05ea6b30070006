"""What a model says before it has ended: its tokens and stream events, told by the run manager of one call.

The methods that tell are replaced on that one object, and only if somebody hears: who wants to know when the first
chunk came hears one, and then LangChain's own method is back in its place; a callback hears all.
"""

from __future__ import annotations

import weakref
from inspect import iscoroutinefunction
from time import time_ns
from types import MethodType
from typing import Any

from callspan import telemetry
from callspan.delivery import Call, Telling, hear, payload_for
from callspan.kinds import Subscriber
from callspan.lease import SLOT
from callspan.run import Run
from callspan.settling import settle
from callspan.shapes import and_then

TOKEN, EVENT = "on_llm_new_token", "on_stream_event"

METHODS = (TOKEN, EVENT)
"""The methods of a model's run manager that tell of chunks; the second of its newer streams, since core 1.4."""


class FirstChunk:
    """Stands on one run manager, in the place of a method, for one call of it.

    Args:
        run: The run whose chunks are told.
        run_manager: The run manager.
        state: What it consists of, for one that is gone while its method is called.
        method: The name of the method.
    """

    __slots__ = ("_class", "_method", "_run", "_run_manager", "_state")

    def __init__(self, run: Run, run_manager: Any, state: dict[str, Any], method: str) -> None:
        self._run: Any = run.ref
        self._run_manager: Any = weakref.ref(run_manager)  # not itself: the run manager holds us
        self._class: Any = type(run_manager)
        self._state = state
        self._method = method

    def _target(self) -> Any:
        run_manager = self._run_manager()
        if run_manager is None:
            run_manager = object.__new__(self._class)
            run_manager.__dict__.update(self._state)
        return run_manager

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        run, run_manager = self._run(), self._target()
        if run is not None:
            _note(run)
        leave(run_manager)
        return getattr(self._class, self._method)(run_manager, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:  # __name__, __self__, __code__: is it a coroutine function?
        if name.startswith("_") and not name.startswith("__"):
            raise AttributeError(name)
        return getattr(MethodType(getattr(self._class, self._method), self._target()), name)

    # A run manager is copied and pickled with its `__dict__`; a copy tells LangChain's own method, and nobody else.
    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        target = self._target()
        return _Own(memo.get(id(target), target), self._method)

    def __reduce__(self) -> tuple[type[_Own], tuple[Any, str]]:
        return _Own, (self._target(), self._method)


class EveryChunk(FirstChunk):
    """Stands there as long as the run manager lives, and tells whoever hears.

    No context is attached: the body of a model is in its span already.
    """

    __slots__ = ("_asynchronous", "_function", "_heard_by")

    def __init__(
        self, run: Run, run_manager: Any, state: dict[str, Any], method: str, heard_by: list[Subscriber]
    ) -> None:
        super().__init__(run, run_manager, state, method)
        self._heard_by = heard_by
        self._function: Any = getattr(self._class, method)
        self._asynchronous = iscoroutinefunction(self._function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        run = self._run()
        if run is not None and not run.ended:
            if run.first_chunk is None:
                _note(run)
            said = args[0] if args else kwargs.get("token", kwargs.get("event"))
            payload = (said, kwargs.get("chunk")) if self._method is TOKEN else (said,)
            for place, subscriber in enumerate(self._heard_by):
                awaitable = hear(subscriber, self._method, run, payload_for(subscriber, payload, kwargs))
                if awaitable is not None:
                    call, *others = [self._call_of(run, other, payload, kwargs) for other in self._heard_by[place:]]
                    pending = Telling(others).later(call, awaitable)
                    if self._asynchronous:
                        return and_then(pending, MethodType(self._function, self._target()), args, kwargs)
                    settle(pending)
                    break
        return self._function(self._run_manager() or self._target(), *args, **kwargs)

    def _call_of(self, run: Run, subscriber: Subscriber, payload: tuple[Any, ...], keywords: dict[str, Any]) -> Call:
        return run, subscriber, self._method, payload_for(subscriber, payload, keywords)


class _Own:
    """LangChain's own method of a copied run manager."""

    __slots__ = ("_method", "_run_manager")

    def __init__(self, run_manager: Any, method: str) -> None:
        self._run_manager, self._method = run_manager, method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leave(self._run_manager)
        return getattr(type(self._run_manager), self._method)(self._run_manager, *args, **kwargs)

    def __reduce__(self) -> tuple[type[_Own], tuple[Any, str]]:
        return _Own, (self._run_manager, self._method)


def watch(run: Run, run_manager: Any) -> None:
    """Hear of chunks, if anybody wants to know of all or when the first one came."""
    first = run.first_chunk is None and (
        bool(run.subscribers) or run.span.is_recording() or telemetry.instruments() is not None
    )
    for method in METHODS:
        heard_by = [one for one in run.subscribers if method in one.callspan_heard]
        if (first or heard_by) and hasattr(run_manager, method):
            told = run_manager.__dict__
            state = {name: value for name, value in told.items() if name != SLOT}
            told[method] = (
                EveryChunk(run, run_manager, state, method, heard_by)
                if heard_by
                else FirstChunk(run, run_manager, state, method)
            )


def leave(run_manager: Any) -> None:
    """Put LangChain's own methods back, where only the first chunk was waited for."""
    for method in METHODS:
        if type(run_manager.__dict__.get(method)) in (FirstChunk, _Own):  # else it is the user's own, or heard
            del run_manager.__dict__[method]


def _note(run: Run) -> None:
    if run.first_chunk is None:
        run.first_chunk = time_ns()
        run.streamed = True
