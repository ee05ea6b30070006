"""A run starts and ends: its place among the other runs, its span, its body's context, and who is notified."""

from __future__ import annotations

import atexit
from asyncio import CancelledError
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from time import time_ns
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import get_current_span

from callspan import semconv
from callspan.core import interop, registry, report, spans, state
from callspan.core.dispatch import (
    HookCall,
    Notification,
    call_safely,
    combine,
    hook_calls,
    notify_of_span,
    scoped_callbacks,
    subscribe,
    subscriptions,
)
from callspan.core.errors import ToolError
from callspan.core.identity import at_home
from callspan.core.keys import CONTENT, IDENTITY, RUN, SCOPED_CALLBACKS, SPAN, STARTING_RUN, WAITING_FRAME
from callspan.core.operations import Operation, SpanLink, Subscriber
from callspan.core.run import CANCELLED, CLOSED, ERROR, FAILED, NO_CONTENT, OK, PAUSED, SKIPPED, STOPPED, Run
from callspan.core.signals import is_from_handler
from callspan.core.text import NAME_LIMIT, name_without_ids, safe_name
from callspan.core.usage import MODEL_CALLS, Totals

ABANDONED = "abandoned"

NOTHING: Any = object()
"""Stands for outputs that were not reported; None is an output."""

_set = dict.__setitem__  # for contexts that nobody has seen yet
_NO_ATTRIBUTES: dict[str, Any] = {}
_WITHOUT_CHILDREN = ("llm", "embedding")  # kinds of runs whose managers make no configs: no child names them


class Unread(GeneratorExit):
    """Ends a stream that nobody reads any longer, since the run around it failed."""


# Start -----------------------------------------------------------------------------------------------------------


def start_run(
    run: Run,
    row: Operation,
    parent: Context,
    *,
    above: Run | None,
    hidden: bool = False,
    causes: Sequence[SpanLink] = (),
    current: Context | None = None,
) -> None:
    """Start a run and its span. Its frames make its `context` current; `announce` returns the hooks of its start.

    Args:
        run: The run that was announced.
        row: What it is.
        parent: The context it belongs to.
        above: The run of that context.
        hidden: Whether it gets no span although its kind would.
        causes: Why it was made, for its links.
        current: The context it is started in, if that may be another one.
    """
    try:
        if not _at_exit or state.first_run.prepare is not None:
            _prepare_first_run(run)
            run.active = state.active()  # what prepares the first run may have changed it
        if registry.abandoned:
            end_abandoned()
        active = run.active
        run.row = row
        if above is not None:
            run.parent_ref, run.ancestors = above.ref, (*above.ancestors, above.id)
            run.totals_parent = above.totals or (_make_totals(above) if above.has_totals else above.totals_parent)
        listens = subscriptions.callback_class is not None
        given = parent
        if listens:
            run.sdk_callbacks, given = [], Context({**parent, STARTING_RUN: run})
        is_watched = False
        if row.shared and (shared := interop.outer_record(parent, row.name, above)) is not None:
            run.shared, run.watched, is_watched = shared, True, True
            if (outer := getattr(get_current_span(parent), "_callspan_run", None)) is not None:
                outer.usage_counted = True  # callbacks receive both, and count the tokens of this one
        if is_watched or (above is not None and (hidden or row.depth > active.visible)):
            run.span = spans.hidden_span(parent)
            run.identity = spans.read(row.identity, run) if listens else {}
        else:
            _start_span(run, active, given, causes, above)
        if row.totals and active.meters is not None and active.meters.instruments() is not None:
            run.has_totals = True  # an agent's are measured, whether or not it has a span
        context = run.context = _body_context(run, parent, above)
        if listens:
            run.sdk_callbacks = tuple(run.sdk_callbacks)
            blocks = scoped_callbacks(parent, current or parent)
            if blocks or subscriptions.process or run.sdk_callbacks:
                _subscribe(run, context, given, blocks)
        registry.add(run)
        if not active.roots.are_watched:  # another thread, or a sampler, called `uninstrument()` meanwhile
            run.subscribers = ()  # nobody was notified yet
            end_alone(run, None)
    except BaseException as error:
        ours = isinstance(error, Exception) and not is_from_handler(error)
        end_interrupted(run, error, ABANDONED if ours else CANCELLED)
        raise


