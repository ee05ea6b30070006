"""A run is started: its place among the others, its span, the context that its body runs in, and who hears it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from opentelemetry.context import Context
from opentelemetry.trace import get_current_span

from callspan import semconv
from callspan.capture import content
from callspan.core import interop, registry, spans, state
from callspan.core.delivery import Call, Stopped, Telling, calls_of
from callspan.core.ending import ABANDONED, at_first_run, cut_short, end, end_alone, index_of, reap
from callspan.core.identity import at_home
from callspan.core.isolation import quietly
from callspan.core.keys import IDENTITY, RUN, SCOPED_CALLBACKS, SPAN, STARTING_RUN, WAITING_FRAME
from callspan.core.operations import Cause, Kind, Subscriber
from callspan.core.run import CANCELLED, CLOSED, ERROR, Run
from callspan.core.signals import is_from_handler
from callspan.core.subscription import blocks_of, doors, subscribe_all
from callspan.core.text import name_without_ids, safe_name
from callspan.core.totals import Totals


def start(
    run: Run,
    row: Kind,
    parent: Context,
    *,
    above: Run | None,
    hidden: bool = False,
    causes: Sequence[Cause] = (),
    current: Context | None = None,
) -> None:
    """Start a run and its span; its frames make its `context` current, and `announce` tells who hears it.

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
        at_first_run(run)
        if registry.abandoned:
            reap()
        inforce = state.current()
        run.row = row
        if above is not None:
            _put_under(run, above)
        heard = doors.handler is not None
        given = parent
        if heard:
            run.by_sdk = []
            given = Context({**parent, STARTING_RUN: run})
        if interop.kind_of(row):
            _watched(run, parent, above)
        _give_span(run, inforce, parent, given, causes, above, is_hidden=hidden)
        context = run.context = _body_of(run, parent, above)
        if heard:
            run.by_sdk = tuple(run.by_sdk)
            blocks = blocks_of(parent, current or parent)
            if blocks or doors.process or run.by_sdk:
                _open_doors(run, context, given, blocks)
        registry.add(run)
        if not state.is_current(inforce):  # another thread, or a sampler, called `uninstrument()` meanwhile
            run.subscribers = ()  # nobody has heard of it yet
            end_alone(run, None)
    except BaseException as error:
        ours = isinstance(error, Exception) and not is_from_handler(error)
        cut_short(run, error, ABANDONED if ours else CANCELLED)
        raise


def _give_span(
    run: Run,
    inforce: state.Telemetry,
    parent: Context,
    given: Context,
    causes: Sequence[Cause],
    above: Run | None,
    *,
    is_hidden: bool,
) -> None:
    """Start the run's span, or give it one that is not recorded, and find out whether it has totals."""
    row = run.row
    if run.watched or (above is not None and (is_hidden or row.depth > inforce.visible)):
        run.span = spans.hidden_span(parent)
        run.identity = spans.read(row.identity, run) if given is not parent else {}
    else:
        # The SDK is fastest if it is given all attributes at once; if it keeps none, they were read in vain. Below a
        # run it is known which it will be. Otherwise it is taken to be as it was the last time.
        eager = inforce.roots_record[0] if above is None else above.span.is_recording()
        recording = _start_span(run, inforce, given, causes, eager=eager)
        if above is None:
            inforce.roots_record[0] = recording
        run.sums = recording and (above is None or row.totals)
    if row.totals and state.instruments() is not None:
        run.sums = True  # an agent's are measured, whether or not it has a span


def _put_under(run: Run, above: Run) -> None:
    run.parent_ref = above.ref
    run.ancestors = (*above.ancestors, above.id)
    run.into = above.totals or (_totals_of(above) if above.sums else above.into)


def _watched(run: Run, parent: Context, above: Run | None) -> None:
    """Find out whether another instrumentation already watches this call."""
    run.shared = interop.outer_record(parent, run.row.name, above)
    run.watched = run.shared is not None
    if run.watched and (outer := getattr(get_current_span(parent), "_callspan_run", None)) is not None:
        outer.counted = True  # callbacks hear both, and what was used from this one


def _body_of(run: Run, parent: Context, above: Run | None) -> Context:
    """Give the context that its body runs in; until that is current nobody has seen it, and it can be changed."""
    context = Context({**parent, SPAN: run.span, RUN: run})
    if run.who is not None:
        context = _identified(run, context)
    if WAITING_FRAME in context:
        dict.__delitem__(context, WAITING_FRAME)
    kind = interop.kind_of(run.row)
    if kind or (above is not None and interop.kind_of(above.row)):
        made = None if run.watched else interop.claim(context, kind, above)
        run.shared = run.shared or made
    return context


