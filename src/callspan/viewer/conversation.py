"""Message content of spans in one shape, distinct messages, and the call before in a conversation.

Sources of older forms: the GenAI conventions up to 1.36, where each message was an event, and OpenLLMetry.
"""

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

Message = dict[str, Any]

DETAILS = "gen_ai.client.inference.operation.details"  # the event in which some writers put content

_CHOICE = "gen_ai.choice"

# By the name of an event that is a message: whose it is
_ROLES = {
    **{f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")},
    _CHOICE: "assistant",
}

OLD_EVENTS = tuple(_ROLES)

# Older attributes with messages as JSON; also attributes of two events
_PROMPT, _COMPLETION = "gen_ai.prompt", "gen_ai.completion"

# The attributes that have message content
CONTENT = frozenset(
    {
        *(semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES, semconv.SYSTEM_INSTRUCTIONS, semconv.TOOL_DEFINITIONS),
        *(semconv.TOOL_ARGUMENTS, semconv.TOOL_RESULT, semconv.QUERY_TEXT, semconv.DOCUMENTS),
        *(semconv.RUN_INPUTS, semconv.RUN_OUTPUTS, semconv.INTERRUPT_VALUE, semconv.RESUME_VALUE),
        *(_PROMPT, _COMPLETION),
    }
)

# Fields of a part that are always texts; the page relies on it
_TEXTS = ("type", "id", "name", "content", "text", "mime_type", "modality", "uri", "file_id")

# Where the metadata of a document has its score, which callspan takes from there
_SCORES = ("score", "relevance_score", "_score")


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a span; None where there is none."""

    inputs: list[Message] | None = None  # instructions first
    outputs: list[Message] | None = None
    tools: list[dict[str, Any]] | None = None  # the tools that a model may call
    arguments: Any = None  # of a tool or a chain
    result: Any = None
    query: str | None = None  # of a retriever
    documents: list[dict[str, Any]] | None = None


def content_of(span: RawSpan) -> Content:
    """Return the content of a span."""
    attributes = span.attributes
    for event in span.events:
        if event.name == DETAILS:
            attributes = {**event.attributes, **attributes}
    found = {name: value_of(attributes[name]) for name in CONTENT if name in attributes}
    if not found and not span.events:
        return Content()
    asked = [_message_in(event) for event in span.events if event.name in _ROLES and event.name != _CHOICE]
    answered = [_message_in(event) for event in span.events if event.name == _CHOICE]
    inputs = _messages(_first(found, semconv.INPUT_MESSAGES, _PROMPT)) or asked
    if (instructions := found.get(semconv.SYSTEM_INSTRUCTIONS)) is not None:
        inputs = [{"role": "system", "parts": instructions}, *inputs]
    outputs = _first(found, semconv.OUTPUT_MESSAGES, _COMPLETION)
    query = found.get(semconv.QUERY_TEXT)
    return Content(
        inputs=_messages(inputs) if inputs or semconv.INPUT_MESSAGES in found else None,
        outputs=_messages(outputs, "assistant") or _messages(answered) or None,
        tools=_objects(found.get(semconv.TOOL_DEFINITIONS)),
        arguments=_first(found, semconv.TOOL_ARGUMENTS, semconv.RUN_INPUTS),
        result=_first(found, semconv.TOOL_RESULT, semconv.RUN_OUTPUTS),
        query=None if query is None else as_text(query),
        documents=_documents(found.get(semconv.DOCUMENTS)),
    )


def _first(found: dict[str, Any], *names: str) -> Any:
    return next((found[name] for name in names if found.get(name) is not None), None)


def _message_in(event: Event) -> Message:
    """Return the message that an event of the older conventions is."""
    fields = event.attributes
    inner = value_of(fields.get("message"))
    if isinstance(inner, dict):
        fields = {**fields, **inner}
    role = fields.get("role") or _ROLES[event.name]
    content = value_of(fields.get("content", fields.get("gen_ai.event.content")))
    parts: list[Any] = content if isinstance(content, list) else [] if content is None else [content]
    if role == "tool":
        parts = [{"type": "tool_call_response", "id": fields.get("id"), "response": content}]
    return {"role": role, "parts": [*parts, *_tool_calls(value_of(fields.get("tool_calls")))]}


def _tool_calls(calls: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            arguments = value_of(function.get("arguments"))
            name = function.get("name")
            found.append({"type": "tool_call", "id": call.get("id"), "name": name, "arguments": arguments})
    return found


def _messages(value: Any, role: str = "user") -> list[Message] | None:
    """Return messages, each with a role and parts that have a type; what is none becomes a text."""
    if value is None:
        return None
    return [_message(one, role) for one in (value if isinstance(value, list) else [value])]


def _message(value: Any, role: str) -> Message:
    if not isinstance(value, dict):
        return {"role": role, "parts": [_part(value)]}
    parts = value.get("parts", value.get("content"))
    message: Message = {
        "role": as_text(value.get("role") or role),
        "parts": [_part(one) for one in (parts if isinstance(parts, list) else [] if parts is None else [parts])],
    }
    if isinstance(name := value.get("name"), str) and name:
        message["name"] = name
    return message


def _part(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {"type": "text", "content": as_text(value)}
    part = _with_texts(value, _TEXTS)
    if not part.get("type"):
        part["type"] = "other"
    if part["type"] == "text" and "content" not in part and "text" in part:  # as providers write it
        part["content"] = part.pop("text")
    return part


def _with_texts(value: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    texts = {name: as_text(value[name]) for name in names if value.get(name) is not None}
    return {name: one for name, one in value.items() if name not in names} | texts


def _objects(value: Any) -> list[dict[str, Any]] | None:
    if not isinstance(value, list):
        return None
    return [json_safe(one) for one in value if isinstance(one, dict)]


def _documents(value: Any) -> list[dict[str, Any]] | None:
    found = _objects(value)
    if found is None:
        return None
    documents = [_document(one) for one in found]
    unscored = [one for one in documents if not any(name in one.get("metadata", ()) for name in _SCORES)]
    if not any(one.get("score") for one in unscored):
        for one in unscored:  # the conventions want a score: callspan writes 0 where the retriever gave none
            if one.get("score") == 0:
                del one["score"]
    return documents


def _document(value: dict[str, Any]) -> dict[str, Any]:
    document = {"id": "", **_with_texts(value, ("id", "content"))}
    for name, kind in (("score", (int, float)), ("metadata", dict)):
        if name in document and not isinstance(document[name], kind):
            del document[name]
    return document


class MessageIndex:
    """Distinct messages, by their place.

    A message without a name is the same as one with a name: an agent adds its name to its model's answers, and sends
    them again with it.
    """

    def __init__(self) -> None:
        self.every: list[Message] = []
        self._places: dict[tuple[bytes, str | None], int] = {}

    def places(self, messages: Iterable[Message]) -> list[int]:
        """Return the places of messages, new ones among them."""
        return [self._place(message) for message in messages]

    def _place(self, message: Message) -> int:
        name = message.get("name")
        text = json.dumps([message["role"], message["parts"]], sort_keys=True)
        key = blake2b(text.encode(), digest_size=16).digest()  # the texts themselves would be in memory twice
        place = self._places.get((key, name))
        if place is not None:
            return place
        place = self._places.get((key, None))
        if place is None or self.every[place].setdefault("name", name) != name:
            place = len(self.every)
            self.every.append(message)
        self._places[key, name] = place
        self._places.setdefault((key, None), place)
        return place


def link_calls(trace: Trace, inputs: Sequence[list[int] | None], earlier: dict[str, dict[Any, Any]]) -> None:
    """Set on each call of a model the call before in its conversation.

    That is the last call that began with the same two messages, in this trace or in an earlier one of the same
    conversation; else the last one beside it that began with the same message.

    Args:
        trace: The trace.
        inputs: By span: its input messages, as numbers.
        earlier: By conversation: the last calls of earlier traces, by how they began.
    """
    known: dict[Any, Any] = earlier.setdefault(trace.conversation, {}) if trace.conversation is not None else {}
    begun: dict[tuple[int, ...], int] = {}
    beside: dict[tuple[int, int], int] = {}
    for place, (span, messages) in enumerate(zip(trace.spans, inputs, strict=True)):
        if span.kind != "llm" or not messages:
            continue
        start, near = tuple(messages[:2]), (messages[0], span.parent)
        before = (begun.get(start), known.get(start), beside.get(near))
        span.before = next((one for one in before if one is not None), span.before)
        begun[start] = beside[near] = place
    known.update((start, (trace.id, trace.spans[place].raw.span_id)) for start, place in begun.items())
