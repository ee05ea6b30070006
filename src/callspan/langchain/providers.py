"""Who answers, and where: the provider in the conventions' words, and the server that requests go to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.core.run import Run
from callspan.core.spans import attempt
from callspan.core.text import safe_name

# The provider where the one behind LiteLLM is not known
LIBRARY = "litellm"

_NO_FIELDS: Mapping[str, Any] = {}

_TOLD = ("model", "custom_llm_provider", "api_base", "base_url")
_PROXY = "litellm_proxy"

# LiteLLM's words for providers -> the conventions', or where these have none LangChain's
PREFIXES = {
    **dict.fromkeys(("anthropic", "anthropic_text"), "anthropic"),
    **dict.fromkeys(("azure", "azure_text"), "azure.ai.openai"),
    **dict.fromkeys(("bedrock", "bedrock_converse"), "aws.bedrock"),
    **dict.fromkeys(("codestral", "mistral", "text-completion-codestral"), "mistral_ai"),
    **dict.fromkeys(("cohere", "cohere_chat"), "cohere"),
    **dict.fromkeys(("hosted_vllm", "vllm"), "vllm"),
    **dict.fromkeys(("ollama", "ollama_chat"), "ollama"),
    **dict.fromkeys(("openai", "text-completion-openai"), "openai"),
    **dict.fromkeys(("sagemaker", "sagemaker_chat"), "aws.sagemaker"),
    **dict.fromkeys(("vertex_ai", "vertex_ai_beta"), "gcp.vertex_ai"),
    **dict.fromkeys(("watsonx", "watsonx_text"), "ibm.watsonx.ai"),
    **{word: word for word in ("cerebras", "databricks", "deepseek", "groq", "huggingface", "openrouter")},
    **{word: word for word in ("perplexity", "replicate", "sambanova")},
    "azure_ai": "azure.ai.inference",
    "fireworks_ai": "fireworks",
    "gemini": "gcp.gemini",
    "moonshot": "moonshot_ai",
    "nvidia_nim": "nvidia",
    "together_ai": "together",
    "xai": "x_ai",
}


@lru_cache(maxsize=256)
def is_litellm(cls: Any) -> bool:
    """Return whether a class is of LiteLLM's integration, or derives from one of those."""
    return any("litellm" in base.__name__.lower() for base in cls.__mro__)


def provider_behind(subject: object, parameters: object = None) -> str | None:
    """Return the provider behind LiteLLM, or None if it is not known; the call's parameters come first."""
    found = {_provider(one) for one in _requests(subject, parameters)}
    return found.pop() if len(found) == 1 else None  # a router may ask several


def servers(subject: object, parameters: object = None) -> Iterator[object]:
    """Yield the URLs that requests may go to; none where LiteLLM itself knows the provider's."""
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
    router = fields.get("router")  # where it is a property it returns a copy, which is cheap
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
    """Return the fields of a request that name a model, a provider or a server."""
    if not isinstance(said, Mapping):
        return _NO_FIELDS
    return {name: said[name] for name in _TOLD if isinstance(said.get(name), str) and said[name]}


_PORTS = {"http": 80, "https": 443}

# By attributes, from the model or the embeddings object on to the URL; the first that is there counts
PATHS: tuple[tuple[str, ...], ...] = (
    ("root_client", "_base_url"),  # OpenAI, Azure OpenAI and what derives from them
    ("root_async_client", "_base_url"),
    ("client", "_client", "_base_url"),  # OpenAI's embeddings and completions, Groq
    ("client", "meta", "_endpoint_url"),  # Bedrock: a client of botocore
    ("client", "_api_client", "_http_options", "base_url"),  # Google's GenAI client, either service
    ("client", "_api_endpoint"),  # Google's older clients
    ("_client", "_client", "_base_url"),  # Ollama, with its default and `OLLAMA_HOST`
    ("anthropic_api_url",),
    ("azure_endpoint",),
    ("endpoint_url",),
    ("api_endpoint",),
    ("openai_api_base",),
    ("base_url",),
    ("endpoint",),
    ("api_base",),
)

_FIRST = frozenset(path[0] for path in PATHS)


class Endpoint(NamedTuple):
    """The name or number of a server, and its port."""

    address: str
    port: int


def endpoint(subject: object) -> Endpoint | None:
    """Return the server that an object's requests go to, or None: read from what its clients keep, never asked for.

    Only instance dictionaries are looked into: no property runs, so no client is made that is not there yet.
    """
    fields: Any = getattr(subject, "__dict__", None)
    if not fields:
        return None
    private: Any = getattr(subject, "__pydantic_private__", None) or {}
    if _FIRST.isdisjoint(fields) and _FIRST.isdisjoint(private):
        return None
    for path in PATHS:
        first = path[0]
        found: Any = fields.get(first)
        if found is None and (found := private.get(first)) is None:
            continue
        for name in path[1:]:
            found = getattr(found, "__dict__", {}).get(name)
        if found is not None and (server := _server(found)) is not None:
            return server
    return None


def server(run: Run) -> dict[str, AttributeValue] | None:
    """Return the attributes of the server that a run asks."""
    subject: Any = run.subject
    cls: Any = type(subject)
    known: Endpoint | None = None
    if is_litellm(cls):  # the call, the object, or all deployments of a router name it
        found = {_server(url) for url in servers(subject, run.extra.get("invocation_params"))}
        known = found.pop() if len(found) == 1 else None
    known = known or endpoint(subject)
    if known is None:
        return None
    return {semconv.SERVER_ADDRESS: safe_name(known.address) or "", semconv.SERVER_PORT: known.port}


def _server(url: object) -> Endpoint | None:
    if isinstance(url, str):
        return _parsed(url)
    # The URL objects of httpx: they have the parts.
    host, scheme, port = (getattr(url, part, None) for part in ("host", "scheme", "port"))
    if not isinstance(host, str) or not host:
        return None
    return Endpoint(host, port if isinstance(port, int) else _PORTS.get(str(scheme), 443))


@lru_cache(maxsize=256)
def _parsed(url: str) -> Endpoint | None:
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or ("://" not in url and "." not in host and host != "localhost"):
        return None  # a word, not a URL
    return Endpoint(host, port or _PORTS.get(parts.scheme, 443))


AZURE_OPENAI, OPENAI, GOOGLE = "azure.ai.openai", "openai", "gcp.gen_ai"

# LangChain's `ls_provider`, or a class's name without what its kind adds -> the conventions' name; others stay.
PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "anthropic-bedrock": "aws.bedrock",
    "anthropic-mantle": "aws.bedrock",
    "azure": AZURE_OPENAI,  # of AzureChatOpenAI
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

# Google's one client calls either service: the domain decides.
_GOOGLES = {
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
}


def provider_of(name: object, subject: object, parameters: object = None) -> str | None:
    """Return the conventions' name of the provider that an object asks."""
    cls: Any = type(subject)
    if is_litellm(cls):
        return attempt("the provider behind LiteLLM", provider_behind, subject, parameters) or LIBRARY
    provider = PROVIDERS.get(name, name) if isinstance(name, str) else None
    if provider == GOOGLE and (known := attempt("Google's server", endpoint, subject)) is not None:
        for domain, service in _GOOGLES.items():
            if known.address.endswith(domain):
                return service
    return provider
