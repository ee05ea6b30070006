"""Who answers behind LiteLLM, and where: the name of a model says it, `provider/model`, or fields beside it do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from callspan.core.spans import attempt

LIBRARY = "litellm"
"""The provider where nobody says who is behind."""

_NO_FIELDS: Mapping[str, Any] = {}

_PROXY = "litellm_proxy"

PREFIXES = {
    "anthropic": "anthropic",
    "anthropic_text": "anthropic",
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "azure_text": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "cerebras": "cerebras",
    "codestral": "mistral_ai",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "databricks": "databricks",
    "deepseek": "deepseek",
    "fireworks_ai": "fireworks",
    "gemini": "gcp.gemini",
    "groq": "groq",
    "hosted_vllm": "vllm",
    "huggingface": "huggingface",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "nvidia_nim": "nvidia",
    "ollama": "ollama",
    "ollama_chat": "ollama",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "replicate": "replicate",
    "sagemaker": "aws.sagemaker",
    "sagemaker_chat": "aws.sagemaker",
    "sambanova": "sambanova",
    "text-completion-codestral": "mistral_ai",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "vllm": "vllm",
    "watsonx": "ibm.watsonx.ai",
    "watsonx_text": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""LiteLLM's words for providers -> the conventions', or where these have none LangChain's."""


@lru_cache(maxsize=256)
def is_litellm(cls: Any) -> bool:
    """Return whether a class is of LiteLLM's integration, or derives from one of those."""
    return any("litellm" in base.__name__.lower() for base in cls.__mro__)


def provider_behind(subject: object, parameters: object = None) -> str | None:
    """Return who answers, in the conventions' words, or None where nobody says it or it is nobody known.

    Args:
        subject: A model or an embeddings object of LiteLLM's integration.
        parameters: Those of the call, which come before the object's own.
    """
    found = {_provider(one) for one in _requests(subject, parameters)}
    return found.pop() if len(found) == 1 else None  # a router may ask several


def servers(subject: object, parameters: object = None) -> Iterator[object]:
    """Yield the URLs that requests may go to; none where LiteLLM itself knows the provider's.

    Args:
        subject: A model or an embeddings object.
        parameters: Those of the call.
    """
    for request in _requests(subject, parameters):
        yield request.get("base_url") or request.get("api_base")  # in the order in which LiteLLM takes them


def _provider(request: Mapping[str, Any]) -> str | None:
    word, model = request.get("custom_llm_provider"), request.get("model")
    if not isinstance(word, str) or not word:
        word, slash, _ = model.removeprefix(f"{_PROXY}/").partition("/") if isinstance(model, str) else ("", "", "")
        word = word if slash else ""
    return PREFIXES.get(word.lower())


def _requests(subject: object, parameters: object) -> list[Mapping[str, Any]]:
    """Return what LiteLLM is asked with: one request, or one for each deployment that a router may choose."""
    fields: Any = getattr(subject, "__dict__", None) or _NO_FIELDS
    own = {**fields, **({"model": fields["model_name"]} if fields.get("model_name") else {})}
    request = {**own, **_given(fields.get("model_kwargs")), **_given(parameters)}
    router = fields.get("router")  # where it is a property it gives a copy, which is cheap
    deployments = None if router is None else attempt("a router's models", getattr, router, "model_list", None)
    if not isinstance(deployments, list):
        return [request]
    behind = [
        _given(one.get("litellm_params"))
        for one in deployments
        if isinstance(one, Mapping) and one.get("model_name") == request.get("model")
    ]
    return behind or [request]


def _given(said: object) -> Mapping[str, Any]:
    """Return what of a request is told and not left open."""
    if not isinstance(said, Mapping):
        return _NO_FIELDS
    return {name: said[name] for name in _TOLD if isinstance(said.get(name), str) and said[name]}


_TOLD = ("model", "custom_llm_provider", "api_base", "base_url")
