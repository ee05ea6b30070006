"""What the other providers answer, in their documented formats: whole, and as the pieces of a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.recordings.wire import Reply, event_stream, ndjson, sse, whole

WORDS = ("Two ", "words.")
TEXT = "".join(WORDS)

# Anthropic

_CACHE_WRITTEN = {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 56}
ANTHROPIC_USAGE = {
    "input_tokens": 20,
    "cache_creation_input_tokens": 456,
    "cache_read_input_tokens": 2048,
    "cache_creation": _CACHE_WRITTEN,
    "output_tokens": 50,
    "output_tokens_details": {"thinking_tokens": 30},
    "service_tier": "standard",
}
_TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}}


def anthropic(*, calls: bool = False) -> Reply:
    """Answer as the Messages API does."""
    content = [_TOOL_USE] if calls else [{"type": "text", "text": TEXT}]
    return whole(_anthropic(content, "tool_use" if calls else "end_turn", ANTHROPIC_USAGE))


def anthropic_streamed(*, calls: bool = False) -> Reply:
    """Answer as the Messages API streams: the input's counts at the start, the output's at the end."""
    empty: dict[str, Any]
    deltas: list[dict[str, str]]
    if calls:
        empty, deltas = _TOOL_USE | {"input": {}}, [{"type": "input_json_delta", "partial_json": '{"a": 1}'}]
    else:
        empty, deltas = {"type": "text", "text": ""}, [{"type": "text_delta", "text": word} for word in WORDS]
    begun = _anthropic([], None, ANTHROPIC_USAGE | {"output_tokens": 1, "output_tokens_details": None})
    end = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
    return sse(
        [
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": empty},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": end, "usage": ANTHROPIC_USAGE},
            {"type": "message_stop"},
        ]
    )


def _anthropic(content: Sequence[Any], reason: str | None, usage: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage,
    }


# Google

GOOGLE_USAGE = {
    "promptTokenCount": 1200,
    "candidatesTokenCount": 44,
    "thoughtsTokenCount": 256,
    "cachedContentTokenCount": 1024,
    "totalTokenCount": 1500,
}


def google(*, reason: str = "STOP") -> Reply:
    """Answer as Gemini does."""
    return whole(_google(TEXT, reason, GOOGLE_USAGE))


def google_streamed(*, reason: str = "STOP") -> Reply:
    """Answer as Gemini streams: each chunk counts what there is so far."""
    first = GOOGLE_USAGE | {"candidatesTokenCount": 20, "totalTokenCount": 1476}
    return sse([_google(WORDS[0], None, first), _google(WORDS[1], reason, GOOGLE_USAGE)], named=False)


def _google(text: str, reason: str | None, usage: Mapping[str, Any]) -> dict[str, Any]:
    end = {"finishReason": reason} if reason else {}
    return {
        "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **end}],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash-001",
        "responseId": "mAitaLmkHPPlz7IPvtfUqQ4",
    }


# Bedrock Converse

BEDROCK_USAGE = {
    "inputTokens": 20,
    "outputTokens": 50,
    "totalTokens": 2526,
    "cacheReadInputTokens": 2000,
    "cacheWriteInputTokens": 456,
}
_REQUEST_ID = {"x_amzn_RequestId": "7f3c1f4e-3d9a-4b53-9b1e-6a3b4a3f0c11"}


def bedrock(*, reason: str = "end_turn") -> Reply:
    """Answer as Converse does."""
    said = {
        "output": {"message": {"role": "assistant", "content": [{"text": TEXT}]}},
        "stopReason": reason,
        "usage": BEDROCK_USAGE,
        "metrics": {"latencyMs": 551},
    }
    return whole(said, **_REQUEST_ID)


def bedrock_streamed(*, reason: str = "end_turn") -> Reply:
    """Answer as ConverseStream does."""
    return event_stream(
        [
            {"messageStart": {"role": "assistant"}},
            *({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": word}}} for word in WORDS),
            {"contentBlockStop": {"contentBlockIndex": 0}},
            {"messageStop": {"stopReason": reason}},
            {"metadata": {"usage": BEDROCK_USAGE, "metrics": {"latencyMs": 551}}},
        ],
        **_REQUEST_ID,
    )


# Ollama


def ollama() -> Reply:
    """Answer as Ollama does: LangChain asks for a stream in any case."""
    end = {
        "done_reason": "stop",
        "total_duration": 4_883_583_458,
        "load_duration": 1_334_875,
        "prompt_eval_count": 26,
        "prompt_eval_duration": 342_546_000,
        "eval_count": 282,
        "eval_duration": 4_535_599_000,
    }
    return ndjson([*(_ollama(word, done=False) for word in WORDS), _ollama("", done=True) | end])


def _ollama(text: str, *, done: bool) -> dict[str, Any]:
    return {
        "model": "llama3.2",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "message": {"role": "assistant", "content": text},
        "done": done,
    }
