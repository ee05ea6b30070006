"""GenAI spans of other instrumentations: callbacks observe them, through their attributes."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, get_current_span, set_span_in_context

from callspan import semconv
from callspan.callback.checks import OPERATIONS
from callspan.core import interop
from callspan.core.dispatch import Notification, hook_calls, subscribe
from callspan.core.event_loops import run_sync
from callspan.core.keys import RUN, STARTING_RUN
from callspan.core.lifecycle import events_of_end, events_of_start
from callspan.core.operations import Operation, Subscriber
from callspan.core.run import ERROR, OK, Run
from callspan.core.usage import TokenCounts


def _counts(attributes: Mapping[str, Any]) -> TokenCounts:
    has_output = attributes.get(semconv.OPERATION) != semconv.EMBEDDINGS
    return interop.counts(attributes, has_output=has_output) or TokenCounts()


def _operation(name: str, kind: str) -> Operation:
    return Operation(
        name=kind, span_prefix=name, operation=name, span_kind=SpanKind.INTERNAL, depth=0, target=None, tokens=_counts
    )


_OPERATIONS = {name: _operation(name, kind) for name, kind in OPERATIONS.items()}

# By span id: the runs of spans that have not ended; each hangs on its live span, and lives as long.
_open: weakref.WeakValueDictionary[int, Run] = weakref.WeakValueDictionary()

_tasks: set[asyncio.Task[None]] = set()


def subscribe_by_sdk(callback: Subscriber, parent_context: Context | None) -> bool:
    """Return whether the span that starts is a run's; if so the callback, which the SDK notifies, listens to it."""
    run: Any = None if parent_context is None else parent_context.get(STARTING_RUN)
    if run is None:
        return False
    if type(run.sdk_callbacks) is list:  # once the span has started, it is a tuple
        run.sdk_callbacks.append(callback)
    return True


def is_first(callback: Subscriber, span: Any, method: str) -> bool:
    """Return whether this is the first time that the span is reported to the callback: it may come in several ways."""
    try:
        reported: set[tuple[int, str]] = span.__dict__.setdefault("_callspan_told", set())
    except AttributeError:  # no span of the SDK
        return True
    if (id(callback), method) in reported:
        return False
    reported.add((id(callback), method))
    return True


def started(callback: Subscriber, span: Any, parent_context: Context | None) -> None:
    """Notify a callback of the start of another instrumentation's span, if it is a GenAI one."""
    attributes: Mapping[str, Any] = getattr(span, "attributes", None) or {}
    operation = _OPERATIONS.get(str(attributes.get(semconv.OPERATION)))
    if operation is None:
        return
    context = get_current() if parent_context is None else parent_context
    around: Any = context.get(RUN)
    outer = _open.get(get_current_span(context).get_span_context().span_id)
    # A provider SDK's span inside a run of the same kind is the same call seen again.
    if operation.shared and any(one is not None and one.kind == operation.name for one in (around, outer)):
        return
    run = _open.get(span.context.span_id)
    if run is None:
        run = _run_of(span, operation, context, around)
        _open[span.context.span_id] = span._callspan_run = run
    before = len(run.subscribers)
    subscribe(run, callback)
    _notify(run, run.subscribers[before:], events_of_start(operation))


def _run_of(span: Any, operation: Operation, context: Context, around: Run | None) -> Run:
    run = Run(format_span_id(span.context.span_id), None, span.name, {}, (), None, {}, {})
    run.row, run.span, run.identity, run.is_foreign = operation, span, dict(span.attributes), True
    run.started = span.start_time or run.started
    if around is not None:
        run.parent_ref, run.parent_id = around.ref, around.id
    run.context = set_span_in_context(span, context)
    return run


def ended(callback: Subscriber, span: Any) -> None:
    """Notify a callback of the end of another instrumentation's span, if it received the start."""
    run = _open.get(span.context.span_id)
    if run is None or all(callback is not one for one in run.subscribers):
        return
    run.subscribers = tuple(one for one in run.subscribers if one is not callback)
    if not run.ended:
        run.ended, run.ended_at = True, span.end_time
        run.identity = dict(span.attributes)
        run.answer = {} if run.usage_counted else run.identity
        run.outcome = ERROR if span.status.status_code is StatusCode.ERROR else OK
    _notify(run, (callback,), events_of_end(run))


def _notify(run: Run, subscribers: tuple[Subscriber, ...], events: tuple[str, ...]) -> None:
    """Call the hooks: a processor cannot await, so async ones run in a task of their own."""
    pending = Notification(hook_calls(run, subscribers, events)).call_hooks()
    if pending is None:
        return
    try:
        task = asyncio.get_running_loop().create_task(pending)
    except RuntimeError:
        run_sync(pending)
        return
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
