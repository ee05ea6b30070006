"""Traces: spans in their places, in the order in which they are shown, and what each of them is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from callspan import semconv
from callspan.core.prices import Counts
from callspan.viewer.otlp import RawSpan

# By `gen_ai.operation.name`, of today and of before
_OPERATIONS = {
    **dict.fromkeys(("chat", "text_completion", "generate_content", "completion"), "llm"),
    "execute_tool": "tool",
    **dict.fromkeys(("invoke_agent", "create_agent"), "agent"),
    "invoke_workflow": "workflow",
    "retrieval": "retriever",
    **dict.fromkeys(("embeddings", "embedding"), "embedding"),
}

# By `langchain.run.type`
_TYPES = {
    **dict.fromkeys(("llm", "chat_model"), "llm"),
    **{name: name for name in ("tool", "retriever", "embedding")},
    **dict.fromkeys(("chain", "prompt", "parser", "reranker"), "chain"),
}

# By what OpenInference and OpenLLMetry call a span's kind
_OTHERS = {
    **{name: name for name in ("llm", "tool", "agent", "retriever", "embedding", "chain", "workflow")},
    **dict.fromkeys(("task", "reranker", "guardrail", "evaluator", "prompt"), "chain"),
}

_OTHERS_NAMES = ("openinference.span.kind", "traceloop.span.kind")

_WORDS = {**_OPERATIONS, "chain": "chain", "node": "node", "rerank": "chain"}  # by the first word of a name

_HTTP = ("http.request.method", "http.method")


def kind_of(span: RawSpan) -> str:
    """Return what a span is: one of the kinds that `Span.kind` names."""
    attributes = span.attributes
    found = _known(_OPERATIONS, attributes.get(semconv.OPERATION))
    if found is not None:
        return found
    found = _known(_TYPES, attributes.get(semconv.RUN_TYPE))
    word = span.name.partition(" ")[0]
    if found == "chain" and (semconv.GRAPH_NODE in attributes or word == "node"):
        return "node"
    if found is not None:
        return found
    if any(name in attributes for name in _HTTP):
        return "http"
    names = (attributes.get(name) for name in _OTHERS_NAMES)
    others = next((_OTHERS.get(name.lower()) for name in names if isinstance(name, str)), None)
    return others or _WORDS.get(word) or "other"


def _known(table: dict[str, str], value: Any) -> str | None:
    return table.get(value) if isinstance(value, str) else None


# By kind: the attributes that name what was called
_NAMED_BY = {
    "llm": (semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL),
    "embedding": (semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL),
    "tool": (semconv.TOOL_NAME,),
    "retriever": (semconv.DATA_SOURCE_ID,),
    "agent": (semconv.AGENT_NAME,),
    "workflow": (semconv.WORKFLOW_NAME,),
}


def name_of(raw: RawSpan, kind: str) -> str:
    """Return the name of what a span called: the same in the tree, on the page and in `stats`."""
    if kind in ("http", "other"):
        return raw.name
    for attribute in (*_NAMED_BY.get(kind, ()), semconv.RUN_NAME):
        if isinstance(text := raw.attributes.get(attribute), str) and text:
            return text
    word, _, rest = raw.name.partition(" ")
    return rest if rest and word in _WORDS else raw.name


DEEPEST = 500  # levels of a tree: what is deeper hangs at this one, since pages and people walk down trees
MISSING = "did not end"  # name of the placeholder for a span that had not ended when the file was written
ELSEWHERE = "parent not in this file"  # name of the placeholder for any other missing span
_LONG = 10**6  # seconds that nobody waits


@dataclass(slots=True)
class Failure:
    """How a span failed."""

    type: str  # of the exception, or what else names the failure
    message: str = ""
    stack: str = ""


@dataclass(slots=True)
class Span:
    """A span in its place."""

    raw: RawSpan  # what the file has
    kind: str  # `llm`, `tool`, `agent`, `workflow`, `node`, `retriever`, `embedding`, `chain`, `http` or `other`
    parent: int = -1  # the index of the span it hangs under; -1 for a root
    depth: int = 0  # how far down; 0 for a root
    start: int = 0  # in microseconds from the start of the trace
    duration: int | None = None  # how long it took, in microseconds; None if it did not end
    children: Sequence[int] = ()  # the indexes of the spans under it, by their start
    first_token: int | None = None  # when its first token came, in microseconds from its own start
    usage: Counts | None = None  # the tokens that it owns: those that no other span counts too
    cost: float | None = None  # what they cost, in US dollars; None if nobody knows
    failure: Failure | None = None
    # of a failure: `origin`, where it began; `passed`, what passed it on; `handled`, after which its caller went on
    rank: str | None = None
    outcome: str | None = None  # how it ended, where that is neither well nor a failure
    attempt: int | None = None  # which try at the same thing it is, from 1
    beside: int = 1  # how many spans ran at once in its place, itself among them, at most
    # the parts of it that are on the critical path, in microseconds from the start of the trace
    path: Sequence[tuple[int, int]] = ()
    # of a model's call: the call before in the same conversation, as an index, or as the ids of a trace and a span
    before: int | tuple[str, str] | None = None

    @property
    def stop(self) -> int:
        """When it ended, in microseconds from the start of the trace; its start if it did not."""
        return self.start + (self.duration or 0)


@dataclass(slots=True)
class Trace:
    """The spans of one trace."""

    id: str  # 32 hex digits
    start: int  # in nanoseconds since 1970
    spans: list[Span]  # each before those under it, and those under it by their start
    service: str | None = None  # of its resource
    conversation: str | None = None  # the conversation it belongs to

    @property
    def roots(self) -> Iterator[Span]:
        """The spans that hang under none."""
        return (span for span in self.spans if span.parent < 0)

    @property
    def duration(self) -> int:
        """From its start to the end of what ended last, in microseconds."""
        return max((span.stop for span in self.spans), default=0)


def traces_of(spans: Iterable[RawSpan]) -> list[Trace]:
    """Put spans into their places.

    Returns:
        The traces, by their start.
    """
    every: dict[str, dict[str, RawSpan]] = {}
    for span in spans:
        every.setdefault(span.trace_id, {}).setdefault(span.span_id, span)
    found = [_trace(identity, every.pop(identity)) for identity in list(every)]  # its memory is free
    return sorted(found, key=lambda trace: trace.start)


def _trace(identity: str, members: dict[str, RawSpan]) -> Trace:
    """Lay the tree out: parents before children, children by their start, and every span exactly once."""
    _add_placeholders(members)
    children: dict[str | None, list[RawSpan]] = {}
    for span in members.values():
        children.setdefault(span.parent_id, []).append(span)
    for beside in children.values():
        beside.sort(key=lambda span: span.start)
    trace = Trace(identity, min((span.start for span in members.values() if span.start), default=0), [])
    for root in children.pop(None, []):
        _hang(root, children, trace)
    while children:
        _hang(_cut_out(children, members), children, trace)
    below: dict[int, list[int]] = {}
    for place, placed in enumerate(trace.spans):
        below.setdefault(placed.parent, []).append(place)
    for place, placed in enumerate(trace.spans):
        placed.children = below.get(place, ())
    trace.service = next((span.service for span in members.values() if span.service), None)
    named = (text_in(span.raw.attributes, semconv.CONVERSATION_ID) for span in trace.spans)
    trace.conversation = next(filter(None, named), None)
    return trace


def _add_placeholders(members: dict[str, RawSpan]) -> None:
    """Add a placeholder for each missing parent: only spans that have ended are in a file."""
    roots = [span for span in members.values() if span.parent_id is None]
    # Beside a root that has ended, what is missing did end; it is in another file, or nowhere.
    name, above = (ELSEWHERE, roots[0].span_id) if len(roots) == 1 else (MISSING, None)
    placeholders: dict[str, RawSpan] = {}
    for span in list(members.values()):
        parent = span.parent_id
        if parent is None or (parent in members and parent not in placeholders):
            continue
        if span.is_remote and above is None:  # this process's part of a trace
            span.parent_id = None
            continue
        known = placeholders.get(parent)
        if known is None:
            known = RawSpan(span.trace_id, parent, above, name, span.start, None, {}, service=span.service)
            members[parent] = placeholders[parent] = known
        known.start = min(known.start, span.start)
        if above is not None:
            known.end = max(known.end or 0, span.end or 0) or None


def _cut_out(children: dict[str | None, list[RawSpan]], members: dict[str, RawSpan]) -> RawSpan:
    """Remove a span from a ring of parents: no sound trace has one, and what hangs in it must not be missing."""
    place = next(iter(children))
    seen: set[str | None] = set()
    while place is not None and place not in seen:
        seen.add(place)
        place = members[place].parent_id
    found = members[place or ""]
    beside = children[found.parent_id]
    beside.remove(found)
    if not beside:
        del children[found.parent_id]
    return found


def _hang(root: RawSpan, children: dict[str | None, list[RawSpan]], trace: Trace) -> None:
    waiting: list[tuple[RawSpan, int]] = [(root, -1)]
    while waiting:
        raw, parent = waiting.pop()
        above = trace.spans[parent] if parent >= 0 else None
        if above is not None and above.depth >= DEEPEST:
            parent, above = above.parent, trace.spans[above.parent]
        place = len(trace.spans)
        trace.spans.append(_placed(raw, parent, 0 if above is None else above.depth + 1, trace.start))
        # Taken out, not looked up: an id that is its own ancestor must not be placed twice.
        waiting.extend((child, place) for child in reversed(children.pop(raw.span_id, [])))


def _placed(raw: RawSpan, parent: int, depth: int, origin: int) -> Span:
    start = max(0, (raw.start - origin) // 1000)
    attempt = raw.attributes.get(semconv.RUN_ATTEMPT)
    return Span(
        raw,
        kind_of(raw),
        parent,
        depth,
        start,
        None if raw.end is None else max(0, (raw.end - origin) // 1000 - start),
        first_token=_microseconds(raw.attributes.get(semconv.TIME_TO_FIRST_CHUNK)),
        outcome=text_in(raw.attributes, semconv.RUN_OUTCOME),
        attempt=attempt if type(attempt) is int and attempt > 1 else None,
    )


def _microseconds(seconds: Any) -> int | None:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    return int(seconds * 1_000_000) if 0 <= seconds < _LONG else None


def text_in(attributes: dict[str, Any], name: str) -> str | None:
    """Return an attribute that is a text, or None."""
    value = attributes.get(name)
    return value if isinstance(value, str) and value else None
