"""A run is ended, which comes exactly once: its subscribers hear it, and its span says how it went."""

from __future__ import annotations

import atexit
from asyncio import CancelledError
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

from callspan import semconv
from callspan.capture import content
from callspan.core import bills, compat, errors, interop, logs, registry, spans, state
from callspan.core.delivery import Call, Telling, calls_of, hooks, together
from callspan.core.isolation import quietly
from callspan.core.operations import MODEL_CALLS, Subscriber, TokenCounts
from callspan.core.run import CLOSED, ERROR, FAILED, OK, PAUSED, SKIPPED, STOPPED, Run

if TYPE_CHECKING:
    from callspan.core.metrics import Instruments

ABANDONED = "abandoned"

NOTHING: Any = object()
"""Stands for outputs that were not reported; None is an output."""

_SEEN = 64
"""How many exceptions a run remembers that runs inside it ended with."""

_NOTHING_SAID: dict[str, Any] = {}

_WITHOUT_CHILDREN = ("llm", "embedding")
"""The kinds of runs whose managers make no configs for others: no child names them."""


class Unread(GeneratorExit):
    """What ends a stream that nobody reads any longer, since the run around it failed."""


def end(
    run: Run,
    outputs: Any = NOTHING,
    error: BaseException | None = None,
    outcome: str | None = None,
    at: int | None = None,
) -> Telling | None:
    """End the run; only the first call counts.

    Args:
        run: The run.
        outputs: What LangChain reported as the result.
        error: The exception that ended it, whether or not it is a failure.
        outcome: One of the outcomes; by default `ok`, or `error` with an exception.
        at: When it ended, in nanoseconds since the epoch; now by default. The time that hooks take is not the run's.

    Returns:
        The hooks that hear it; the span ends after them. None: nobody hears it, and it has ended.
    """
    is_ours = False
    try:
        if run.ended:
            return None
        run.ended = is_ours = True  # another thread may be at it too; between these two lines none can come
        run.ended_at = at or time_ns()
        if outcome is None:
            outcome = OK if error is None else ERROR
        if error is not run.stopper:
            run.stopper = None  # somebody caught what a hook raised in the middle of it
        elif outcome == ERROR:
            outcome = STOPPED
        run.outcome, run.error = outcome, error
        registry.remove(run)
        if run.row.name not in _WITHOUT_CHILDREN:
            registry.keep(run)
        below = () if run.streams is None else _end_streams(run)  # before it counts what they used
        measured = run.row.operation is not None and not run.watched and outcome != SKIPPED
        meters = state.instruments() if measured else None
        if outputs is NOTHING and run.partial is not None:
            outputs = _so_far(run, meters)
        attributes = _report(run, outputs, meters)
        calls = _calls_of_end(run, outputs) if run.subscribers else ()
        if calls or below or outcome == PAUSED:  # what tells of a pause comes before
            return together([*below, Telling(calls, _stopped, partial(_close, run, attributes, meters))])
        _close(run, attributes, meters)
    except BaseException:
        _interrupted(run, outcome or (OK if error is None else ERROR), is_ours=is_ours)
        raise
    return None


def _calls_of_end(run: Run, outputs: Any) -> Sequence[Call]:
    """Return the hooks that hear the end, and let them see the result."""
    run.outputs = None if outputs is NOTHING else outputs
    return calls_of(run, run.subscribers, events_of_end(run))


def _end_streams(run: Run) -> Sequence[Telling]:
    """End the streams that the run leaves half read, as closed; return who hears it.

    Only an exception that somebody may hold leaves them so. LangChain itself closes what a closed stream has read from,
    or reads it to its end.
    """
    if run.error is None or type(run.error) in (GeneratorExit, errors.ToolError):
        if run.outcome == CLOSED:
            spans.attempt("what a closed chain used", partial(_count_streams, run, reads_on=run.error is None))
        return ()
    tellings: list[Telling] = []
    streams = registry.open_streams(run)
    try:
        for stream in streams:
            outcome = CLOSED if stream.paused is None else PAUSED
            told = end(stream, error=Unread(), outcome=outcome, at=run.ended_at)
            if told is not None:
                tellings.append(told)
    except BaseException:
        for stream in streams:
            _give_up(stream)
        raise
    return tellings


def _count_streams(run: Run, *, reads_on: bool) -> None:
    """Add to the totals what the half-read streams of models had used: LangChain closes a chain before its steps.

    Args:
        run: The run that was closed.
        reads_on: Whether a step that is closed reads the model before it to its end, as in sync code.
    """
    streams = registry.open_streams(run)
    others = [stream for stream in streams if stream.row.calls != MODEL_CALLS]
    if others and reads_on:
        return
    for stream in streams:
        if stream.row.calls == MODEL_CALLS:
            _count_stream(stream)
        elif stream.streams is not None:
            _count_streams(stream, reads_on=reads_on)


