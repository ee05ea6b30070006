"""What spans and their events say, as text: the language of the assertions."""

from __future__ import annotations

import json
from typing import Any

from tests.content.schemas import content_of

_SHORT = {
    "gen_ai.input.messages": "asked",
    "gen_ai.output.messages": "answered",
    "gen_ai.system_instructions": "told",
    "gen_ai.tool.definitions": "tools",
    "gen_ai.tool.call.arguments": "arguments",
    "gen_ai.tool.call.result": "result",
    "gen_ai.retrieval.query.text": "query",
    "gen_ai.retrieval.documents": "documents",
    "langchain.run.inputs": "inputs",
    "langchain.run.outputs": "outputs",
    "langgraph.interrupt.value": "value",
    "langgraph.resume.value": "value",
    "langchain.event.data": "data",
}


def transcript(recording: Any) -> str:
    """Give each span that says something, by its start, with what it says."""
    lines: list[str] = []
    for span in sorted(recording.spans, key=lambda span: (span.start_time, -(span.end_time or 0))):
        said = _lines(span.attributes)
        for event in span.events:
            said += [f"! {event.name} {line}" for line in _lines(event.attributes)]
        lines += [span.name, *(f"  {line}" for line in said)] if said else []
    return "\n".join(lines) + "\n"


def _lines(attributes: Any) -> list[str]:
    lines: list[str] = []
    for attribute, value in content_of(attributes).items():
        word = _SHORT[attribute]
        if word in ("asked", "answered"):
            lines += [f"{word} {_message(message)}" for message in value]
        else:
            lines.append(f"{word} {value if isinstance(value, str) else _dumped(value)}")
    return lines


def _message(message: Any) -> str:
    reason = f" ({message['finish_reason']})" if message.get("finish_reason") else ""
    return f"{message['role']}{reason}: {' | '.join(_part(part) for part in message['parts'])}"


def _part(part: Any) -> str:
    if part["type"] == "text":
        return str(part["content"])
    if part["type"] == "tool_call":
        return f"{part['name']}({_dumped(part['arguments'])})"
    if part["type"] == "tool_call_response":
        return f"=> {part['response']}"
    return _dumped(part)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
