"""What integrations were recorded to answer is valid content, and a stream of it the same as a call."""

from __future__ import annotations

from typing import Any

import pytest
from tests.content.schemas import all_faults, content_of
from tests.recordings import replay

from callspan.testing import record

_ASKED = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
_WORDS = [{"type": "text", "content": "Two words."}]
_CALL = {"type": "tool_call", "name": "add", "arguments": {"a": 1}}
_ADD = [
    {
        "type": "function",
        "name": "add",
        "description": "Add.",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    }
]
_REASONS = {
    "anthropic": "end_turn",
    "anthropic_tools": "tool_use",
    "bedrock": "end_turn",
    "google": "STOP",
    "google_cut": "MAX_TOKENS",
    "openai_chat_tools": "tool_calls",
    "openai_responses_tools": "tool_calls",
    "openai_responses_cut": "length",
}
_CALLS = {"anthropic_tools": "toolu_1", "openai_chat_tools": "call_1", "openai_responses_tools": "call_1"}

FORMS = [
    pytest.param(
        name,
        form,
        marks=[pytest.mark.may_log] if (name, form) == ("openai_chat_uncounted", "stream") else [],
        id=f"{name}-{form}",
    )
    for name in replay.NAMES
    for form in ("invoke", "stream")
    if form == "invoke" or "streamed" in replay.recording(name)
]


def expected(name: str) -> dict[str, Any]:
    """Give what a recorded call says: the same words everywhere, or the same tool call."""
    parts = [{**_CALL, "id": _CALLS[name]}] if name in _CALLS else _WORDS
    reasons = ["stop", "length"] if name == "openai_chat_choices" else [_REASONS.get(name, "stop")]
    said: dict[str, Any] = {
        "gen_ai.input.messages": _ASKED,
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": parts, "finish_reason": reason} for reason in reasons
        ],
    }
    return said | ({"gen_ai.tool.definitions": _ADD} if name in _CALLS else {})


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_a_recorded_answer_is_what_the_conventions_say(name: str, form: str) -> None:
    with record(content="span_only") as recording:
        replay.call(form, replay.replaying(name))
    (span,) = recording.spans
    assert all_faults([span]) == []
    assert content_of(span.attributes) == expected(name)
