"""Messages as they were written before there was an attribute for all of them: an event each, or a text of JSON.

Source: the GenAI conventions up to 1.36, and what OpenLLMetry wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from callspan.local.otlp import Event
from callspan.local.plain import value_of

CHOICE = "gen_ai.choice"

# By the name of the event: who said it
ROLES = {
    **{f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")},
    CHOICE: "assistant",
}

# Attributes that hold messages as JSON; also names of two events' attributes
PROMPT, COMPLETION = "gen_ai.prompt", "gen_ai.completion"


def asked(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return the messages that a model was asked."""
    return [_message(event) for event in events if event.name in ROLES and event.name != CHOICE]


def answered(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return the messages that it answered."""
    return [_message(event) for event in events if event.name == CHOICE]


def _message(event: Event) -> dict[str, Any]:
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
