"""Any span processor as a callback, and the one processor that callspan adds to a provider."""

from __future__ import annotations

import logging
import weakref
from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from callspan.callback.callback import HOOKS, Callback
from callspan.callback.checks import check_instance
from callspan.callback.session import add_to_providers
from callspan.core import state
from callspan.core.dispatch import call_safely, subscriptions
from callspan.core.keys import SCOPED_CALLBACKS, STARTING_RUN
from callspan.core.operations import Subscriber

_log = logging.getLogger("callspan")


class Forward(Callback):
    """Any span processor in any scope: it gets the spans of the runs there and, in a process or block, all others too.

    It does not get spans that are sampled out. In process and block it is put around a plain processor by itself.

    Args:
        processor: The span processor.

    Raises:
        TypeError: It is none.
    """

    def __init__(self, processor: SpanProcessor) -> None:
        _check_processor(processor)
        self.processor = processor

    def __repr__(self) -> str:
        return f"Forward({self.processor!r})"

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Forward the start of a span."""
        self.processor.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Forward the end of a span."""
        self.processor.on_end(span)

    def shutdown(self) -> None:
        """Shut the processor down."""
        self.processor.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the processor."""
        return self.processor.force_flush(timeout_millis)


class Bus(SpanProcessor):
    """Notifies the callbacks of process and block of the spans that are no runs."""

    def __init__(self) -> None:
        self._open: weakref.WeakValueDictionary[int, _Listeners] = weakref.WeakValueDictionary()

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """Notify whoever listens here, and keep who it was."""
        context = get_current() if parent_context is None else parent_context
        scoped: Any = context.get(SCOPED_CALLBACKS, ())
        if not (subscriptions.process or scoped) or STARTING_RUN in context:
            return
        listeners = _Listeners({id(one): one for one in (*subscriptions.process, *scoped)}.values())
        span._callspan_listeners = self._open[span.context.span_id] = listeners  # as long as the span lives
        for listener in listeners:
            call_safely(listener, "on_start", span, context)

    def on_end(self, span: ReadableSpan) -> None:
        """Notify those who received the start."""
        if not len(self._open):
            return
        listeners = None if span.context is None else self._open.pop(span.context.span_id, None)
        for listener in listeners or ():
            call_safely(listener, "on_end", span)


class _Listeners(list[Subscriber]):
    """The callbacks that listen to one span, each once; a list has no weak references."""


def put_bus() -> None:
    """Add the bus to the provider in force and the global one, once for each."""
    add_to_providers(Bus)


_FORWARD = "_callspan_forward"  # the key in a processor's `__dict__`


def as_callback(processor: Any) -> Callback:
    """Return the callback that stands for a processor: itself, or the one that forwards to it.

    Raises:
        TypeError: It is no span processor, or a hook that was assigned to it is none.
        ValueError: It selects a kind of runs that does not exist.
    """
    if isinstance(processor, Callback):
        check_instance(processor, Callback)
        return processor
    _check_processor(processor)
    attributes: dict[str, Any] = getattr(processor, "__dict__", {})
    forward: Callback | None = attributes.get(_FORWARD)
    if forward is None:
        _warn_of_hooks(processor)
        # The same one each time: a processor that is registered in two ways is notified once.
        forward = attributes[_FORWARD] = Forward(processor)
    return forward


def why_no_processor(value: Any) -> str:
    """Return why this is no span processor; an empty text if it is one."""
    if isinstance(value, type):
        return f"is no span processor but a class; pass an instance: {value.__name__}(...)"
    if hasattr(value, "on_start") and hasattr(value, "on_end"):
        return ""
    return (
        "is no span processor; a callback is an instance of a class of callspan.Callback, "
        "and a handler of LangChain's is given as callspan.FromLangChain(handler)"
    )


def _check_processor(processor: Any) -> None:
    if why := why_no_processor(processor):
        raise TypeError(f"{processor!r} {why}")


def _warn_of_hooks(processor: Any) -> None:
    """Log once that the hooks of a class are never called, for it is no class of `Callback`."""
    cls = type(processor)
    found = [hook for hook in HOOKS if hasattr(cls, hook)]
    if found and state.first_time(f"no callback {cls.__module__}.{cls.__qualname__}"):
        _log.warning("%s.%s is never called: derive the class from callspan.Callback", cls.__name__, found[0])
