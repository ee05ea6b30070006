"""A run is started: its place among the others, its span, and the context that its body runs in."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

from callspan import lease, registry, semconv, spans, telemetry
from callspan.kinds import Cause, Kind
from callspan.registry import RUN
from callspan.run import WAITING, Run
from callspan.text import safe_name
from callspan.totals import Totals

(_SPAN,) = set_span_in_context(INVALID_SPAN, Context())
"""OpenTelemetry's context key of the current span, which has no public name."""

_lock = Lock()


def start(
    run: Run, kind: Kind, parent: Context, *, above: Run | None, hidden: bool = False, causes: Sequence[Cause] = ()
) -> None:
    """Start a run and its span; its frames make its `context` current.

    Args:
        run: The run that was announced.
        kind: What it is.
        parent: The context it belongs to.
        above: The run of that context.
        hidden: Whether it gets no span although its kind would.
        causes: Why it was made, for its links.
    """
    if lease.abandoned:
        registry.reap()
    inforce = telemetry.current()
    run.kind = kind
    if above is not None:
        run.parent_ref = above.ref
        run.ancestors = (*above.ancestors, above.id)
        run.into = above.totals or (_totals_of(above) if above.sums else above.into)
    if above is not None and (hidden or kind.depth > inforce.visible):
        run.span, run.identity = spans.hidden_span(parent), {}
    else:
        # The SDK is fastest if it is given all attributes at once; if it keeps none, they were read in vain. Below a
        # run it is known which it will be. Otherwise it is taken to be as it was the last time.
        eager = inforce.roots_record[0] if above is None else above.span.is_recording()
        recording = _start_span(run, inforce, parent, causes, eager=eager)
        if above is None:
            inforce.roots_record[0] = recording
        run.sums = recording and (above is None or kind.totals)
    if kind.totals and telemetry.instruments() is not None:
        run.sums = True  # an agent's are measured, whether or not it has a span
    context = run.context = Context({**parent, _SPAN: run.span, RUN: run})
    if WAITING in context:
        dict.__delitem__(context, WAITING)  # nobody has seen it yet
    registry.add(run)


def _totals_of(run: Run) -> Totals:
    """Give the totals of a root or an agent; they are made when something starts in it."""
    with _lock:  # two threads may start something in it at once
        run.totals = run.totals or Totals(run.into)
    return run.totals


def _start_span(
    run: Run, inforce: telemetry.Telemetry, parent: Context, causes: Sequence[Cause], *, eager: bool
) -> bool:
    """Start the span, and tell whether it is recording."""
    kind = run.kind
    attributes = run.identity = spans.read(kind.identity, run)
    target = safe_name(run.name if kind.target is None else attributes.get(kind.target))
    name = kind.word if target is None else f"{kind.word} {target}"
    if eager:
        attributes = attributes | spans.read(kind.start, run)
    links = spans.links(causes) if causes else None
    try:
        span = inforce.tracer.start_span(name, parent, kind.span_kind, attributes, links, run.started)
    except Exception as fault:  # noqa: BLE001 - the SDK lets every processor's exception through (#5624 there)
        telemetry.refused("start a span", fault)
        span = spans.hidden_span(parent)  # with us in the way it would break a call that used to work
    run.span = span
    recording = span.is_recording()
    if recording and not eager:
        span.set_attributes(spans.read(kind.start, run))
    for cause in causes:
        span.set_attributes(spans.cause_attributes(cause))
        run.attempt = cause.attributes.get(semconv.RUN_ATTEMPT, run.attempt)
    return recording
