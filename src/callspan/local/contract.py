"""What the page is given, version 1: everything that must be right once, in plain values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from callspan import semconv
from callspan.local.history import call_before
from callspan.local.otlp import RawSpan
from callspan.local.read import Source
from callspan.local.said import CONTENT, Message, Said, said_in, value_of
from callspan.local.trace import Span, Trace

VERSION = 1


class Messages:
    """Distinct messages, each once: a long conversation is sent again with every call."""

    def __init__(self) -> None:
        self.every: list[Message] = []
        self._places: dict[str, int] = {}

    def places(self, messages: Iterable[Message]) -> list[int]:
        """Give the places of messages, new ones among them.

        Args:
            messages: The messages.
        """
        return [self._place(message) for message in messages]

    def _place(self, message: Message) -> int:
        key = json.dumps(message, sort_keys=True, ensure_ascii=False)
        place = self._places.setdefault(key, len(self.every))
        if place == len(self.every):
            self.every.append(message)
        return place


def contract(traces: Sequence[Trace], source: Source, dropped: dict[str, Any] | None = None) -> dict[str, Any]:
    """Give traces as the page takes them.

    Args:
        traces: The traces, by their start; their failures, usage and paths have been found.
        source: What was read.
        dropped: What was left out, and why: `spans`, `bytes`, `why`; None: nothing.
    """
    messages = Messages()
    earlier: dict[str, dict[tuple[int, ...], tuple[str, str]]] = {}
    said: dict[str, Any] = {
        "files": source.files,
        "spans": source.spans,
        "lines": source.lines,
        "skipped": [{"line": one.line, "why": f"{one.file}: {one.why}"} for one in source.skipped],
    }
    if dropped:
        said["dropped"] = dropped
    found = [_trace(trace, messages, earlier) for trace in traces]
    return {"version": VERSION, "source": said, "messages": messages.every, "traces": found}


def _trace(trace: Trace, messages: Messages, earlier: dict[str, Any]) -> dict[str, Any]:
    spans = [_span(span, messages) for span in trace.spans]
    call_before(trace, [span.get("in") for span in spans], earlier)
    for span, shown in zip(trace.spans, spans, strict=True):
        if span.before is not None:
            shown["before"] = span.before if isinstance(span.before, int) else list(span.before)
    about = {"service": trace.service, "conversation": trace.conversation}
    return {
        "id": trace.id,
        "start": trace.start // 1_000_000,
        **{name: value for name, value in about.items() if value is not None},
        "spans": spans,
    }


def _span(span: Span, messages: Messages) -> dict[str, Any]:
    raw = span.raw
    shown: dict[str, Any] = {
        "id": raw.span_id,
        "parent": span.parent,
        "kind": span.kind,
        "name": raw.name,
        "start": span.start,
        "dur": span.duration,
        "attrs": {name: value for name, value in raw.attributes.items() if name not in CONTENT},
    }
    shown.update(_content(said_in(raw), messages))
    if span.usage is not None:
        shown.update(usage=list(span.usage), cost=span.cost)
    if span.failure is not None:
        failure = span.failure
        stack = {"stack": failure.stack} if failure.stack else {}
        shown["error"] = {"type": failure.type, "message": failure.message, **stack}
    if span.beside > 1:
        shown["beside"] = span.beside
    others = {
        "ttft": span.first_token,
        "attempt": span.attempt,
        "outcome": span.outcome,
        "rank": span.rank,
        "path": [list(part) for part in span.path] or None,
        "links": _links(raw) or None,
        "events": _events(raw) or None,
    }
    shown.update((name, value) for name, value in others.items() if value is not None)
    return {**shown, **_pause(raw)}


def _content(said: Said, messages: Messages) -> dict[str, Any]:
    found = {
        "in": None if said.inputs is None else messages.places(said.inputs),
        "out": None if said.outputs is None else messages.places(said.outputs),
        "tools": said.tools,
        "args": said.arguments,
        "result": said.result,
        "query": said.query,
        "documents": said.documents,
    }
    return {name: value for name, value in found.items() if value is not None}


def _links(raw: RawSpan) -> list[dict[str, str]]:
    return [
        {"trace": link.trace_id, "span": link.span_id, "why": _words(link.attributes.get(semconv.LINK_CAUSE))}
        for link in raw.links
    ]


def _words(cause: Any) -> str:
    return cause.replace("_", " ") if isinstance(cause, str) and cause else "linked"


def _events(raw: RawSpan) -> list[dict[str, Any]]:
    """Give the events that stand nowhere else."""
    return [
        {"name": event.name, "time": (event.time - raw.start) // 1000, "attrs": event.attributes}
        for event in raw.events
        if event.name != semconv.EXCEPTION
    ]


def _pause(raw: RawSpan) -> dict[str, Any]:
    """Give what a span waits for, and what it went on with: on the span, or on an event of it."""
    said = raw.attributes
    for event in raw.events:
        said = {**event.attributes, **said}
    found: dict[str, Any] = {}
    if semconv.INTERRUPT_ID in said or semconv.INTERRUPT_VALUE in said:
        identity = said.get(semconv.INTERRUPT_ID)
        identity = next(iter(identity), None) if isinstance(identity, list) else identity
        found["interrupt"] = {
            "id": identity if isinstance(identity, str) else "",
            "value": value_of(said.get(semconv.INTERRUPT_VALUE)),
        }
    if semconv.RESUME_VALUE in said:
        found["resume"] = value_of(said[semconv.RESUME_VALUE])
    return found
