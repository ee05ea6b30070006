"""The scopes of callspan's own: the whole process, and a block."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar, cast, overload

from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import SpanProcessor

from callspan.callback.forward import Forward, as_callback, put_bus
from callspan.callback.idle import warn_idle, watch
from callspan.core.context import attached
from callspan.core.dispatch import subscriptions
from callspan.core.keys import SCOPED_CALLBACKS

_Processor = TypeVar("_Processor", bound=SpanProcessor)


def add_callback(processor: SpanProcessor) -> Callable[[], None]:
    """Let a callback, or any span processor, hear the whole process from now on.

    It hears what runs after `instrument()`. If something of LangChain runs before, or it is taken away before, that is
    logged once. A run keeps those whom it found at its start until its end.

    Args:
        processor: An instance of a class of `Callback`, or of any `SpanProcessor`.

    Returns:
        What takes it away again; its second call does nothing.

    Raises:
        TypeError: It is no span processor.
    """
    callback = as_callback(processor)
    removed = watch()
    subscriptions.prepare = put_bus
    put_bus()
    subscriptions.add(callback)
    if isinstance(callback, Forward):
        _flush_at_exit()
    wanted = [True]

    def undo() -> None:
        if wanted:
            wanted.pop()
            subscriptions.remove(callback)
            removed()

    return undo


@overload
def callbacks(processor: _Processor, /) -> AbstractContextManager[_Processor]: ...
@overload
def callbacks(
    processor: SpanProcessor, second: SpanProcessor, /, *more: SpanProcessor
) -> AbstractContextManager[tuple[SpanProcessor, ...]]: ...
@contextmanager
def callbacks(*processors: SpanProcessor) -> Generator[Any]:
    """Let callbacks, or any span processors, hear the runs that start in this block, and all that they call.

    It follows whatever the spans follow: into threads, tasks and generators that are begun in the block. If nothing is
    instrumented, that is logged once.

    Args:
        *processors: Instances of classes of `Callback`, or of any `SpanProcessor`.

    Returns:
        What `with` binds: the processor, or several as a tuple.

    Raises:
        TypeError: One is no span processor.
    """
    given = tuple(as_callback(processor) for processor in processors)
    if given:
        warn_idle("callspan.callbacks")
    put_bus()
    here: Any = get_current()
    with attached(Context({**here, SCOPED_CALLBACKS: (*here.get(SCOPED_CALLBACKS, ()), *given)})):
        yield processors[0] if len(processors) == 1 else processors


def flush(timeout: float) -> bool:
    """Let the callbacks of the process send what they have.

    Args:
        timeout: Seconds to wait at most, for each.
    """
    process = cast("Iterable[SpanProcessor]", subscriptions.process)
    results = [callback.force_flush(int(timeout * 1000)) for callback in process]
    return all(results)


_registered: list[bool] = []


def _flush_at_exit() -> None:
    if not _registered:
        _registered.append(True)
        atexit.register(flush, 5.0)
