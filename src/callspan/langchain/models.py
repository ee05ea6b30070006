"""What a model's span says: chat, completion and decision models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any

from opentelemetry.trace import SpanKind

from callspan import semconv
from callspan.kinds import MODEL_CALLS, Kind, Table
from callspan.langchain import usage
from callspan.langchain.announcement import ALWAYS, Announcement

# LangChain's `ls_provider` -> the conventions' `gen_ai.provider.name`; others stay as they are.
PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "anthropic-bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",  # AzureChatOpenAI says so
    "azure_openai": "azure.ai.openai",
    "azureopenai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "google_genai": "gcp.gen_ai",
    "google_generativeai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "openai-codex": "openai",
    "vertexai": "gcp.vertex_ai",
    "xai": "x_ai",
}


def conventional(provider: object) -> str | None:
    """Give the conventions' name of a provider."""
    return PROVIDERS.get(provider, provider) if isinstance(provider, str) else None


def _standard(said: Announcement, key: str) -> str | None:
    """Read one of LangChain's standard parameters: `invoke` puts them into the metadata, `generate` does not."""
    value = said.metadata.get(key)
    if value is None and said.subject is not None:
        value = said.subject._get_ls_params().get(key)  # where LangChain has it from
    return value if isinstance(value, str) and value else None


def provider(said: Announcement) -> str | None:
    """Give the model's provider."""
    return conventional(_standard(said, "ls_provider"))


def request_model(said: Announcement) -> object:
    """Give the model that was asked for."""
    if name := _standard(said, "ls_model_name"):
        return name
    params = said.extra.get("invocation_params")
    if not isinstance(params, Mapping):
        return None
    return params.get("model") or params.get("model_name") or params.get("model_id")


def response_model(result: Any) -> object:
    """Give the model that answered."""
    for message in usage.messages(result):
        said = getattr(message, "response_metadata", None) or {}
        if name := said.get("model_name") or said.get("model"):
            return _unrepeated(name)
    output = getattr(result, "llm_output", None)
    return output.get("model_name") if isinstance(output, Mapping) else None


def _unrepeated(name: object) -> object:
    """Give a name once: LangChain joins the texts that the chunks of a stream repeat (`gptgptgpt`)."""
    return name[: (name + name).find(name, 1)] if isinstance(name, str) else name


def _identity(operation: str) -> Table:
    return (
        (semconv.OPERATION, operation),
        (semconv.PROVIDER, provider),
        (semconv.REQUEST_MODEL, request_model),
    )


CHAT = Kind(
    name="llm",
    operation=semconv.CHAT,
    calls=MODEL_CALLS,
    tokens=usage.counts,
    word=semconv.CHAT,
    span_kind=SpanKind.CLIENT,
    depth=0,
    target=semconv.REQUEST_MODEL,
    identity=_identity(semconv.CHAT),
    start=(*ALWAYS, (semconv.RUN_TYPE, "llm"), (semconv.AGENT_NAME, attrgetter("agent"))),
    end=(
        (semconv.RESPONSE_MODEL, response_model),
        (semconv.INPUT_TOKENS, usage.input_tokens),
        (semconv.OUTPUT_TOKENS, usage.output_tokens),
    ),
)

TEXT_COMPLETION = replace(
    CHAT, operation=semconv.TEXT_COMPLETION, word=semconv.TEXT_COMPLETION, identity=_identity(semconv.TEXT_COMPLETION)
)

DECISION = replace(
    CHAT,
    end=(
        (semconv.RESPONSE_MODEL, lambda decision: getattr(decision, "model", None)),
        (semconv.INPUT_TOKENS, lambda decision: _decision_usage(decision).get("input_tokens")),
        (semconv.OUTPUT_TOKENS, lambda decision: _decision_usage(decision).get("output_tokens")),
    ),
)
"""A model call that LangChain announces as a chain (core 1.8); its output carries the usage itself."""


def _decision_usage(decision: Any) -> Mapping[str, Any]:
    counts = getattr(decision, "usage", None)
    return counts if isinstance(counts, Mapping) else {}