def _start_span(
    run: Run, active: state.Telemetry, parent: Context, causes: Sequence[SpanLink], above: Run | None
) -> None:
    """Start the run's span, with all attributes that are known at the start."""
    row = run.row
    # The SDK is fastest if it is given all attributes at once; if it keeps none, they were read in vain. Below a
    # run it is known which it will be. Otherwise it is taken to be as it was the last time.
    eager = active.roots.are_recorded if above is None else above.span.is_recording()
    target: Any = None
    attributes: dict[str, Any] = {}
    is_unread = not eager and row.calls == MODEL_CALLS and subscriptions.callback_class is None
    if not is_unread or not spans.is_dropped(active.tracer, parent):  # what a chain is costs less to read than to ask
        attributes = spans.read(row.identity, run)
        target = name_without_ids(run.name) if row.target is None else attributes.get(row.target)
        if row.target is not None and target is not None and (type(target) is not str or len(target) > NAME_LIMIT):
            target = safe_name(target)
    run.identity = attributes
    if eager:
        attributes = spans.read(row.start, run, {**attributes})
    if run.who is not None:
        attributes = {**run.who.attributes, **attributes}
    try:  # straight into the run: an interrupt would lose what stands in a local variable
        run.span = active.tracer.start_span(
            row.span_prefix if target is None else f"{row.span_prefix} {target}",
            parent,
            row.span_kind,
            attributes,
            spans.links(causes) if causes else None,
            run.started,
        )
    except BaseException as fault:  # the SDK lets every processor's exception through (#5624 there)
        if not isinstance(fault, Exception) or is_from_handler(fault):
            spans.end_half_started(run.started, fault)
            raise
        state.log_sdk_failure("start a span", fault)
        run.span = spans.hidden_span(parent)  # else the exception would break the user's call
    recording = run.span.is_recording()
    if recording:
        late = _NO_ATTRIBUTES if eager else spans.read(row.start, run)
        run.content = parent.get(CONTENT) or active.settings.content  # type: ignore[assignment]
        if row.input_content and run.content != NO_CONTENT:
            late = {**late, **active.content.input_attributes(run)}
        if late:
            run.span.set_attributes(late)
        run.has_totals = above is None or row.totals
    for cause in causes:
        run.span.set_attributes(spans.cause_attributes(cause))
        run.attempt = cause.attributes.get(semconv.RUN_ATTEMPT, run.attempt)
    if above is None:
        active.roots.are_recorded = recording


def _body_context(run: Run, parent: Context, above: Run | None) -> Context:
    """Return the context that the run's body is executed in; nobody has seen it yet, so it can be changed."""
    context = Context(parent)
    _set(context, SPAN, run.span)
    _set(context, RUN, run)
    if WAITING_FRAME in context:
        dict.__delitem__(context, WAITING_FRAME)
    row = run.row
    if run.who is not None:
        if context.get(IDENTITY) is not run.who:
            _set(context, IDENTITY, run.who)
        if row.name in _WITHOUT_CHILDREN:  # the providers of models are not hooks_of_end who the user is
            context = at_home(context)
    if row.shared or (above is not None and above.row.shared):
        made = None if run.rare is not None and run.watched else interop.mark(context, row.shared, above)
        if made is not None:
            run.shared = made
    return context


def _make_totals(run: Run) -> Totals:
    """Return the totals of a root or an agent; they are made when something starts in it."""
    made = Totals(run.totals_parent)
    if run.totals is None:  # two threads may be here at once; none comes between a test and a store without a call
        run.totals = made
    return run.totals


