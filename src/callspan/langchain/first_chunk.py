"""When the first chunk of a model's answer came: told once, then LangChain's own method is back in its place."""

from __future__ import annotations

import weakref
from time import time_ns
from types import MethodType
from typing import Any

from callspan import telemetry
from callspan.lease import SLOT
from callspan.run import Run

METHODS = ("on_llm_new_token", "on_stream_event")
"""The methods of a model's run manager that tell of chunks, until core 1.4 and for its newer streams."""


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
        if run is not None and run.first_chunk is None:
            run.first_chunk = time_ns()
            run.streamed = True
        leave(run_manager)
        return getattr(self._class, self._method)(run_manager, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:  # __name__, __self__, __code__: is it a coroutine function?
        if name in self.__slots__:
            raise AttributeError(name)
        return getattr(MethodType(getattr(self._class, self._method), self._target()), name)

    # A run manager is copied and pickled with its `__dict__`; a copy tells LangChain's own method, and nobody else.
    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        target = self._target()
        return _Own(memo.get(id(target), target), self._method)

    def __reduce__(self) -> tuple[type[_Own], tuple[Any, str]]:
        return _Own, (self._target(), self._method)


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
    """Note when the first chunk comes, if anybody reads it."""
    if run.first_chunk is None and (run.span.is_recording() or telemetry.instruments() is not None):
        told = run_manager.__dict__
        state = {name: value for name, value in told.items() if name != SLOT}
        for method in METHODS:
            if hasattr(run_manager, method):
                told[method] = FirstChunk(run, run_manager, state, method)


def leave(run_manager: Any) -> None:
    """Put LangChain's own methods back."""
    for method in METHODS:
        if type(run_manager.__dict__.get(method)) in (FirstChunk, _Own):  # else it is the user's own
            del run_manager.__dict__[method]