def _count_stream(run: Run) -> None:
    outputs = None if run.partial is None or run.into is None else run.partial()
    if outputs is not None:
        run.answer = run.taken_apart(outputs)
        cost, unpriced = _cost(run, spans.read(run.row.end, run.answer))
        _add_up(run, cost, unpriced=unpriced)
        run.answer = run.into = None  # counted


def _so_far(run: Run, meters: Instruments | None) -> Any:
    """Return what had come of a result that was never reported, if anybody wants it; else `NOTHING`."""
    wanted = run.span.is_recording() or run.subscribers or run.watched or run.into is not None or meters is not None
    found = spans.attempt("a partial answer", run.partial) if wanted and run.partial is not None else None
    return NOTHING if found is None else found


def cut_short(run: Run, error: BaseException, outcome: str) -> None:
    """End a run whose start or end an exception interrupted; nothing is raised.

    Args:
        run: The run, whatever has become of it: it may have no span yet, or be halfway ended.
        error: The exception, which is on its way to the caller.
        outcome: What it means for the run.
    """
    if run.closed:
        return
    if not hasattr(run, "span"):
        run.ended = run.closed = True
        return
    told = end(run, error=error, outcome=outcome)
    if told is not None:
        told.go_quietly()
    _give_up(run)


def _interrupted(run: Run, outcome: str, *, is_ours: bool) -> None:
    """Let those who heard the start of a run hear its end, which an exception interrupted, and end its span.

    Args:
        run: The run.
        outcome: What would have been its outcome.
        is_ours: Whether its end had begun, and nobody else is at it.
    """
    if not is_ours:
        return
    run.outcome = run.outcome or outcome
    if run.subscribers and not run.closed:
        Telling(calls_of(run, run.subscribers, events_of_end(run))).go_quietly()
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


def events_of_end(run: Run) -> tuple[str, str]:
    """Give the events that tell of the end of a run, in their order."""
    how = "error" if run.outcome in FAILED else "end"
    return f"on_{run.row.name}_{how}", f"on_run_{how}"


def _stopped(telling: Telling, call: Call, error: BaseException) -> None:
    """Turn a run into a stopped one: whoever has not heard its end yet hears an error instead."""
    run, stopping, event, _ = call
    if error is not run.stopper:  # cancelled within a hook: the others still hear what they would have
        return
    heard: set[int] = set()
    if event in events_of_end(run):  # else it tells of a pause, before the end
        before = run.subscribers[: index_of(run, stopping)]
        heard = {id(stopping), *(id(one) for one, _ in hooks(before, events_of_end(run)))}
    of_others = [later for later in telling.calls if later[0] is not run]
    run.outcome, run.error = STOPPED, error
    others = [one for one in run.subscribers if id(one) not in heard]
    now = calls_of(run, others, events_of_end(run))
    telling.calls = iter([*now, *of_others])


def index_of(run: Run, subscriber: Subscriber) -> int:
    """Give the place of a subscriber among those of the run: by identity, as users may define what is equal."""
    return next(index for index, one in enumerate(run.subscribers) if one is subscriber)


def _report(run: Run, outputs: Any, meters: Instruments | None) -> dict[str, Any]:
    """Write what is known at the end, and add to the totals of the runs around; gives the attributes."""
    row, span = run.row, run.span
    recording = span.is_recording()
    written = recording or meters is not None or run.watched
    answered = outputs is not NOTHING and run.outcome != SKIPPED  # nobody was asked
    if row.end and answered and (written or run.into is not None):
        run.answer = run.taken_apart(outputs)
    attributes = spans.read(row.end, run.answer) if run.answer is not None and written else {}
    if run.shared is not None:
        spans.attempt("what others know of a call", _share, run, attributes)
    cost, unpriced = _cost(run, attributes) if row.name in bills.BILLED else (None, False)
    if recording:
        said = attributes if meters is None and cost is None else {**attributes}
        if cost is not None and attributes.get(semconv.CACHE_HIT) is not True and run.outcome != SKIPPED:
            said[semconv.COST] = cost  # 0 is a price; what nobody was asked for has none
        if run.outcome not in FAILED and run.outcome != OK:
            said[semconv.RUN_OUTCOME] = str(run.outcome)
        if run.totals is not None:
            said.update(run.totals.attributes())
        if run.streamed and run.outcome != SKIPPED:
            said.update(_streamed(run))
        if row.answered and run.content != content.NO_CONTENT:
            said = {**said, **content.answered(run, None if outputs is NOTHING else outputs)}
        if said:
            span.set_attributes(said)
    _add_up(run, cost, unpriced=unpriced)
    return attributes


