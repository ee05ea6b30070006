"""Tokens and stream events of a model's call, which LangChain reports to the call's run manager.

The methods are replaced on that one object, and only if somebody listens. For the time of the first chunk one call
is enough: then LangChain's own method is back in its place. A callback receives all.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from inspect import iscoroutinefunction
from time import time_ns
from types import MethodType
from typing import Any

from callspan.core import state
from callspan.core.dispatch import Notification, call_chunk_hooks, payload_for
from callspan.core.event_loops import Pending, run_sync
from callspan.core.operations import Subscriber
from callspan.core.registry import OWNER
from callspan.core.run import Run
from callspan.core.wrappers import and_then

TOKEN, EVENT = "on_llm_new_token", "on_stream_event"

# The methods of a model's run manager that report chunks; the second belongs to its newer streams, since core 1.4
METHODS = (TOKEN, EVENT)


# Whose chunks are watched: weak references to the run and its run manager, which holds what stands in the place of its
# methods; the class of the run manager; and what it consists of, for one that is gone while its method is called.
Watched = tuple[Callable[[], Run | None], Callable[[], Any], Any, dict[str, Any]]


class FirstChunk:
    """Stands on one run manager, in the place of a method, for one call of it.

    Args:
        watched: The run and its run manager.
        method: The name of the method.
    """

    __slots__ = ("_method", "_watched")

    def __init__(self, watched: Watched, method: str) -> None:
        self._watched, self._method = watched, method

    def _target(self) -> Any:
        _, ref, cls, state_of_it = self._watched
        run_manager = ref()
        if run_manager is None:
            run_manager = object.__new__(cls)
            run_manager.__dict__.update(state_of_it)
        return run_manager

    def _original(self) -> Any:
        """Return LangChain's own method, not bound."""
        return getattr(self._watched[2], self._method)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        run, run_manager = self._watched[0](), self._target()
        if run is not None:
            _note(run)
        leave(run_manager)
        return self._original()(run_manager, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:  # __name__, __self__, __code__: is it a coroutine function?
        if name.startswith("_") and not name.startswith("__"):
            raise AttributeError(name)
        return getattr(MethodType(self._original(), self._target()), name)

    # A run manager is copied and pickled with its `__dict__`; a copy calls only LangChain's own method.
    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        target = self._target()
        return _Own(memo.get(id(target), target), self._method)

    def __reduce__(self) -> tuple[type[_Own], tuple[Any, str]]:
        return _Own, (self._target(), self._method)


class EveryChunk(FirstChunk):
    """Stands there as long as the run manager lives, and calls the hooks of all who listen.

    No context is attached: the body of a model is in its span already. What can be looked up once is, in `__init__`.
    """

    __slots__ = ("_function", "_hooks", "_run", "_run_manager")

    def __init__(self, watched: Watched, method: str, listeners: list[Subscriber]) -> None:
        super().__init__(watched, method)
        self._run, self._run_manager, *_ = watched
        self._hooks: Any = [(subscriber, self._hook_of(subscriber)) for subscriber in listeners]
        self._function: Any = self._original()

    def _hook_of(self, subscriber: Subscriber) -> Callable[[Run, Any, Any], Any]:
        hook: Any = getattr(subscriber, self._method)
        return lambda run, event, _, *more: hook(run, event, *more)

    def _payload(self, event: Any, chunk: Any) -> tuple[Any, ...]:
        return (event,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        event = args[0] if args else kwargs.get("event")
        return self._go_on(self._call_hooks(event, None, kwargs), args, kwargs)

    def _call_hooks(self, said: Any, chunk: Any, keywords: Mapping[str, Any]) -> Pending | None:
        """Call the hooks up to the first that is to be awaited; return the rest."""
        run = self._run()
        if run is None or run.ended:
            return None
        if run.first_chunk is None:
            _note(run)
        waits = call_chunk_hooks(self._hooks, self._method, run, said, chunk, keywords)
        return None if waits is None else self._rest(*waits, run, self._payload(said, chunk), keywords)

    def _rest(
        self,
        first: Subscriber,
        awaitable: Awaitable[Any],
        run: Run,
        payload: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Pending:
        subscribers = [subscriber for subscriber, _ in self._hooks]
        place = next(index for index, one in enumerate(subscribers) if one is first)
        call, *others = [(run, one, self._method, payload_for(one, payload, keywords)) for one in subscribers[place:]]
        return Notification(others).await_hooks(call, awaitable)

    def _go_on(self, pending: Pending | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call LangChain's own method, once all hooks have been called."""
        if pending is not None and iscoroutinefunction(self._function):
            return and_then(pending, MethodType(self._function, self._target()), args, kwargs)
        run_sync(pending)
        return self._function(self._target(), *args, **kwargs)


class EveryToken(EveryChunk):
    """The same for tokens, of which there are most: arguments taken as they come would cost as much as the hook."""

    __slots__ = ()

    def _hook_of(self, subscriber: Subscriber) -> Callable[[Run, Any, Any], Any]:
        hook: Any = getattr(subscriber, self._method)
        return hook  # type: ignore[no-any-return]

    def _payload(self, event: Any, chunk: Any) -> tuple[Any, ...]:
        return event, chunk

    def __call__(self, token: Any, *, chunk: Any = None, **more: Any) -> Any:
        pending = self._call_hooks(token, chunk, more)
        if pending is None and chunk is not None and not more:
            return self._function(self._run_manager() or self._target(), token, chunk=chunk)
        return self._go_on(pending, (token,), more if chunk is None else {"chunk": chunk, **more})


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
    """Watch the chunks of a run, if anybody wants to know of all or when the first one came."""
    listens = run.subscribers
    first = run.first_chunk is None and (bool(listens) or run.span.is_recording() or state.instruments() is not None)
    if not first and not listens:
        return
    methods = run_manager.__dict__
    cls: Any = type(run_manager)
    watched = (run.ref, weakref.ref(run_manager), cls, {**methods, OWNER: None})
    for method in _methods_of(cls):
        if listens and (heard := [one for one in listens if method in one.callspan_heard]):
            methods[method] = (EveryToken if method == TOKEN else EveryChunk)(watched, method, heard)
        elif first:
            methods[method] = FirstChunk(watched, method)


@lru_cache(maxsize=64)
def _methods_of(cls: Any) -> tuple[str, ...]:
    return tuple(method for method in METHODS if hasattr(cls, method))


def leave(run_manager: Any) -> None:
    """Put LangChain's own methods back, where only the first chunk was waited for."""
    for method in METHODS:
        if type(run_manager.__dict__.get(method)) in (FirstChunk, _Own):  # else the user's own, or somebody listens
            del run_manager.__dict__[method]


def _note(run: Run) -> None:
    if run.first_chunk is None:
        run.first_chunk = time_ns()
        run.streamed = True
