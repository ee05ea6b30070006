"""What the page is given, version 1: everything that must be right once, in plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from callspan import semconv
from callspan.viewer.conversation import CONTENT, DETAILS, OLD_EVENTS, MessageIndex, content_of, link_calls
from callspan.viewer.json_safe import json_safe, value_of
from callspan.viewer.otlp import RawSpan
from callspan.viewer.read import Source
from callspan.viewer.trace import Span, Trace, name_of

VERSION = 1

_CAUSES = (semconv.ASKED_BY, semconv.RETRY_OF, semconv.INSTEAD_OF, semconv.RESUMES)

_SHOWN_ELSEWHERE = (semconv.EXCEPTION, DETAILS, *OLD_EVENTS)  # events that are an error, or messages


def page_data(traces: Sequence[Trace], source: Source, dropped: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return analyzed traces as the page takes them; `dropped` has `spans`, `bytes` and `why` of what is left out."""
    messages = MessageIndex()
    earlier: dict[str, dict[tuple[int, ...], tuple[str, str]]] = {}
    about: dict[str, Any] = {
        "files": source.files,
        "spans": source.spans,
        "lines": source.lines,
        "skipped": [{"line": one.line, "why": f"{one.file}: {one.why}"} for one in source.skipped],
    }
    if source.skips > len(source.skipped):
        about["skips"] = source.skips
    if dropped:
        about["dropped"] = dropped
    found = [_trace(trace, messages, earlier) for trace in traces]
    return {"version": VERSION, "source": about, "messages": messages.every, "traces": found}


def _trace(trace: Trace, messages: MessageIndex, earlier: dict[str, Any]) -> dict[str, Any]:
    spans = [_span(span, messages, trace.start) for span in trace.spans]
    link_calls(trace, [span.get("in") for span in spans], earlier)
    for span, shown in zip(trace.spans, spans, strict=True):
        if span.before is not None:
            shown["before"] = span.before if isinstance(span.before, int) else list(span.before)
    about = _known(service=trace.service, conversation=trace.conversation)
    return {"id": trace.id, "start": trace.start // 1_000_000, **about, "spans": spans}


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _span(span: Span, messages: MessageIndex, origin: int) -> dict[str, Any]:
    raw = span.raw
    shown: dict[str, Any] = {
        "id": raw.span_id,
        "parent": span.parent,
        "kind": span.kind,
        "name": raw.name,
        "start": span.start,
        "dur": span.duration,
        "attrs": _attributes(raw.attributes),
    }
    shown.update(_content(raw, messages))
    if span.usage is not None:
        shown.update(usage=list(span.usage), cost=span.cost)
    if span.failure is not None:
        failure = span.failure
        shown["error"] = {"type": failure.type, "message": failure.message, **_known(stack=failure.stack or None)}
    title = name_of(raw, span.kind)
    more = _known(
        title=title if title != raw.name else None,
        beside=span.beside if span.beside > 1 else None,
        ttft=span.first_token,
        attempt=span.attempt,
        outcome=span.outcome,
        rank=span.rank,
        path=[list(part) for part in span.path] or None,
        links=_links(raw) or None,
        events=_events(raw, origin) or None,
    )
    return {**shown, **more, **_pause(raw)}


def _attributes(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: json_safe(value) for name, value in attributes.items() if name not in CONTENT}


def _content(raw: RawSpan, messages: MessageIndex) -> dict[str, Any]:
    content = content_of(raw)
    return _known(
        **{"in": None if content.inputs is None else messages.places(content.inputs)},
        out=None if content.outputs is None else messages.places(content.outputs),
        tools=content.tools,
        args=content.arguments,
        result=content.result,
        query=content.query,
        documents=content.documents,
    )


def _links(raw: RawSpan) -> list[dict[str, str]]:
    """Return what a span is linked to; some stores lose what links say, or the links, and keep the attributes."""
    causes = {
        cause: name.rpartition(".")[2]
        for name in _CAUSES
        if isinstance(cause := raw.attributes.get(name), str) and cause
    }
    found = [
        {
            "trace": link.trace_id,
            "span": link.span_id,
            "why": _words(link.attributes.get(semconv.LINK_CAUSE) or causes.get(link.span_id)),
        }
        for link in raw.links
    ]
    linked = {link["span"] for link in found}
    return found + [
        {"trace": "" if name == "resumes" else raw.trace_id, "span": cause, "why": _words(name)}
        for cause, name in causes.items()
        if cause not in linked
    ]


def _words(cause: Any) -> str:
    return cause.replace("_", " ") if isinstance(cause, str) and cause else "linked"


def _events(raw: RawSpan, origin: int) -> list[dict[str, Any]]:
    """Return the other events of a span; `origin` is the start of its trace."""
    return [
        {"name": event.name, "at": max(0, (event.time - origin) // 1000), "attrs": _attributes(event.attributes)}
        for event in raw.events
        if event.name not in _SHOWN_ELSEWHERE
    ]


def _pause(raw: RawSpan) -> dict[str, Any]:
    """Return what a span waits for, and what it resumed with: from the span, or from an event of it."""
    attributes = raw.attributes
    for event in raw.events:
        attributes = {**event.attributes, **attributes}
    found: dict[str, Any] = {}
    if semconv.INTERRUPT_ID in attributes or semconv.INTERRUPT_VALUE in attributes:
        identity = attributes.get(semconv.INTERRUPT_ID)
        identity = next(iter(identity), None) if isinstance(identity, list) else identity
        found["interrupt"] = {
            "id": identity if isinstance(identity, str) else "",
            "value": value_of(attributes.get(semconv.INTERRUPT_VALUE)),
        }
    if semconv.RESUME_VALUE in attributes:
        found["resume"] = value_of(attributes[semconv.RESUME_VALUE])
    return found
