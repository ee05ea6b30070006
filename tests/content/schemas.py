"""The conventions' schemas for what was said, strict where there is a strict one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

_FOLDER = Path(__file__).parents[1] / "schemas"

SCHEMAS = {
    "gen_ai.input.messages": "input-messages",
    "gen_ai.output.messages": "output-messages",
    "gen_ai.system_instructions": "system-instructions",
    "gen_ai.tool.definitions": "tool-definitions",
    "gen_ai.tool.call.arguments": "tool-call-arguments",
    "gen_ai.tool.call.result": "tool-call-result",
    "gen_ai.retrieval.documents": "retrieval-documents",
}

VALIDATORS = {
    attribute: jsonschema.Draft202012Validator(json.loads((_FOLDER / f"gen-ai-{name}.json").read_text("utf-8")))
    for attribute, name in SCHEMAS.items()
}

FREE = (
    *("gen_ai.retrieval.query.text", "langchain.run.inputs", "langchain.run.outputs"),
    *("langgraph.interrupt.value", "langgraph.resume.value", "langchain.event.data"),
)
"""Attributes of content whose shape nobody fixes: a text, or JSON."""

CONTENT = (*SCHEMAS, *FREE)


def strict_json(text: str) -> Any:
    """Read JSON as the standard has it: without NaN, and in letters that UTF-8 can carry."""

    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    text.encode("utf-8")
    return json.loads(text, parse_constant=refuse)


def faults(attribute: str, value: Any) -> list[str]:
    """Give what is wrong with the value of an attribute, as it stands on a span or as an event has it."""
    try:
        said = strict_json(value) if isinstance(value, str) else value
    except ValueError:
        if attribute == "gen_ai.tool.call.result":
            return []  # a plain text stays one
        raise
    if isinstance(value, str) and attribute == "gen_ai.tool.call.result" and not isinstance(said, dict):
        return []
    return [f"{attribute}: {error.message}" for error in VALIDATORS[attribute].iter_errors(said)]


def content_of(attributes: Any) -> dict[str, Any]:
    """Give the attributes that are content, read."""
    found: dict[str, Any] = {}
    for attribute, value in (attributes or {}).items():
        if attribute in CONTENT:
            try:
                found[attribute] = strict_json(value)
            except ValueError:
                found[attribute] = value
    return found


def all_faults(spans: Any) -> list[str]:
    """Give what is wrong with the content of spans and of their events."""
    holders = [holder for span in spans for holder in (span, *span.events)]
    return [
        fault
        for holder in holders
        for attribute, value in (holder.attributes or {}).items()
        if attribute in SCHEMAS
        for fault in faults(attribute, value)
    ]
