"""The calls that are recorded: a model of each integration, how it is called, and what its provider answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.recordings import openai, providers
from tests.recordings.wire import Reply

STOP = ["END", "STOP"]
TOOL = {
    "name": "add",
    "description": "Add.",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
}
SCHEMA = {"title": "Words", "description": "Words.", "type": "object", "properties": {"words": {"type": "string"}}}


@dataclass(frozen=True)
class Scenario:
    """One recorded call.

    Args:
        module: The integration.
        cls: Its class.
        fields: What the model is made with.
        local: The keywords with which it asks the local server instead of the provider, `{url}` standing for it.
        call: The keywords of the call.
        invoked: What the provider says to a call.
        streamed: What it says to a stream; None if there is none.
        prepare: What is called on the model before: `bind_tools`, `with_structured_output`.
    """

    module: str
    cls: str
    fields: Mapping[str, Any]
    local: Mapping[str, str]
    invoked: Reply
    streamed: Reply | None = None
    call: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prepare: Callable[[Any], Any] = lambda model: model


_OPENAI: Any = {
    "module": "langchain_openai",
    "cls": "ChatOpenAI",
    "local": {"base_url": "{url}/v1"},
}


def _openai(fields: Mapping[str, Any], **more: Any) -> Scenario:
    return Scenario(
        **{**_OPENAI, "fields": {"model": "gpt-4.1", "api_key": "none", "stream_usage": True, **fields}, **more}
    )


_PARAMETERS = {
    "temperature": 0,
    "top_p": 0.5,
    "max_tokens": 64,
    "seed": 7,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
}

SCENARIOS: dict[str, Scenario] = {
    "openai_chat": _openai(
        {**_PARAMETERS, "service_tier": "default"},
        call={"stop": STOP},
        invoked=openai.chat(),
        streamed=openai.chat_streamed(),
    ),
    "openai_chat_tools": _openai(
        {"model": "gpt-5.1", "reasoning_effort": "low"},
        prepare=lambda model: model.bind_tools([TOOL]),
        invoked=openai.chat(reasons=["tool_calls"]),
        streamed=openai.chat_streamed(reason="tool_calls"),
    ),
    "openai_chat_choices": _openai({"n": 2}, invoked=openai.chat(reasons=["stop", "length"])),
    "openai_chat_json": _openai(
        {},
        prepare=lambda model: model.with_structured_output(SCHEMA, method="json_schema", include_raw=True),
        invoked=openai.chat(),
    ),
    "openai_chat_flex": _openai(
        {"service_tier": "flex"},
        invoked=openai.chat(tier="flex"),
        streamed=openai.chat_streamed(tier="flex"),
    ),
    "openai_chat_audio": _openai(
        {"model_kwargs": {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}},
        invoked=openai.chat(usage=openai.AUDIO_USAGE),
        streamed=openai.chat_streamed(usage=openai.AUDIO_USAGE),
    ),
    "openai_chat_uncounted": _openai(
        {"stream_usage": False},
        invoked=openai.chat(),
        streamed=openai.chat_streamed(usage=None),
    ),
    "openai_responses": _openai(
        {"model": "gpt-5.1", "max_tokens": 64, "reasoning": {"effort": "low"}},
        call={"previous_response_id": "resp_0af"},
        invoked=openai.responses(),
        streamed=openai.responses_streamed(),
    ),
    "openai_responses_tools": _openai(
        {"use_responses_api": True},
        prepare=lambda model: model.bind_tools([TOOL]),
        invoked=openai.responses(calls=True),
        streamed=openai.responses_streamed(calls=True),
    ),
    "openai_responses_cut": _openai(
        {"use_responses_api": True},
        invoked=openai.responses(cut="max_output_tokens"),
        streamed=openai.responses_streamed(cut="max_output_tokens"),
    ),
    "azure_openai": Scenario(
        "langchain_openai",
        "AzureChatOpenAI",
        {
            "azure_endpoint": "https://mine.openai.azure.com/",
            "azure_deployment": "mine",
            "api_version": "2025-04-01-preview",
            "api_key": "none",
            "model": "gpt-4.1",
            "stream_usage": True,
        },
        {"azure_endpoint": "{url}"},
        invoked=openai.chat(),
        streamed=openai.chat_streamed(),
    ),
    "anthropic": Scenario(
        "langchain_anthropic",
        "ChatAnthropic",
        {
            "model": "claude-sonnet-4-5",
            "api_key": "none",
            "max_tokens": 64,
            "temperature": 0.5,
            "top_k": 40,
            "stop_sequences": STOP,
            "effort": "medium",
        },
        {"base_url": "{url}"},
        invoked=providers.anthropic(),
        streamed=providers.anthropic_streamed(),
    ),
    "anthropic_tools": Scenario(
        "langchain_anthropic",
        "ChatAnthropic",
        {"model": "claude-sonnet-4-5", "api_key": "none", "max_tokens": 64},
        {"base_url": "{url}"},
        prepare=lambda model: model.bind_tools([TOOL]),
        invoked=providers.anthropic(calls=True),
        streamed=providers.anthropic_streamed(calls=True),
    ),
    "google": Scenario(
        "langchain_google_genai",
        "ChatGoogleGenerativeAI",
        {
            "model": "gemini-2.5-flash",
            "api_key": "none",
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "max_output_tokens": 64,
            "seed": 7,
            "response_mime_type": "application/json",
            "thinking_level": "low",
        },
        {"base_url": "{url}"},
        call={"stop": STOP},
        invoked=providers.google(),
        streamed=providers.google_streamed(),
    ),
    "google_cut": Scenario(
        "langchain_google_genai",
        "ChatGoogleGenerativeAI",
        {"model": "gemini-2.5-flash", "api_key": "none"},
        {"base_url": "{url}"},
        invoked=providers.google(reason="MAX_TOKENS"),
        streamed=providers.google_streamed(reason="MAX_TOKENS"),
    ),
    "bedrock": Scenario(
        "langchain_aws",
        "ChatBedrockConverse",
        {
            "model": "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "region_name": "eu-central-1",
            "aws_access_key_id": "none",
            "aws_secret_access_key": "none",
            "temperature": 0.5,
            "max_tokens": 64,
            "top_p": 0.9,
            "stop_sequences": STOP,
            "guardrails": {"guardrailIdentifier": "sgi5gkybzqak", "guardrailVersion": "1"},
        },
        {"endpoint_url": "{url}"},
        invoked=providers.bedrock(),
        streamed=providers.bedrock_streamed(),
    ),
    "ollama": Scenario(
        "langchain_ollama",
        "ChatOllama",
        {
            "model": "llama3.2",
            "temperature": 0.5,
            "num_predict": 64,
            "top_k": 40,
            "top_p": 0.9,
            "seed": 7,
            "stop": STOP,
            "format": "json",
        },
        {"base_url": "{url}"},
        invoked=providers.ollama(),
        streamed=providers.ollama(),
    ),
}

EMBEDDINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "OpenAIEmbeddings": (
        "langchain_openai",
        {"api_key": "none", "dimensions": 256, "model_kwargs": {"encoding_format": "float"}},
    ),
    "AzureOpenAIEmbeddings": (
        "langchain_openai",
        {"api_key": "none", "azure_endpoint": "https://mine.openai.azure.com/", "api_version": "2025-04-01-preview"},
    ),
    "GoogleGenerativeAIEmbeddings": (
        "langchain_google_genai",
        {"api_key": "none", "model": "models/gemini-embedding-001", "output_dimensionality": 768},
    ),
    "BedrockEmbeddings": (
        "langchain_aws",
        {
            "model_id": "amazon.titan-embed-text-v2:0",
            "region_name": "eu-central-1",
            "aws_access_key_id": "none",
            "aws_secret_access_key": "none",
        },
    ),
    "OllamaEmbeddings": ("langchain_ollama", {"model": "nomic-embed-text"}),
}
"""The embeddings whose settings are recorded: the module of the class, and what it is made with."""