def _subscribe(run: Run, context: Context, given: Context, blocks: tuple[Subscriber, ...]) -> None:
    """Subscribe the callbacks of the process, the blocks and the provider to the run."""
    if run.parent_ref is None and subscriptions.prepare is not None and (blocks or subscriptions.process):
        subscriptions.prepare()
    if blocks:
        _set(context, SCOPED_CALLBACKS, blocks)
    for subscriber in (*subscriptions.process, *run.sdk_callbacks, *blocks):
        subscribe(run, subscriber)
    if run.subscribers:
        notify_of_span(run, run.subscribers, given)


def announce(runs: Sequence[Run], *, of: Sequence[Subscriber] | None = None) -> Notification | None:
    """Return the hooks to call at the start of runs, or None."""
    calls: list[HookCall] = []
    for run in runs:
        if run.subscribers:
            calls += hook_calls(run, run.subscribers if of is None else of, events_of_start(run.row))
    return Notification(calls, partial(stopped_at_start, runs)) if calls else None


def events_of_start(row: Operation) -> tuple[str, str]:
    """Return the hooks of a run's start, in their order."""
    return "on_run_start", "on_chat_model_start" if row.operation == semconv.CHAT else f"on_{row.name}_start"


def stopped_at_start(runs: Sequence[Run], notification: Notification, call: HookCall, error: BaseException) -> None:
    """End all runs of a call that a hook stopped before its body began: LangChain does not watch over them yet."""
    run, stopping, event, _ = call
    place_of_run = next(index for index, one in enumerate(runs) if one is run)
    outcome = ERROR if run.stopper is error else CLOSED if isinstance(error, GeneratorExit) else CANCELLED
    if event.endswith("_start"):  # else all were notified of the start
        run.subscribers = run.subscribers[: _index_of(run, stopping) + 1]
    for later in runs[place_of_run + 1 :]:
        later.subscribers = ()
    for one in runs:
        one.stopper = run.stopper
    ends = [end_run(one, error=error, outcome=outcome) for one in runs]
    notification.continue_with([hooks for hooks in ends if hooks is not None])


def _index_of(run: Run, subscriber: Subscriber) -> int:
    """Return the place of a subscriber of the run: by identity, as users may define what is equal."""
    return next(index for index, one in enumerate(run.subscribers) if one is subscriber)


# End -------------------------------------------------------------------------------------------------------------


def end_run(
    run: Run,
    outputs: Any = NOTHING,
    error: BaseException | None = None,
    outcome: str | None = None,
    at: int | None = None,
) -> Notification | None:
    """End the run; only the first call counts.

    Args:
        run: The run.
        outputs: What LangChain reported as the result.
        error: The exception that ended it, whether or not it is a failure.
        outcome: One of the outcomes; by default `ok`, or `error` with an exception.
        at: When it ended, in nanoseconds since the epoch; now by default. The time that hooks take is not the run's.

    Returns:
        The hooks to call; the span ends after them. None: nobody listens, and it has ended.
    """
    is_ours = False
    try:
        if run.ended:
            return None
        run.ended = is_ours = True  # another thread may be at it too; between these two lines none can come
        run.ended_at = at or time_ns()
        if outcome is None:
            outcome = OK if error is None else ERROR
        rare = run.rare
        if rare is not None and run.stopper is not None:
            if error is not run.stopper:
                run.stopper = None  # somebody caught what a hook raised in the middle of it
            elif outcome == ERROR:
                outcome = STOPPED
        run.outcome, run.error = outcome, error
        row = run.row
        registry.close(run, keeps=row.name not in _WITHOUT_CHILDREN)
        below = () if rare is None or run.streams is None else _end_streams(run)  # before it counts what they used
        meters: state.Instruments | None = None
        makers = run.active.meters
        if makers is not None and row.operation is not None and outcome != SKIPPED:
            meters = None if rare is not None and run.watched else makers.instruments()
        is_plain = outcome == OK and rare is None and meters is None and run.totals_parent is None
        if is_plain and not run.subscribers and not run.span.is_recording():  # sampled out, and nobody wants to know
            _end_span(run)
            return None
        if outputs is NOTHING and run.partial is not None:
            outputs = _partial_result(run, meters)
        attributes = report.write_result(run, None if outputs is NOTHING else (outputs,), meters)
        calls: Sequence[HookCall] = ()
        if run.subscribers:
            run.outputs = None if outputs is NOTHING else outputs
            calls = hook_calls(run, run.subscribers, events_of_end(run))
        if calls or below or outcome == PAUSED:  # the hooks of a pause come before
            return combine([*below, Notification(calls, _stopped_at_end, partial(_close, run, attributes, meters))])
        _close(run, attributes, meters)
    except BaseException:
        if is_ours:
            run.outcome = run.outcome or outcome or (OK if error is None else ERROR)
            if run.subscribers and not run.closed:
                Notification(hook_calls(run, run.subscribers, events_of_end(run))).call_rest_quietly()
            _give_up(run)
        raise
    return None


