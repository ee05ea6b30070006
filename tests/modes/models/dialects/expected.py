"""What the span of each recorded call says: all its attributes of the conventions."""

from __future__ import annotations

from typing import Any

from callspan import semconv

_OPENAI: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4.1",
    "gen_ai.response.model": "gpt-4.1-2025-04-14",
    "gen_ai.response.id": "chatcmpl-C0ffee",
    "gen_ai.response.finish_reasons": ("stop",),
    "openai.api.type": "chat_completions",
    "openai.response.service_tier": "default",
    "server.address": "api.openai.com",
    "server.port": 443,
}
_OPENAI_COUNTS = {
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 300,
    "gen_ai.usage.cache_read.input_tokens": 1024,
    "gen_ai.usage.reasoning.output_tokens": 256,
}
_OPENAI_CHAT = _OPENAI | _OPENAI_COUNTS | {"openai.response.system_fingerprint": "fp_44709d6fcb"}
_RESPONSES = _OPENAI | _OPENAI_COUNTS | {"openai.api.type": "responses", "gen_ai.response.id": "resp_0b0"}
_ANTHROPIC = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.request.max_tokens": 64,
    "gen_ai.response.model": "claude-sonnet-4-5-20250929",
    "gen_ai.response.id": "msg_01XFDUDYJgAACzvnptvVoYEL",
    "gen_ai.usage.input_tokens": 2524,  # 20 new ones, 2048 from the cache, 456 for it
    "gen_ai.usage.output_tokens": 50,
    "gen_ai.usage.cache_read.input_tokens": 2048,
    "gen_ai.usage.cache_write.input_tokens": 456,
    "gen_ai.usage.reasoning.output_tokens": 30,
    "server.address": "api.anthropic.com",
    "server.port": 443,
}
_GOOGLE = _OPENAI_COUNTS | {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "gcp.gemini",
    "gen_ai.request.model": "gemini-2.5-flash",
    "gen_ai.response.model": "gemini-2.5-flash-001",
    "server.address": "generativelanguage.googleapis.com",
    "server.port": 443,
}

EXPECTED: dict[str, dict[str, Any]] = {
    "openai_chat": _OPENAI_CHAT
    | {
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("END", "STOP"),
        "openai.request.service_tier": "default",
    },
    "openai_chat_tools": _OPENAI_CHAT
    | {
        "gen_ai.request.model": "gpt-5.1",
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.response.finish_reasons": ("tool_calls",),
    },
    "openai_chat_choices": _OPENAI_CHAT
    | {"gen_ai.request.choice.count": 2, "gen_ai.response.finish_reasons": ("stop", "length")},
    "openai_chat_json": _OPENAI_CHAT | {"gen_ai.output.type": "json"},
    "openai_chat_flex": _OPENAI_CHAT | {"openai.request.service_tier": "flex", "openai.response.service_tier": "flex"},
    "openai_chat_audio": _OPENAI
    | {
        "gen_ai.output.type": "speech",
        "gen_ai.usage.input_tokens": 90,
        "gen_ai.usage.output_tokens": 70,
        "gen_ai.usage.audio.input_tokens": 80,
        "gen_ai.usage.audio.output_tokens": 60,
        "openai.response.system_fingerprint": "fp_44709d6fcb",
    },
    "openai_chat_uncounted": _OPENAI_CHAT,
    "openai_responses": _RESPONSES
    | {
        "gen_ai.request.model": "gpt-5.1",
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.previous_response.id": "resp_0af",
        "gen_ai.request.reasoning.level": "low",
    },
    "openai_responses_tools": _RESPONSES | {"gen_ai.response.finish_reasons": ("tool_calls",)},
    "openai_responses_cut": _RESPONSES | {"gen_ai.response.finish_reasons": ("length",)},
    "azure_openai": _OPENAI_CHAT
    | {"gen_ai.provider.name": "azure.ai.openai", "server.address": "mine.openai.azure.com"},
    "anthropic": _ANTHROPIC
    | {
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.stop_sequences": ("END", "STOP"),
        "gen_ai.request.reasoning.level": "medium",
        "gen_ai.response.finish_reasons": ("end_turn",),
    },
    "anthropic_tools": _ANTHROPIC | {"gen_ai.response.finish_reasons": ("tool_use",)},
    "google": _GOOGLE
    | {
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("END", "STOP"),
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
        "gen_ai.response.finish_reasons": ("STOP",),
    },
    "google_cut": _GOOGLE | {"gen_ai.request.temperature": 0.7, "gen_ai.response.finish_reasons": ("MAX_TOKENS",)},
    "bedrock": {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.stop_sequences": ("END", "STOP"),
        "aws.bedrock.guardrail.id": "sgi5gkybzqak",
        "gen_ai.response.model": "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "gen_ai.response.id": "7f3c1f4e-3d9a-4b53-9b1e-6a3b4a3f0c11",
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.usage.input_tokens": 2476,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 2000,
        "gen_ai.usage.cache_write.input_tokens": 456,
        "server.address": "bedrock-runtime.eu-central-1.amazonaws.com",
        "server.port": 443,
    },
    "ollama": {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "llama3.2",
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("END", "STOP"),
        "gen_ai.output.type": "json",
        "gen_ai.response.model": "llama3.2",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 26,
        "gen_ai.usage.output_tokens": 282,
        "server.address": "127.0.0.1",
        "server.port": 11434,
    },
}

_ID = frozenset({semconv.RESPONSE_ID})
_ID_AND_COUNTS = _ID | frozenset(_OPENAI_COUNTS)

LOST = {
    "openai_chat": _ID,
    "openai_chat_tools": _ID,
    "openai_chat_flex": _ID,
    "openai_chat_audio": _ID,
    "openai_chat_uncounted": _ID_AND_COUNTS,  # `stream_usage` is off
    "azure_openai": _ID,
    "anthropic": _ID,
    "anthropic_tools": _ID,
}
"""What the integration leaves out of the chunks of a stream, so that nobody in LangChain knows it."""
