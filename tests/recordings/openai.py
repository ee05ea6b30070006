"""What OpenAI answers, in its documented formats: whole, and as the pieces of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.recordings.wire import Reply, sse, whole

MODEL = "gpt-4.1-2025-04-14"
WORDS = ("Two ", "words.")
TEXT = "".join(WORDS)

# Chat Completions

USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 256, "audio_tokens": 0},
}
AUDIO_USAGE = {
    "prompt_tokens": 90,
    "completion_tokens": 70,
    "total_tokens": 160,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 80},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 60},
}
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


def chat(*, usage: Any = USAGE, tier: str = "default", reasons: Sequence[str] = ("stop",)) -> Reply:
    """Answer a chat completion; each reason is that of one choice."""
    choices = [
        {"index": index, "message": _message(reason), "logprobs": None, "finish_reason": reason}
        for index, reason in enumerate(reasons)
    ]
    return whole(_envelope("chat.completion", choices, tier) | {"usage": usage})


def chat_streamed(*, usage: Any = USAGE, tier: str = "default", reason: str = "stop") -> Reply:
    """Answer a chat completion in chunks, the last with the usage; None is a stream without it."""
    deltas: list[Any] = [{"role": "assistant", "content": ""}]
    if reason == "tool_calls":
        deltas += [{"tool_calls": [{"index": 0, **TOOL_CALL}]}]
    else:
        deltas += [{"content": word} for word in WORDS]
    chunks = [_envelope("chat.completion.chunk", [_delta(delta, None)], tier) for delta in deltas]
    chunks.append(_envelope("chat.completion.chunk", [_delta({}, reason)], tier))
    if usage is not None:
        chunks.append(_envelope("chat.completion.chunk", [], tier) | {"usage": usage})
    return sse(chunks, named=False, done=True)


def _message(reason: str) -> dict[str, Any]:
    if reason == "tool_calls":
        return {"role": "assistant", "content": None, "refusal": None, "tool_calls": [TOOL_CALL]}
    return {"role": "assistant", "content": TEXT, "refusal": None}


def _delta(delta: Any, reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def _envelope(kind: str, choices: Sequence[Any], tier: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-C0ffee",
        "object": kind,
        "created": 1_780_000_000,
        "model": MODEL,
        "system_fingerprint": "fp_44709d6fcb",
        "service_tier": tier,
        "choices": choices,
    }


# Responses

RESPONSES_USAGE = {
    "input_tokens": 1200,
    "input_tokens_details": {"cached_tokens": 1024},
    "output_tokens": 300,
    "output_tokens_details": {"reasoning_tokens": 256},
    "total_tokens": 1500,
}
_WORDS_ITEM = {
    "id": "msg_0b1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": TEXT, "annotations": []}],
}
_CALL_ITEM = {
    "id": "fc_0b1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "add",
    "arguments": '{"a": 1}',
}


def responses(*, cut: str | None = None, calls: bool = False) -> Reply:
    """Answer as the Responses API does; cut is the reason why the answer is incomplete."""
    return whole(_response(cut, [_CALL_ITEM if calls else _WORDS_ITEM]))


def responses_streamed(*, cut: str | None = None, calls: bool = False) -> Reply:
    """Answer as the Responses API streams."""
    begun = _response(None, []) | {"status": "in_progress", "usage": None}
    item: dict[str, Any] = _CALL_ITEM if calls else _WORDS_ITEM
    at = {"output_index": 0, "item_id": item["id"]}
    part = {"type": "output_text", "text": "", "annotations": []}
    if calls:
        empty: dict[str, Any] = item | {"arguments": "", "status": "in_progress"}
        middle = [
            {"type": "response.function_call_arguments.delta", **at, "delta": item["arguments"]},
            {"type": "response.function_call_arguments.done", **at, "arguments": item["arguments"]},
        ]
    else:
        empty = item | {"content": [], "status": "in_progress"}
        at |= {"content_index": 0}
        middle = [
            {"type": "response.content_part.added", **at, "part": part},
            *({"type": "response.output_text.delta", **at, "delta": word, "logprobs": []} for word in WORDS),
            {"type": "response.output_text.done", **at, "text": TEXT, "logprobs": []},
            {"type": "response.content_part.done", **at, "part": part | {"text": TEXT}},
        ]
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": empty},
        *middle,
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.incomplete" if cut else "response.completed", "response": _response(cut, [item])},
    ]
    return sse({**event, "sequence_number": number} for number, event in enumerate(events))


def _response(cut: str | None, output: Sequence[Any]) -> dict[str, Any]:
    return {
        "id": "resp_0b0",
        "object": "response",
        "created_at": 1_780_000_000,
        "status": "incomplete" if cut else "completed",
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "instructions": None,
        "metadata": {},
        "model": MODEL,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": "low", "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": RESPONSES_USAGE,
    }
