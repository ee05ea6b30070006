"""How spans failed, and where it began: one failure colours all that it goes through, and one place explains it."""

from __future__ import annotations

from typing import Any

from callspan import semconv
from callspan.local.trace import Failure, Span, Trace, text_in

ORIGIN, PASSED, HANDLED = "origin", "passed", "handled"


def explain(trace: Trace) -> None:
    """Return each failed span its failure and its rank."""
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
            before = places.get(str(span.raw.attributes.get(name)))
            if before is not None and before != place:
                found.add(before)
        call = text_in(span.raw.attributes, semconv.TOOL_CALL_ID)
        if call is not None:
            earlier = last.get((span.parent, call))
            if earlier is not None:
                found.add(earlier)
            last[span.parent, call] = place
    return found


def has_failed(span: Span) -> bool:
    """Return whether a span failed."""
    return span.raw.failed or text_in(span.raw.attributes, semconv.ERROR_TYPE) is not None


def _failure(span: Span) -> Failure | None:
    if not has_failed(span):
        return None
    event = next((one.attributes for one in reversed(span.raw.events) if one.name == semconv.EXCEPTION), None) or {}
    return Failure(
        text_in(span.raw.attributes, semconv.ERROR_TYPE) or _text(event, semconv.EXCEPTION_TYPE) or "error",
        _text(event, semconv.EXCEPTION_MESSAGE) or span.raw.message,
        _text(event, semconv.EXCEPTION_STACKTRACE),
    )


def _text(said: dict[str, Any], name: str) -> str:
    return text_in(said, name) or ""