def _cost(run: Run, attributes: dict[str, Any]) -> tuple[float | None, bool]:
    """Give what a call cost, in US dollars, and whether there should be a price for it and is none."""
    price = state.current().settings.prices
    if price is None:
        return None, False
    billed = bills.bill(bills.billed_by(run, attributes), _tokens(run), run.started, run.outcome)
    cost = billed.cost(price)
    # An answer of which nobody says the tokens costs something too. A failed call may have cost nothing, and
    # embeddings seldom say theirs.
    owes = billed.is_counted or (run.row.calls == MODEL_CALLS and run.outcome == OK)
    return cost, owes and cost is None


def _share(run: Run, attributes: dict[str, Any]) -> None:
    """Exchange what is known with the other instrumentations of the same call; of what both know ours counts."""
    if run.watched:
        start = spans.read((*run.row.identity, *run.row.start), run)
        interop.tell(run.shared, {**start, **attributes, **_streamed(run)})
        return
    learned = spans.attributes_of(interop.learned(run.shared))
    run.learned = interop.counts(learned, has_output=run.row.operation != semconv.EMBEDDINGS)
    known = {**(getattr(run.span, "attributes", None) or {}), **run.identity, **attributes}
    attributes.update({name: value for name, value in learned.items() if name not in known})


def _streamed(run: Run) -> dict[str, Any]:
    if not run.streamed:
        return {}
    waited = run.time_to_first_token
    return {semconv.REQUEST_STREAM: True, **({} if waited is None else {semconv.TIME_TO_FIRST_CHUNK: waited})}


def _close(run: Run, attributes: dict[str, Any], meters: Instruments | None) -> None:
    """Write how it went, measure it, and end the span. What was interrupted may be repeated."""
    if run.closed or (run.context is None and not run.span.is_recording()):
        return
    try:
        if run.outcome != OK or meters is not None:
            _write_end(run, attributes, meters)
        if run.row.calls == MODEL_CALLS and run.span.is_recording() and content.has_events(run):
            logs.tell_details(run, content.for_event(run))
        if (dialects := state.current().settings.compat) and run.span.is_recording():
            run.span.set_attributes(compat.translated(getattr(run.span, "attributes", None) or {}, dialects))
        # Over its limit the SDK drops the oldest ones, which are those that every reader looks for first.
        if getattr(run.span, "dropped_attributes", 0) and run.span.is_recording():
            run.span.set_attributes(run.identity)
    except Exception as fault:  # noqa: BLE001 - after users' hooks nothing guards us
        state.failed("the end of a run", fault)
    finally:
        _end_span(run)


def _write_end(run: Run, attributes: dict[str, Any], meters: Instruments | None) -> None:
    span = run.span
    at: Any = run.ended_at
    failure = run.error if run.outcome in FAILED else None
    if meters is not None:
        meters.record(run, attributes, at, failure)
    if run.outcome == PAUSED and run.error is not None and run.parent is not None:  # a result ends the pause
        _pass_pause_on(run, run.parent, run.error)
    if failure is not None:
        if run.outcome == STOPPED and span.is_recording():
            span.set_attribute(semconv.RUN_OUTCOME, STOPPED)
        _write_error(run, failure, at)


def _pass_pause_on(run: Run, above: Run, error: BaseException) -> None:
    """Remember on the run above what this one waits for, unless that run left it on purpose."""
    if isinstance(error, CancelledError):
        above.paused = (*(above.paused or ()), *(run.paused or ()))
    elif not isinstance(error, GeneratorExit):
        above.paused = (*(above.paused or ()), *error.args)


def _end_span(run: Run) -> None:
    # A context that a task keeps holds this run: it holds nothing itself, unless somebody heard it and may read it.
    run.context = run.outside = run.answer = run.failures = run.subject = run.arguments = run.shared = None
    run.partial = None
    run.extra = run.extra_at_end = run.serialized = _NOTHING_SAID
    if not run.subscribers:
        run.inputs = run.error = None
    span = run.span
    try:
        span.end(run.ended_at)
    except Exception as fault:  # noqa: BLE001 - the SDK's own end
        state.refused("end a span", fault)
    for subscriber in run.spanning:
        quietly(subscriber, "on_end", span)
    run.closed = True
    if registry.abandoned and run.outcome != ABANDONED:  # those are ended one by one, not one inside another
        reap()


def _tokens(run: Run) -> TokenCounts | None:
    return interop.completed(None if run.answer is None else run.row.tokens(run.answer), run.learned)


