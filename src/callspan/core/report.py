"""What a span says when its run ends: the result, the cost, the totals, the outcome and the exception."""

from __future__ import annotations

from asyncio import CancelledError
from collections import deque
from time import time_ns
from typing import Any

from opentelemetry.trace import SpanKind

from callspan import semconv
from callspan.core import compat, errors, interop, logs, registry, spans, state
from callspan.core.run import FAILED, NO_CONTENT, OK, PAUSED, SKIPPED, STOPPED, Run
from callspan.core.usage import MODEL_CALLS, TokenCounts, UsageRecord, completed, usage_record
from callspan.settings import EVENT_CONTENTS

_SEEN = 64  # how many exceptions a run remembers that runs inside it ended with
_NOTHING: dict[str, Any] = {}


def write_result(run: Run, outputs: tuple[Any] | None, meters: state.Instruments | None) -> dict[str, Any]:
    """Write what is known at the end, and add to the totals of the runs around; return the attributes of the result."""
    row, span, outcome = run.row, run.span, run.outcome
    recording = span.is_recording()
    is_written = recording or meters is not None or (run.rare is not None and run.watched)
    if row.end and outputs is not None and outcome != SKIPPED and (is_written or run.totals_parent is not None):
        run.answer = run.taken_apart(outputs[0])
    attributes = spans.read(row.end, run.answer) if run.answer is not None and is_written else _NOTHING
    if run.rare is not None and run.shared is not None:
        attributes = {**attributes}
        spans.attempt("what others know of a call", _share, run, attributes)
    cost, unpriced = _cost(run, attributes) if row.is_billed and run.active.settings.prices else (None, False)
    if recording:
        written = {**attributes}
        if cost is not None and attributes.get(semconv.CACHE_HIT) is not True and outcome != SKIPPED:
            written[semconv.COST] = cost  # 0 is a price; what nobody was asked for has none
        if outcome != OK and outcome not in FAILED:
            written[semconv.RUN_OUTCOME] = str(outcome)
        if run.totals is not None:
            written.update(run.totals.attributes())
        if run.streamed and outcome != SKIPPED:
            written.update(_streamed(run))
        if row.output_content and run.content != NO_CONTENT:
            written.update(run.active.content.output_attributes(run, None if outputs is None else outputs[0]))
        if written:
            span.set_attributes(written)
    is_counted = run.answer is not None or row.calls is not None or cost is not None or unpriced
    if is_counted and run.totals_parent is not None and outcome != SKIPPED:
        _add_to_totals(run, cost, unpriced=unpriced)
    return attributes


def _cost(run: Run, attributes: dict[str, Any]) -> tuple[float | None, bool]:
    """Return what a call cost, in US dollars, and whether it should have a price and has none."""
    billed = _record(run, attributes, _tokens(run))
    cost = spans.attempt("a price", billed.cost, run.active.settings.prices)
    # An answer without a token count costs something too. A failed call may have cost nothing, and embeddings seldom
    # report theirs.
    owes = billed.is_counted or (run.row.calls == MODEL_CALLS and run.outcome == OK)
    return cost, owes and cost is None


def record_of(run: Run) -> UsageRecord:
    """Return what a run that has ended is billed for, whether or not its span is recorded."""
    answer = run.answer
    if answer is None and run.outputs is not None:
        answer = run.taken_apart(run.outputs)
    return _record(run, {} if answer is None else spans.read(run.row.end, answer), run.usage)


def _record(run: Run, attributes: dict[str, Any], tokens: TokenCounts | None) -> UsageRecord:
    tier = spans.attempt("a service tier", run.row.tier, run)
    known = {semconv.OPENAI_REQUEST_SERVICE_TIER: tier, **run.identity, **attributes}
    return usage_record(known, tokens, run.started, skipped=run.outcome == SKIPPED)


def _share(run: Run, attributes: dict[str, Any]) -> None:
    """Exchange what is known with the other instrumentations of the same call; of what both know ours counts."""
    if run.watched:
        start = spans.read((*run.row.identity, *run.row.start), run)
        interop.write_record(run.shared, {**start, **attributes, **_streamed(run)})
        return
    learned = spans.attributes_of(interop.read_record(run.shared))
    run.nested_usage = interop.counts(learned, has_output=run.row.operation != semconv.EMBEDDINGS)
    known = {**(getattr(run.span, "attributes", None) or {}), **run.identity, **attributes}
    attributes.update({name: value for name, value in learned.items() if name not in known})


def _streamed(run: Run) -> dict[str, Any]:
    if not run.streamed:
        return {}
    waited = run.time_to_first_token
    return {semconv.REQUEST_STREAM: True, **({} if waited is None else {semconv.TIME_TO_FIRST_CHUNK: waited})}


def _tokens(run: Run) -> TokenCounts | None:
    ours = None if run.answer is None else run.row.tokens(run.answer)
    return ours if run.rare is None else completed(ours, run.nested_usage)