def _end_streams(run: Run) -> Sequence[Notification]:
    """End the streams that the run leaves half read, as closed; return the hooks to call.

    Only an exception that somebody may hold leaves them so. LangChain itself closes what a closed stream has read from,
    or reads it to its end.
    """
    if run.error is None or type(run.error) in (GeneratorExit, ToolError):
        if run.outcome == CLOSED:
            reads_on = run.error is None  # a step that is closed reads the model before it to its end, in sync code
            spans.attempt("what a closed chain used", partial(report.count_open_streams, run, reads_on=reads_on))
        return ()
    notifications: list[Notification] = []
    streams = registry.open_streams(run)
    try:
        for stream in streams:
            outcome = CLOSED if stream.paused is None else PAUSED
            hooks_of_end = end_run(stream, error=Unread(), outcome=outcome, at=run.ended_at)
            if hooks_of_end is not None:
                notifications.append(hooks_of_end)
    except BaseException:
        for stream in streams:
            _give_up(stream)
        raise
    return notifications


def _partial_result(run: Run, meters: state.Instruments | None) -> Any:
    """Return what had come of a result that was never reported, if anybody wants it; else `NOTHING`."""
    is_measured = run.totals_parent is not None or meters is not None
    wanted = is_measured or run.span.is_recording() or run.subscribers or run.watched
    found = spans.attempt("a partial answer", run.partial) if wanted and run.partial is not None else None
    return NOTHING if found is None else found


def events_of_end(run: Run) -> tuple[str, str]:
    """Return the hooks of the end of a run, in their order."""
    how = "error" if run.outcome in FAILED else "end"
    return f"on_{run.row.name}_{how}", f"on_run_{how}"


def _stopped_at_end(notification: Notification, call: HookCall, error: BaseException) -> None:
    """Turn a run into a stopped one: who was not notified of its end yet is notified of an error instead."""
    run, stopping, event, _ = call
    if error is not run.stopper:  # cancelled within a hook: the others are notified as before
        return
    notified: set[int] = set()
    if event in events_of_end(run):  # else it is a hook of a pause, before the end
        before = run.subscribers[: _index_of(run, stopping)]
        notified = {id(stopping), *(id(one) for _, one, *_ in hook_calls(run, before, events_of_end(run)))}
    of_others = [later for later in notification.calls if later[0] is not run]
    run.outcome, run.error = STOPPED, error
    others = [one for one in run.subscribers if id(one) not in notified]
    notification.calls = iter([*hook_calls(run, others, events_of_end(run)), *of_others])


def _close(run: Run, attributes: dict[str, Any], meters: state.Instruments | None) -> None:
    """Write how the run ended, measure it, and end the span. What was interrupted may be repeated."""
    if run.closed or (run.context is None and not run.span.is_recording()):
        return
    try:
        if meters is not None:
            meters.record(run, attributes)
        if run.outcome != OK:
            report.write_outcome(run)
        settings = run.active.settings
        if (
            settings.compat
            or getattr(run.span, "dropped_attributes", None)
            or (run.row.calls == MODEL_CALLS and (run.content != NO_CONTENT or settings.emit_event))
        ):
            report.write_copies(run)
    except Exception as fault:  # noqa: BLE001 - after users' hooks nothing guards us
        state.log_own_failure("the end of a run", fault)
    finally:
        _end_span(run)