def _add_up(run: Run, cost: float | None, *, unpriced: bool) -> None:
    row = run.row
    nothing = row.calls is None and run.answer is None and cost is None and not unpriced
    if run.into is None or run.outcome == SKIPPED or nothing:
        return
    tokens = None if row.calls is None and run.answer is None else _tokens(run)
    if tokens is not None and row.calls == MODEL_CALLS:
        if run.counted:  # a model that hands on what another one answered
            tokens, cost, unpriced = None, None, False
        elif (parent := run.parent) is not None:
            parent.counted = parent.row.calls == MODEL_CALLS
    run.into.add(row.calls, tokens, cost, unpriced=unpriced)


def _write_error(run: Run, error: BaseException, at: int) -> None:
    recording = run.span.is_recording()
    text = _text_of(run, error) if recording else ""
    if recording:
        spans.write_failure(run.span, error, text)
    if type(error) is not errors.ToolError:
        _write_exception(run, error, text, at)


def write_exception(run: Run, error: BaseException) -> None:
    """Write the exception that a run is going to end with, if it began there; it is not written again at the end.

    Args:
        run: The run, which is open: the runs around it may end first.
        error: The exception.
    """
    _write_exception(run, error, _text_of(run, error) if run.span.is_recording() else "", time_ns())


def _write_exception(run: Run, error: BaseException, text: str, at: int) -> None:
    if _began_here(run, error, at) and run.span.is_recording():
        said = errors.exception_event(error, text)
        run.span.add_event(semconv.EXCEPTION, said)
        if run.row.span_kind is SpanKind.CLIENT and content.has_events(run):
            logs.tell_exception(run, said)


def _text_of(run: Run, error: BaseException) -> str:
    if type(error) is errors.ToolError:  # content, which stands on the span if it may
        return errors.answer_text((getattr(run.span, "attributes", None) or {}).get(semconv.TOOL_RESULT))
    try:
        return errors.error_text(error)
    except Exception as fault:  # noqa: BLE001 - the user's `__str__`: it costs the text
        state.failed(f"the text of {errors.error_type(error)}", fault)
        return ""


def _began_here(run: Run, error: BaseException, at: int) -> bool:
    """Tell whether no other run has passed this very exception on to this one, and tell the parent of it.

    It comes from a run inside, or from a sibling that was still open when this one began: the steps of a stream
    pull each other. One that ended before has raised another exception, at what may be the same address.
    """
    origin = errors.origin(error)
    parent = run.parent
    beside = () if parent is None or parent.seen is None else parent.seen
    passed_on = any(seen == origin for seen, _ in run.seen or ()) or any(
        seen == origin and ended > run.started for seen, ended in beside
    )
    # A hidden run leaves the event to be written further up.
    if parent is not None and (passed_on or run.span.is_recording()):
        parent.seen = parent.seen or deque(maxlen=_SEEN)
        parent.seen.append((origin, at))
    return not passed_on


def reap() -> None:
    """End the runs that were abandoned: nobody holds their run manager, so nobody can report their end."""
    while registry.abandoned:
        try:
            first = registry.abandoned[0]
        except IndexError:  # another thread was faster
            return
        end_alone(*first)
        with suppress(ValueError):  # as above
            registry.abandoned.remove(first)  # not before: an interrupt leaves it for the next time


def end_all() -> None:
    """End every open run as abandoned, inner ones first: nobody will watch them any longer."""
    for run in reversed(open_runs()):
        end_alone(run, None)
    registry.forget_ended()


def end_alone(run: Run, at: int | None) -> None:
    """End a run that nobody is left to await anything for: its asynchronous hooks are not heard."""
    try:
        told = end(run, outcome=ABANDONED, at=at)
        if told is not None:
            told.go_now()
    except (CancelledError, GeneratorExit, SystemExit) as error:  # of a hook; the call that we are in is another one
        state.refused("tell of an abandoned run", error)
    except BaseException:
        _give_up(run)
        raise


def open_runs() -> list[Run]:
    """List the runs that have started and not ended, oldest first."""
    reap()
    return registry.open_now()


_registered: list[Any] = []  # what runs at the end of the process


def at_first_run(run: Run) -> None:
    """Do what waits for the first run, and register the last rites then, not at import.

    Exit handlers run last in, first out: by then the provider has registered its own, so ours comes before it.

    Args:
        run: The run that is about to start; the time that this takes is not its own.
    """
    prepare = state.first_run.prepare  # another thread may have done it in the next moment
    if prepare is not None:
        prepare()
        run.started = time_ns()
    if not _registered:
        atexit.register(end_all)
        _registered.append(end_all)
