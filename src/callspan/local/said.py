"""What was said in a span, in one shape: messages, arguments, results, documents; what else stands there is JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from callspan import semconv
from callspan.local.otlp import RawSpan

Message = dict[str, Any]

_DETAILS = "gen_ai.client.inference.operation.details"
"""The event in which some writers put what was said."""

CONTENT = frozenset(
    {
        *(semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES, semconv.SYSTEM_INSTRUCTIONS, semconv.TOOL_DEFINITIONS),
        *(semconv.TOOL_ARGUMENTS, semconv.TOOL_RESULT, semconv.QUERY_TEXT, semconv.DOCUMENTS),
        *(semconv.RUN_INPUTS, semconv.RUN_OUTPUTS, semconv.INTERRUPT_VALUE, semconv.RESUME_VALUE),
    }
)
"""The attributes that say it."""


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
    """Read what was said in a span.

    Args:
        span: The span.
    """
    told = span.attributes
    for event in span.events:
        if event.name == _DETAILS:
            told = {**event.attributes, **told}
    found = {name: value_of(told[name]) for name in CONTENT if name in told}
    if not found:
        return Said()
    inputs = messages_of(found.get(semconv.INPUT_MESSAGES))
    if (instructions := found.get(semconv.SYSTEM_INSTRUCTIONS)) is not None:
        inputs = [*(messages_of([{"role": "system", "parts": instructions}]) or ()), *(inputs or ())]
    query = found.get(semconv.QUERY_TEXT)
    return Said(
        inputs=inputs,
        outputs=messages_of(found.get(semconv.OUTPUT_MESSAGES)),
        tools=_objects(found.get(semconv.TOOL_DEFINITIONS)),
        arguments=found.get(semconv.TOOL_ARGUMENTS, found.get(semconv.RUN_INPUTS)),
        result=found.get(semconv.TOOL_RESULT, found.get(semconv.RUN_OUTPUTS)),
        query=None if query is None else query if isinstance(query, str) else json.dumps(query),
        documents=_documents(found.get(semconv.DOCUMENTS)),
    )


def value_of(told: Any) -> Any:
    """Give what an attribute says: a structure as it is, a text as what it holds as JSON, if it holds any.

    Args:
        told: The attribute.
    """
    if not isinstance(told, str) or told[:1] not in ("{", "["):
        return told
    try:
        return _finite(json.loads(told))
    except (ValueError, RecursionError):
        return told


def _finite(value: Any) -> Any:
    """Give JSON without the numbers that are none."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list) else value


def messages_of(told: Any) -> list[Message] | None:
    """Give messages, each with a role and parts that have a type; what is none is shown as the text that it is.

    Args:
        told: What an attribute says.
    """
    if told is None:
        return None
    return [_message(one) for one in (told if isinstance(told, list) else [told])]


def _message(told: Any) -> Message:
    if not isinstance(told, dict):
        return {"role": "user", "parts": [_part(told)]}
    parts = told.get("parts", told.get("content"))
    said: Message = {
        "role": str(told.get("role") or "user"),
        "parts": [_part(one) for one in (parts if isinstance(parts, list) else [] if parts is None else [parts])],
    }
    if isinstance(name := told.get("name"), str) and name:
        said["name"] = name
    return said


_TEXTS = ("id", "name", "content", "mime_type", "modality", "uri", "file_id")
"""Fields of a part that are texts wherever they stand; a page takes them for such."""


def _part(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        return {"type": "text", "content": told if isinstance(told, str) else json.dumps(told)}
    part = {**told, "type": str(told.get("type") or "other")}
    for name in _TEXTS:
        if part.get(name) is not None and not isinstance(part[name], str):
            part[name] = json.dumps(part[name])
    return part


def _objects(told: Any) -> list[dict[str, Any]] | None:
    if not isinstance(told, list):
        return None
    return [one for one in told if isinstance(one, dict)]


def _documents(told: Any) -> list[dict[str, Any]] | None:
    found = _objects(told)
    return None if found is None else [{**one, "id": str(one.get("id", ""))} for one in found]