def _add_to_totals(run: Run, cost: float | None, *, unpriced: bool) -> None:
    row, totals = run.row, run.totals_parent
    tokens = None if row.calls is None and run.answer is None else _tokens(run)
    if tokens is not None and row.calls == MODEL_CALLS:
        if run.usage_counted:  # a model that hands on what another one answered
            tokens, cost, unpriced = None, None, False
        elif (parent := run.parent) is not None:
            parent.usage_counted = parent.row.calls == MODEL_CALLS
    if totals is not None:
        totals.add(row.calls, tokens, cost, unpriced=unpriced)


def count_open_streams(run: Run, *, reads_on: bool) -> None:
    """Add to the totals what the half-read streams of models had used: LangChain closes a chain before its steps.

    `reads_on`: a step that is closed reads the model before it to its end, as in sync code.
    """
    streams = registry.open_streams(run)
    if reads_on and any(stream.row.calls != MODEL_CALLS for stream in streams):
        return
    for stream in streams:
        if stream.row.calls != MODEL_CALLS:
            if stream.streams is not None:
                count_open_streams(stream, reads_on=reads_on)
        elif stream.partial is None or stream.totals_parent is None:
            continue
        elif (outputs := stream.partial()) is not None:
            stream.answer = stream.taken_apart(outputs)
            cost, unpriced = None, False
            if stream.active.settings.prices:
                cost, unpriced = _cost(stream, spans.read(stream.row.end, stream.answer))
            _add_to_totals(stream, cost, unpriced=unpriced)
            stream.answer = stream.totals_parent = None  # counted


def write_copies(run: Run) -> None:
    """Write the log event of a model's call and the names that other tools expect, and keep the identity attributes."""
    span, active = run.span, run.active
    if not span.is_recording():
        return
    if run.row.calls == MODEL_CALLS and _has_events(run):
        logs.write_details(run, active.content.event_values(run))
    if active.settings.compat:
        span.set_attributes(compat.translated(getattr(span, "attributes", None) or {}, active.settings.compat))
    # Over its limit the SDK drops the oldest attributes, which are those that every backend looks for first.
    if getattr(span, "dropped_attributes", 0):
        span.set_attributes(run.identity)


def _has_events(run: Run) -> bool:
    """Return whether a run has log events: for its content, or as `OTEL_*` says."""
    wanted = run.active.settings.emit_event
    return run.content in EVENT_CONTENTS if wanted is None else wanted


def write_outcome(run: Run) -> None:
    """Write how the run failed or what it waits for."""
    at: Any = run.ended_at
    error = run.error if run.outcome in FAILED else None
    parent = run.parent if run.outcome == PAUSED else None
    if parent is not None:  # remember there what this one waits for, unless the parent left it on purpose
        if isinstance(run.error, CancelledError):
            parent.paused = (*(parent.paused or ()), *(run.paused or ()))
        elif run.error is not None and not isinstance(
            run.error, GeneratorExit
        ):  # without one, a result ended the pause
            parent.paused = (*(parent.paused or ()), *run.error.args)
    if error is None:
        return
    recording = run.span.is_recording()
    text = _error_text(run, error) if recording else ""
    if recording:
        if run.outcome == STOPPED:
            run.span.set_attribute(semconv.RUN_OUTCOME, STOPPED)
        spans.write_failure(run.span, error, text)
    if type(error) is not errors.ToolError:
        _write_exception(run, error, text, at)


def write_exception(run: Run, error: BaseException) -> None:
    """Write the exception that a run is going to end with, if it began there; it is not written again at the end."""
    _write_exception(run, error, _error_text(run, error) if run.span.is_recording() else "", time_ns())


def _write_exception(run: Run, error: BaseException, text: str, at: int) -> None:
    if _began_here(run, error, at) and run.span.is_recording():
        event = errors.exception_event(error, text)
        run.span.add_event(semconv.EXCEPTION, event)
        if run.row.span_kind is SpanKind.CLIENT and _has_events(run):
            logs.write_exception(run, event)


def _error_text(run: Run, error: BaseException) -> str:
    if type(error) is errors.ToolError:  # content, which stands on the span if it may
        return errors.answer_text((getattr(run.span, "attributes", None) or {}).get(semconv.TOOL_RESULT))
    try:
        return errors.error_text(error)
    except Exception as fault:  # noqa: BLE001 - the user's `__str__`: it costs the text
        state.log_own_failure(f"the text of {errors.error_type(error)}", fault)
        return ""


def _began_here(run: Run, error: BaseException, at: int) -> bool:
    """Return whether no other run has passed this very exception on to this one, and note it on the parent.

    It comes from a run inside, or from a sibling that was still open when this one began: the steps of a stream
    pull each other. One that ended before has raised another exception, at what may be the same address.
    """
    origin = errors.origin(error)
    parent = run.parent
    beside = () if parent is None or parent.passed_exceptions is None else parent.passed_exceptions
    passed_on = any(seen == origin for seen, _ in run.passed_exceptions or ()) or any(
        seen == origin and ended > run.started for seen, ended in beside
    )
    # A hidden run leaves the event to be written further up.
    if parent is not None and (passed_on or run.span.is_recording()):
        parent.passed_exceptions = parent.passed_exceptions or deque(maxlen=_SEEN)
        parent.passed_exceptions.append((origin, at))
    return not passed_on
