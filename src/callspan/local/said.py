"""What was said in a span, in one shape: messages, arguments, results, documents; what else stands there is JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from callspan import semconv
from callspan.local import old_messages
from callspan.local.otlp import RawSpan
from callspan.local.plain import as_text, plain, value_of

Message = dict[str, Any]

DETAILS = "gen_ai.client.inference.operation.details"  # the event in which some writers put what was said

OLD_EVENTS = tuple(old_messages.ROLES)  # events that are a message each

# The attributes that have message content
CONTENT = frozenset(
    {
        *(semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES, semconv.SYSTEM_INSTRUCTIONS, semconv.TOOL_DEFINITIONS),
        *(semconv.TOOL_ARGUMENTS, semconv.TOOL_RESULT, semconv.QUERY_TEXT, semconv.DOCUMENTS),
        *(semconv.RUN_INPUTS, semconv.RUN_OUTPUTS, semconv.INTERRUPT_VALUE, semconv.RESUME_VALUE),
        *(old_messages.PROMPT, old_messages.COMPLETION),
    }
)


@dataclass(frozen=True, slots=True)
class Said:
    """What was said in a span; None: nothing is known of it.

    Args:
        inputs: The messages that went in, instructions before them.
        outputs: Those that came out.
        tools: The tools a model was told of.
        arguments: What a tool or a chain was given.
        result: What it gave back.
        query: What a retriever was asked.
        documents: What it found.
    """

    inputs: list[Message] | None = None
    outputs: list[Message] | None = None
    tools: list[dict[str, Any]] | None = None
    arguments: Any = None
    result: Any = None
    query: str | None = None
    documents: list[dict[str, Any]] | None = None


def said_in(span: RawSpan) -> Said:
    """Read what was said in a span."""
    told = span.attributes
    for event in span.events:
        if event.name == DETAILS:
            told = {**event.attributes, **told}
    found = {name: value_of(told[name]) for name in CONTENT if name in told}
    if not found and not span.events:
        return Said()
    inputs = messages_of(_first(found, semconv.INPUT_MESSAGES, old_messages.PROMPT)) or old_messages.asked(span.events)
    outputs = _first(found, semconv.OUTPUT_MESSAGES, old_messages.COMPLETION)
    if (instructions := found.get(semconv.SYSTEM_INSTRUCTIONS)) is not None:
        inputs = [*(messages_of([{"role": "system", "parts": instructions}]) or ()), *inputs]
    query = found.get(semconv.QUERY_TEXT)
    return Said(
        inputs=messages_of(inputs) if inputs or semconv.INPUT_MESSAGES in found else None,
        outputs=messages_of(outputs, "assistant") or messages_of(old_messages.answered(span.events)) or None,
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
    return [plain(one) for one in told if isinstance(one, dict)]


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
