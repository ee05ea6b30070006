"""What is derived of a trace: where failures began, who owns tokens and cost, the critical path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from typing import Any

from callspan import semconv
from callspan.core import prices
from callspan.core.prices import Counts
from callspan.core.usage import BILLED, NO_TOKENS, counts_in, usage_record
from callspan.viewer.otlp import RawSpan
from callspan.viewer.read import Source, read
from callspan.viewer.trace import Failure, Span, Trace, text_in, traces_of

# Ranks of failures: where one began, what passed it on, and what its caller went on after
ORIGIN, PASSED, HANDLED = "origin", "passed", "handled"

CALLS = BILLED  # all other spans only repeat what the calls below them used

_COSTS = ("gen_ai.usage.cost", "operation.cost")
_DEAREST = 1e9  # US dollars that no call costs

# Microseconds by which a child may outlive its parent, and parallel ones touch: clocks and threads are not exact
_SLACK = 1000

Price = Callable[[Span, Counts], "float | None"]  # returns what a call cost, in US dollars


def read_traces(
    files: Iterable[str | PathLike[str]], price: Price | None = None, source: Source | None = None
) -> tuple[list[Trace], Source]:
    """Read trace files, and return the analyzed traces by their start.

    Raises:
        OSError: A file cannot be opened.
    """
    source = source or Source()
    return analyze(read(files, source), price), source


def analyze(spans: Iterable[RawSpan], price: Price | None = None) -> list[Trace]:
    """Return the traces of spans, each span with its failure, the usage it owns and its part of the critical path."""
    traces = traces_of(spans)
    for trace in traces:
        rank_failures(trace)
        assign_usage(trace, price)
        find_critical_path(trace)
    return traces


def rank_failures(trace: Trace) -> None:
    """Set on each failed span its failure and its rank."""
    spans = trace.spans
    for span in spans:
        span.failure = _failure(span)
    tried_again = _tried_again(trace)
    for place, span in enumerate(spans):  # parents come first: what goes on below a handled failure is handled too
        above = spans[span.parent] if span.parent >= 0 else None
        if span.failure is not None and (place in tried_again or _goes_on(above)):
            span.rank = HANDLED
    for span in reversed(spans):  # children come first
        if span.failure is not None and span.rank is None:
            below = (spans[child] for child in span.children)
            span.rank = PASSED if any(child.rank in (ORIGIN, PASSED) for child in below) else ORIGIN


def _goes_on(above: Span | None) -> bool:
    return above is not None and above.raw.end is not None and (above.failure is None or above.rank == HANDLED)


def _tried_again(trace: Trace) -> set[int]:
    """Return the failed spans that another one beside them tried again later: by a link, or as the same call."""
    places = {span.raw.span_id: place for place, span in enumerate(trace.spans)}
    found: set[int] = set()
    last: dict[tuple[int, str], int] = {}
    for place, span in enumerate(trace.spans):
        for name in (semconv.RETRY_OF, semconv.INSTEAD_OF):
            before = places.get(str(span.raw.attributes.get(name)), place)
            if before != place:
                found.add(before)
        call = text_in(span.raw.attributes, semconv.TOOL_CALL_ID)
        if call is not None:
            if (span.parent, call) in last:
                found.add(last[span.parent, call])
            last[span.parent, call] = place
    return found


def has_failed(span: Span) -> bool:
    """Return whether a span failed."""
    return span.raw.failed or text_in(span.raw.attributes, semconv.ERROR_TYPE) is not None


def _failure(span: Span) -> Failure | None:
    if not has_failed(span):
        return None
    event = next((one.attributes for one in reversed(span.raw.events) if one.name == semconv.EXCEPTION), None) or {}
    kind = text_in(span.raw.attributes, semconv.ERROR_TYPE) or text_in(event, semconv.EXCEPTION_TYPE)
    message = text_in(event, semconv.EXCEPTION_MESSAGE)
    return Failure(kind or "error", message or span.raw.message, text_in(event, semconv.EXCEPTION_STACKTRACE) or "")


def assign_usage(trace: Trace, price: Price | None = None) -> None:
    """Set on each span the tokens and the cost that no other span counts; `price` is for calls without a cost."""
    spans = trace.spans
    below = [False] * len(spans)  # whether a span under it owns any
    for place in range(len(spans) - 1, -1, -1):  # children come first
        span = spans[place]
        counts = counted(span.raw.attributes)
        is_cached = span.raw.attributes.get(semconv.CACHE_HIT) is True
        is_own = not _repeats_call(span, trace) if span.kind in CALLS else not below[place]
        if counts is not None and is_own and not is_cached:
            span.usage = counts
            span.cost = cost_in(span.raw.attributes)
            if span.cost is None and price is not None and _has_both_counts(span):
                span.cost = price(span, counts)
        if span.parent >= 0 and (span.usage is not None or below[place]):
            below[span.parent] = True


def _repeats_call(span: Span, trace: Trace) -> bool:
    """Return whether a span around it reports the same call, and has its tokens."""
    while span.parent >= 0:
        span = trace.spans[span.parent]
        if span.kind in CALLS and counted(span.raw.attributes) is not None:
            return True
    return False


def _has_both_counts(span: Span) -> bool:
    """Return whether input and output are known: half a bill has no price. Embeddings have input only."""
    given, made, *_ = counts_in(span.raw.attributes, old_names=True)
    return given is not None and (made is not None or span.kind == "embedding")


def counted(attributes: dict[str, Any]) -> Counts | None:
    """Return the token counts of a span, or None if it has none."""
    found = counts_in(attributes, old_names=True)
    return None if found == NO_TOKENS else found.known


def cost_in(attributes: dict[str, Any]) -> float | None:
    """Return the cost among the attributes of a span, in US dollars, or None."""
    for name in _COSTS:
        value = attributes.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _DEAREST:
            return float(value)
    return None


def price_from(where: str) -> Price | None:
    """Return the function that gives the cost of a span, or None for `off`.

    Args:
        where: `off`, `builtin` or a JSON file, as in `callspan.core.prices`.

    Raises:
        PricesError: There are no such prices: the package is missing, or the file is invalid.
    """
    ask = prices.price_from(where)
    if ask is None:
        return None

    def price(span: Span, counts: Counts) -> float | None:
        record = usage_record(span.raw.attributes, None, span.raw.start)
        if record.is_incomplete:
            return None
        return ask(record.models, record.provider, counts, record.at, record.terms)

    return price


def find_critical_path(trace: Trace) -> None:
    """Set the critical path: from the end backwards, always into the child that ended last before that point."""
    spans = trace.spans
    ends = [span.stop for span in spans]
    for place in range(len(ends) - 1, -1, -1):  # children come first
        above = spans[place].parent
        if above >= 0 and spans[above].duration is None:  # it goes on at least as long as what is under it
            ends[above] = max(ends[above], ends[place])
    for root, span in enumerate(spans):
        if span.parent < 0:
            _walk(spans, ends, root)
    _set_beside(trace, ends)


def find_beside(trace: Trace, now: int) -> None:
    """Set `beside` on the spans of a trace that still grows, `now` microseconds after its start."""
    _set_beside(trace, [now if span.duration is None else span.stop for span in trace.spans])


def _walk(spans: Sequence[Span], ends: Sequence[int], root: int) -> None:
    waiting = [(root, spans[root].start, ends[root])]
    while waiting:
        place, start, at = waiting.pop()
        span, own = spans[place], list[tuple[int, int]]()
        below = () if span.kind in CALLS else span.children  # a call's time is its own, whatever requests it makes
        for child in sorted(below, key=ends.__getitem__, reverse=True):
            begun, ended = spans[child].start, ends[child]
            if ended > at + _SLACK or ended <= start or begun >= at:
                continue
            own.append((max(ended, start), at))
            waiting.append((child, max(begun, start), min(ended, at)))
            at = max(begun, start)
        own.append((start, at))
        span.path = [part for part in own if part[0] < part[1]] or ()


def _set_beside(trace: Trace, ends: Sequence[int]) -> None:
    """Set on each span how many of its siblings ran at once; groups are what overlaps, one after the other."""
    spans = trace.spans
    roots = [place for place, span in enumerate(spans) if span.parent < 0]
    for siblings in (roots, *(span.children for span in spans)):
        group: list[int] = []
        stop = -1
        for place in siblings:
            if group and spans[place].start + _SLACK >= stop:
                _set_most(spans, ends, group)
                group = []
            group.append(place)
            stop = max(stop, ends[place])
        _set_most(spans, ends, group)


def _set_most(spans: Sequence[Span], ends: Sequence[int], group: Sequence[int]) -> None:
    stops = sorted(ends[place] for place in group)
    most = over = 0
    for count, place in enumerate(group, start=1):
        while over < count - 1 and stops[over] <= spans[place].start + _SLACK:
            over += 1
        most = max(most, count - over)
    for place in group:
        spans[place].beside = most