def _identified(run: Run, context: Context) -> Context:
    """Let the body say who is at work, but not to the providers of models."""
    if context.get(IDENTITY) is not run.who:
        dict.__setitem__(context, IDENTITY, run.who)
    return at_home(context) if run.row.name in ("llm", "embedding") else context


def _open_doors(run: Run, context: Context, given: Context, blocks: tuple[Subscriber, ...]) -> None:
    """Let in who hears the run by the doors that are open without LangChain's lists."""
    if run.parent_ref is None and doors.prepare is not None and (blocks or doors.process):
        doors.prepare()
    if blocks:
        dict.__setitem__(context, SCOPED_CALLBACKS, blocks)
    subscribe_all(run, blocks)
    if run.subscribers:
        tell_of_span(run, run.subscribers, given)


def tell_of_span(run: Run, subscribers: Sequence[Subscriber], given: Context) -> None:
    """Tell those of the span that OpenTelemetry does not tell itself, if it is recorded.

    Args:
        run: The run whose span it is.
        subscribers: Who hears the run.
        given: The context that the span was started with.
    """
    if not run.span.is_recording():
        return
    for subscriber in subscribers:
        if subscriber.callspan_spans and all(subscriber is not other for other in run.by_sdk):
            run.spanning = (*run.spanning, subscriber)
            quietly(subscriber, "on_start", run.span, given)


def announce(runs: Sequence[Run], *, of: Sequence[Subscriber] | None = None) -> Telling | None:
    """Give the hooks that hear the start of runs.

    Args:
        runs: The runs of one call; a hook that stops the call ends all of them.
        of: Who hears it, if not all of their subscribers.
    """
    calls: list[Call] = []
    for run in runs:
        if run.subscribers:
            calls += calls_of(run, run.subscribers if of is None else of, events_of_start(run.row))
    return Telling(calls, stops(runs)) if calls else None


def stops(runs: Sequence[Run]) -> Stopped:
    """Make what follows when a hook stops the call of these runs before its body has begun."""
    return partial(_stopped, runs)


def events_of_start(row: Kind) -> tuple[str, str]:
    """Give the events that tell of the start of a run, in their order."""
    return "on_run_start", "on_chat_model_start" if row.operation == semconv.CHAT else f"on_{row.name}_start"


def _stopped(runs: Sequence[Run], telling: Telling, call: Call, error: BaseException) -> None:
    """End all runs of the call, for LangChain does not watch over them yet; who comes later never hears them."""
    run, stopping, event, _ = call
    place_of_run = next(index for index, one in enumerate(runs) if one is run)
    cut_short = CLOSED if isinstance(error, GeneratorExit) else CANCELLED
    outcome = ERROR if run.stopper is error else cut_short
    if event.endswith("_start"):  # else all have heard it
        run.subscribers = run.subscribers[: index_of(run, stopping) + 1]
    for later in runs[place_of_run + 1 :]:
        later.subscribers = ()
    for one in runs:
        one.stopper = run.stopper
    ends = [end(one, error=error, outcome=outcome) for one in runs]
    telling.follow([told for told in ends if told is not None])


def _totals_of(run: Run) -> Totals:
    """Give the totals of a root or an agent; they are made when something starts in it."""
    made = Totals(run.into)
    if run.totals is None:  # two threads may be here at once; none comes between a test and a store without a call
        run.totals = made
    return run.totals


def _start_span(run: Run, inforce: state.Telemetry, parent: Context, causes: Sequence[Cause], *, eager: bool) -> bool:
    """Start the span, and tell whether it is recording."""
    row = run.row
    attributes = run.identity = spans.read(row.identity, run)
    target = name_without_ids(run.name) if row.target is None else safe_name(attributes.get(row.target))
    name = row.word if target is None else f"{row.word} {target}"
    if eager:
        attributes = attributes | spans.read(row.start, run)
    if run.who is not None:
        attributes = {**run.who.attributes, **attributes}
    links = spans.links(causes) if causes else None
    try:  # straight into the run: what stood in a variable here an interrupt would take along
        run.span = inforce.tracer.start_span(name, parent, row.span_kind, attributes, links, run.started)
    except BaseException as fault:  # the SDK lets every processor's exception through (#5624 there)
        if not isinstance(fault, Exception) or is_from_handler(fault):
            spans.end_half_started(run.started, fault)
            raise
        state.refused("start a span", fault)
        run.span = spans.hidden_span(parent)  # with us in the way it would break a call that used to work
    span = run.span
    recording = span.is_recording()
    if recording:
        late = {} if eager else spans.read(row.start, run)
        run.content = content.mode(parent)
        if row.asked and run.content != content.NO_CONTENT:
            late.update(content.asked(run))
        if late:
            span.set_attributes(late)
    for cause in causes:
        span.set_attributes(spans.cause_attributes(cause))
        run.attempt = cause.attributes.get(semconv.RUN_ATTEMPT, run.attempt)
    return recording
