"""The scopes of callspan's own: the whole process, and a block. And callbacks by name, as `module:Class`."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any, TypeVar, cast, overload

from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import SpanProcessor

from callspan.callback.callback import Callback
from callspan.callback.forward import Forward, as_callback, put_bus, why_no_processor
from callspan.core import state
from callspan.core.context import attached
from callspan.core.dispatch import subscriptions
from callspan.core.keys import SCOPED_CALLBACKS
from callspan.core.patching import when_imported

_log = logging.getLogger("callspan")

_Processor = TypeVar("_Processor", bound=SpanProcessor)


def add_callback(processor: SpanProcessor) -> Callable[[], None]:
    """Subscribe a callback, or any span processor, to the whole process from now on.

    It receives what runs after `instrument()`. If something of LangChain runs before, or the callback is removed
    before, that is logged once. A run keeps until its end the callbacks that it had at its start.

    Args:
        processor: An instance of a class of `Callback`, or of any `SpanProcessor`.

    Returns:
        A function that removes it; its second call does nothing.

    Raises:
        TypeError: It is no span processor.
    """
    callback = as_callback(processor)
    removed = _watch()
    subscriptions.prepare = put_bus
    put_bus()
    subscriptions.add(callback)
    if isinstance(callback, Forward) and not _at_exit:
        _at_exit.append(atexit.register(flush, 5.0))
    added = [True]

    def remove() -> None:
        if added:
            added.pop()
            subscriptions.remove(callback)
            removed()

    return remove


_at_exit: list[Any] = []  # what is registered to run at exit


@overload
def callbacks(processor: _Processor, /) -> AbstractContextManager[_Processor]: ...
@overload
def callbacks(
    processor: SpanProcessor, second: SpanProcessor, /, *more: SpanProcessor
) -> AbstractContextManager[tuple[SpanProcessor, ...]]: ...
@contextmanager
def callbacks(*processors: SpanProcessor) -> Generator[Any]:
    """Subscribe callbacks, or any span processors, to the runs that start in this block and to all that they call.

    The block follows whatever the spans follow: into threads, tasks and generators that are started in it. If nothing
    is instrumented, that is logged once.

    Args:
        *processors: Instances of classes of `Callback`, or of any `SpanProcessor`.

    Returns:
        What `with` binds: the processor, or several as a tuple.

    Raises:
        TypeError: One is no span processor.
    """
    given = tuple(as_callback(processor) for processor in processors)
    if given:
        _warn_idle("callspan.callbacks")
    put_bus()
    here: Any = get_current()
    with attached(Context({**here, SCOPED_CALLBACKS: (*here.get(SCOPED_CALLBACKS, ()), *given)})):
        yield processors[0] if len(processors) == 1 else processors


def flush(timeout: float) -> bool:
    """Flush the callbacks of the process; return whether all did it within `timeout` seconds each."""
    process = cast("Iterable[SpanProcessor]", subscriptions.process)
    results = [callback.force_flush(int(timeout * 1000)) for callback in process]
    return all(results)


# Callbacks that receive nothing, because nothing is instrumented -----------------------------------------------------

_waiting: list[object] = []  # one object for each callback that was added while nothing was instrumented
_watched: list[bool] = []


def _warn_idle(scope: str) -> None:
    if not state.is_active() and state.first_time(f"idle {scope}"):
        _log.warning(
            "%s: nothing is instrumented, so its callbacks receive no events of LangChain, and guards guard nothing; "
            "call callspan.instrument() first",
            scope,
        )


class _FirstCall:
    """A context variable without a value, for LangChain, which reads it whenever it configures a run."""

    def get(self, default: Any = None) -> Any:
        """Warn if a callback waits and nothing is instrumented."""
        if _waiting:
            _warn_idle("callspan.add_callback")
            _waiting.clear()
        return default


def _watch() -> Callable[[], None]:
    """Warn at LangChain's next run if nothing is instrumented by then: `instrument()` may follow `add_callback`.

    Returns:
        What is called when the callback is removed: it warns if nothing was instrumented in the meantime.
    """
    if state.is_active():
        return lambda: None
    mine, before = object(), state.last()
    _waiting.append(mine)
    if not _watched:
        _watched.append(True)
        when_imported("langchain_core.tracers.context", _register)

    def removed() -> None:
        if mine in _waiting:
            _waiting.remove(mine)
        if state.last() is before:
            _warn_idle("callspan.add_callback")

    return removed


def _register(module: Any) -> Callable[[], None]:
    module.register_configure_hook(_FirstCall(), inheritable=True)
    return lambda: None


# Callbacks by name ---------------------------------------------------------------------------------------------------

_ALLOWED = "module:Class, several separated by commas; each a class of span processors that is made without arguments"


def load(given: Any) -> list[Callback]:
    """Return the callbacks that were given: span processors, or texts that name their classes.

    Args:
        given: One, or an iterable; a text may name several, separated by commas.

    Raises:
        ValueError: One cannot be found, cannot be made, or is no span processor.
    """
    return [_named(one) if isinstance(one, str) else _checked(one, one) for one in _each(given)]


def load_named(given: Any, source: str) -> list[Callback]:
    """Return the callbacks that `source`, a variable or file, names; one that cannot be loaded is left out."""
    found: list[Callback] = []
    for one in _each(given):
        try:
            found += load([one])
        except ValueError as wrong:
            _log.warning("%s: %s; it is left out", source, wrong)
    return found


def _each(given: Any) -> Iterator[Any]:
    for one in [given] if isinstance(given, str) or not isinstance(given, Iterable) else given:
        if isinstance(one, str):
            yield from filter(None, map(str.strip, one.split(",")))
        else:
            yield one


def _named(name: str) -> Callback:
    module, colon, path = name.partition(":")
    try:
        if not colon or not module or not path:
            raise ValueError("it has no `:` between module and class")
        value: Any = import_module(module)
        for part in path.split("."):
            value = getattr(value, part)
        if isinstance(value, type):
            value = value()
    except Exception as error:
        raise ValueError(f"callbacks={name!r} is not allowed ({type(error).__name__}: {error}): {_ALLOWED}") from error
    return _checked(value, name)


def _checked(value: Any, given: Any) -> Callback:
    if not isinstance(value, Callback) and (why := why_no_processor(value)):
        raise ValueError(f"callbacks={given!r} is not allowed, it {why}: {_ALLOWED}")
    try:
        return as_callback(value)
    except TypeError as mistake:
        raise ValueError(f"callbacks={given!r} is not allowed: {mistake}") from mistake
