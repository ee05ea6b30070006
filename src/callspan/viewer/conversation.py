"""Message content of spans in one shape, distinct messages, and the call before in a conversation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from callspan import semconv
from callspan.viewer.json_safe import as_text, json_safe, value_of
from callspan.viewer.otlp import Event, RawSpan
from callspan.viewer.trace import Trace

CHOICE = "gen_ai.choice"

# By the name of the event: who said it
ROLES = {
    **{f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")},
    CHOICE: "assistant",
}

# Attributes that hold messages as JSON; also names of two events' attributes
PROMPT, COMPLETION = "gen_ai.prompt", "gen_ai.completion"


def asked_in(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return the messages that a model was asked."""
    return [_message_of(event) for event in events if event.name in ROLES and event.name != CHOICE]


def answered_in(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return the messages that it answered."""
    return [_message_of(event) for event in events if event.name == CHOICE]


def _message_of(event: Event) -> dict[str, Any]:
    said = event.attributes
    inner = value_of(said.get("message"))
    if isinstance(inner, dict):
        said = {**said, **inner}
    role = said.get("role") or ROLES[event.name]
    content = value_of(said.get("content", said.get("gen_ai.event.content")))
    parts: list[Any] = content if isinstance(content, list) else [] if content is None else [content]
    if role == "tool":
        parts = [{"type": "tool_call_response", "id": said.get("id"), "response": content}]
    return {"role": role, "parts": [*parts, *_tool_calls(value_of(said.get("tool_calls")))]}


def _tool_calls(told: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for call in told if isinstance(told, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            arguments = value_of(function.get("arguments"))
            found.append(
                {"type": "tool_call", "id": call.get("id"), "name": function.get("name"), "arguments": arguments}
            )
    return found


Message = dict[str, Any]

DETAILS = "gen_ai.client.inference.operation.details"  # the event in which some writers put what was said

OLD_EVENTS = tuple(ROLES)  # events that are a message each

# The attributes that have message content
CONTENT = frozenset(
    {
        *(semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES, semconv.SYSTEM_INSTRUCTIONS, semconv.TOOL_DEFINITIONS),
        *(semconv.TOOL_ARGUMENTS, semconv.TOOL_RESULT, semconv.QUERY_TEXT, semconv.DOCUMENTS),
        *(semconv.RUN_INPUTS, semconv.RUN_OUTPUTS, semconv.INTERRUPT_VALUE, semconv.RESUME_VALUE),
        *(PROMPT, COMPLETION),
    }
)


@dataclass(frozen=True, slots=True)
class Content:
    """What was said in a span; None: nothing is known of it."""

    inputs: list[Message] | None = None  # the messages that went in, instructions before them
    outputs: list[Message] | None = None  # those that came out
    tools: list[dict[str, Any]] | None = None  # the tools a model was told of
    arguments: Any = None  # what a tool or a chain was given
    result: Any = None  # what it gave back
    query: str | None = None  # what a retriever was asked
    documents: list[dict[str, Any]] | None = None  # what it found


def content_of(span: RawSpan) -> Content:
    """Read what was said in a span."""
    told = span.attributes
    for event in span.events:
        if event.name == DETAILS:
            told = {**event.attributes, **told}
    found = {name: value_of(told[name]) for name in CONTENT if name in told}
    if not found and not span.events:
        return Content()
    inputs = messages_of(_first(found, semconv.INPUT_MESSAGES, PROMPT)) or asked_in(span.events)
    outputs = _first(found, semconv.OUTPUT_MESSAGES, COMPLETION)
    if (instructions := found.get(semconv.SYSTEM_INSTRUCTIONS)) is not None:
        inputs = [*(messages_of([{"role": "system", "parts": instructions}]) or ()), *inputs]
    query = found.get(semconv.QUERY_TEXT)
    return Content(
        inputs=messages_of(inputs) if inputs or semconv.INPUT_MESSAGES in found else None,
        outputs=messages_of(outputs, "assistant") or messages_of(answered_in(span.events)) or None,
        tools=_objects(found.get(semconv.TOOL_DEFINITIONS)),
        arguments=_first(found, semconv.TOOL_ARGUMENTS, semconv.RUN_INPUTS),
        result=_first(found, semconv.TOOL_RESULT, semconv.RUN_OUTPUTS),
        query=None if query is None else as_text(query),
        documents=_documents(found.get(semconv.DOCUMENTS)),
    )


def _first(found: dict[str, Any], *names: str) -> Any:
    return next((found[name] for name in names if found.get(name) is not None), None)


def messages_of(told: Any, role: str = "user") -> list[Message] | None:
    """Return messages, each with a role and parts that have a type; what is none is shown as the text that it is."""
    if told is None:
        return None
    return [_message(one, role) for one in (told if isinstance(told, list) else [told])]


def _message(told: Any, role: str) -> Message:
    if not isinstance(told, dict):
        return {"role": role, "parts": [_part(told)]}
    parts = told.get("parts", told.get("content"))
    said: Message = {
        "role": as_text(told.get("role") or role),
        "parts": [_part(one) for one in (parts if isinstance(parts, list) else [] if parts is None else [parts])],
    }
    if isinstance(name := told.get("name"), str) and name:
        said["name"] = name
    return said


# Fields of a part that are texts wherever they stand; a page takes them for such
_TEXTS = ("type", "id", "name", "content", "text", "mime_type", "modality", "uri", "file_id")


def _part(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        return {"type": "text", "content": as_text(told)}
    part = _with_texts(told, _TEXTS)
    if not part.get("type"):
        part["type"] = "other"
    if part["type"] == "text" and "content" not in part and "text" in part:  # as providers write it
        part["content"] = part.pop("text")
    return part


def _with_texts(told: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    texts = {name: as_text(told[name]) for name in names if told.get(name) is not None}
    return {name: value for name, value in told.items() if name not in names} | texts


def _objects(told: Any) -> list[dict[str, Any]] | None:
    if not isinstance(told, list):
        return None
    return [json_safe(one) for one in told if isinstance(one, dict)]


def _documents(told: Any) -> list[dict[str, Any]] | None:
    found = _objects(told)
    if found is None:
        return None
    documents = [_document(one) for one in found]
    if not any(one.get("score") and not _is_scored(one) for one in documents):
        for one in documents:  # the conventions want a score: callspan writes 0 where the retriever gave none
            if one.get("score") == 0 and not _is_scored(one):
                del one["score"]
    return documents


# Where the metadata of a document has its score, which callspan takes from there
_SCORES = ("score", "relevance_score", "_score")


def _is_scored(document: dict[str, Any]) -> bool:
    return any(name in document.get("metadata", ()) for name in _SCORES)


def _document(told: dict[str, Any]) -> dict[str, Any]:
    document = {"id": "", **_with_texts(told, ("id", "content"))}
    for name, kind in (("score", (int, float)), ("metadata", dict)):
        if name in document and not isinstance(document[name], kind):
            del document[name]
    return document


class MessageIndex:
    """Distinct messages, by their place.

    A name makes no message another one where it is missing: an agent puts it to its model's answers, and sends them
    again with it.
    """

    def __init__(self) -> None:
        self.every: list[Message] = []
        self._places: dict[tuple[bytes, str | None], int] = {}

    def places(self, messages: Iterable[Message]) -> list[int]:
        """Return the places of messages, new ones among them."""
        return [self._place(message) for message in messages]

    def _place(self, message: Message) -> int:
        name = message.get("name")
        said = json.dumps([message["role"], message["parts"]], sort_keys=True)
        key = blake2b(said.encode(), digest_size=16).digest()  # the texts themselves would stand in memory twice
        place = self._places.get((key, name))
        if place is None:
            place = self._unnamed(key, name)
            if place is None:
                place = len(self.every)
                self.every.append(message)
            self._places[key, name] = place
            self._places.setdefault((key, None), place)
        return place

    def _unnamed(self, key: bytes, name: str | None) -> int | None:
        """Return the place of the same message without a name, which is known from here on."""
        place = self._places.get((key, None))
        if place is None or self.every[place].setdefault("name", name) != name:
            return None
        return place


@dataclass(frozen=True, slots=True)
class Difference:
    """What a call was sent, beside the call before: messages as numbers, in their order."""

    kept: list[int]  # what the call before was sent too, or answered
    new: list[int]  # what it did not know
    dropped: list[int]  # what it was sent, and this one no longer is


def difference(inputs: Sequence[int], before: Sequence[int] = (), answered: Sequence[int] = ()) -> Difference:
    """Return what is new in a call."""
    known, now = {*before, *answered}, set(inputs)
    return Difference(
        kept=[one for one in inputs if one in known],
        new=[one for one in inputs if one not in known],
        dropped=[one for one in before if one not in now],
    )


Earlier = dict[str, dict[Any, Any]]  # by conversation: the last calls of earlier traces, by how they began


def link_calls(trace: Trace, inputs: Sequence[list[int] | None], earlier: Earlier) -> None:
    """Return each call of a model the one before in its conversation.

    That is the last call that began with the same two messages, in this trace or in an earlier one of the same
    conversation; else the last one beside it that began with the same message.
    """
    known: dict[Any, Any] = earlier.setdefault(trace.conversation, {}) if trace.conversation is not None else {}
    begun: dict[tuple[int, ...], int] = {}
    beside: dict[tuple[int, int], int] = {}
    for place, (span, messages) in enumerate(zip(trace.spans, inputs, strict=True)):
        if span.kind != "llm" or not messages:
            continue
        start, near = tuple(messages[:2]), (messages[0], span.parent)
        for found in (begun.get(start), known.get(start), beside.get(near)):
            if found is not None:
                span.before = found
                break
        begun[start] = beside[near] = place
    known.update((start, (trace.id, trace.spans[place].raw.span_id)) for start, place in begun.items())