def _end_span(run: Run) -> None:
    # A task may keep a context that holds this run: the run holds nothing itself, unless a listener may read it.
    run.context = run.outside = run.answer = run.subject = run.arguments = run.partial = None
    run.extra = run.serialized = _NO_ATTRIBUTES
    if run.rare is not None:
        for name in ("failures", "shared", "extra_at_end"):
            run.rare.pop(name, None)
    if not run.subscribers:
        run.inputs = run.error = None
    try:
        run.span.end(run.ended_at)
    except Exception as fault:  # noqa: BLE001 - the SDK's own end
        state.log_sdk_failure("end a span", fault)
    if run.rare is not None:
        for subscriber in run.span_processors:
            call_safely(subscriber, "on_end", run.span)
    run.closed = True
    if registry.abandoned and run.outcome != ABANDONED:  # those are ended one by one, not one inside another
        end_abandoned()


# Interrupted, abandoned, at exit ---------------------------------------------------------------------------------


def end_interrupted(run: Run, error: BaseException, outcome: str) -> None:
    """End a run whose start or end an exception interrupted; nothing is raised.

    Args:
        run: The run, whatever its state: it may have no span yet, or be halfway ended.
        error: The exception, which is on its way to the caller.
        outcome: What it means for the run.
    """
    if run.closed:
        return
    if not hasattr(run, "span"):
        run.ended = run.closed = True
        return
    hooks_of_end = end_run(run, error=error, outcome=outcome)
    if hooks_of_end is not None:
        hooks_of_end.call_rest_quietly()
    _give_up(run)


def _give_up(run: Run) -> None:
    """End what is left of a run that was interrupted while it ended. Repeating it does no harm."""
    if run.closed:
        return
    run.ended = True
    run.outcome = run.outcome or ABANDONED
    registry.remove(run)
    if run.context is not None or run.span.is_recording():
        _end_span(run)
    run.closed = True


def end_abandoned() -> None:
    """End the runs that were abandoned: nobody holds their run manager, so nobody can report their end."""
    while registry.abandoned:
        try:
            first = registry.abandoned[0]
        except IndexError:  # another thread was faster
            return
        end_alone(*first)
        with suppress(ValueError):  # as above
            registry.abandoned.remove(first)  # not before: an interrupt leaves it for the next time


def end_alone(run: Run, at: int | None) -> None:
    """End a run as abandoned: nobody is left to await anything for it, so its asynchronous hooks are not called."""
    try:
        hooks_of_end = end_run(run, outcome=ABANDONED, at=at)
        if hooks_of_end is not None:
            hooks_of_end.call_sync_hooks()
    except (CancelledError, GeneratorExit, SystemExit) as error:  # of a hook; the call that we are in is another one
        state.log_sdk_failure("call the hooks of an abandoned run", error)
    except BaseException:
        _give_up(run)
        raise


def end_all() -> None:
    """End every open run as abandoned, inner ones first: nobody will watch them any longer."""
    for run in reversed(open_runs()):
        end_alone(run, None)
    registry.forget_ended()


def open_runs() -> list[Run]:
    """Return the runs that have started and not ended, oldest first."""
    end_abandoned()
    return registry.open_now()


_at_exit: list[Any] = []  # what runs at the end of the process


def _prepare_first_run(run: Run) -> None:
    """Do what waits for the first run, and register what ends open runs at exit: then, not at import.

    Exit handlers run last in, first out: by then the provider has registered its own, so ours comes before it.
    """
    prepare = state.first_run.prepare  # another thread may have done it in the next moment
    if prepare is not None:
        prepare()
        run.started = time_ns()  # the time that this took is not the run's
    if not _at_exit:
        atexit.register(end_all)
        _at_exit.append(end_all)
