"""Who answers: LangChain's names of providers as the conventions have them."""

from __future__ import annotations

from typing import Any

from callspan.langchain.announcement import Announcement
from callspan.langchain.endpoints import endpoint
from callspan.langchain.litellm import LIBRARY, is_litellm, provider_behind

AZURE_OPENAI, OPENAI, GOOGLE = "azure.ai.openai", "openai", "gcp.gen_ai"

# LangChain's `ls_provider`, or a class's name without what its kind adds -> the conventions' name; others stay.
PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "anthropic-bedrock": "aws.bedrock",
    "anthropic-mantle": "aws.bedrock",
    "azure": AZURE_OPENAI,  # AzureChatOpenAI says so
    "azure_ai": "azure.ai.inference",
    "azure_openai": AZURE_OPENAI,
    "azureaichatcompletionsmodel": "azure.ai.inference",
    "azureopenai": AZURE_OPENAI,
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "google_anthropic_vertex": "gcp.vertex_ai",
    "google_genai": GOOGLE,
    "google_generativeai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "googlegenerativeai": GOOGLE,
    "ibm": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "openai-codex": OPENAI,
    "openai-mantle": "aws.bedrock",
    "vertexai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}

# Google's one client asks either service: where it goes tells.
_GOOGLES = {
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
}


def conventional(name: object) -> str | None:
    """Give the conventions' name of a provider."""
    return PROVIDERS.get(name, name) if isinstance(name, str) else None


def provider_of(name: object, subject: object, parameters: object = None) -> str | None:
    """Give the conventions' name of the provider that an object asks.

    Args:
        name: LangChain's name of it.
        subject: The object.
        parameters: Those of the call, which may name another model.
    """
    cls: Any = type(subject)
    if is_litellm(cls):
        return provider_behind(subject, parameters) or LIBRARY
    provider = conventional(name)
    if provider == GOOGLE and (server := endpoint(subject)) is not None:
        for domain, service in _GOOGLES.items():
            if server.address.endswith(domain):
                return service
    return provider


def standard(said: Announcement, key: str) -> str | None:
    """Read one of LangChain's standard parameters: `invoke` puts them into the metadata, `generate` does not."""
    value = said.metadata.get(key)
    if value is None and said.subject is not None:
        value = said.subject._get_ls_params().get(key)  # where LangChain has it from
    return value if isinstance(value, str) and value else None


def provider(said: Announcement) -> str | None:
    """Give the model's provider."""
    return provider_of(standard(said, "ls_provider"), said.subject, said.extra.get("invocation_params"))
