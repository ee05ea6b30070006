"""Where a model or an embeddings object sends its requests: read from what its clients keep, never asked for.

Only instance dictionaries are looked into: no property runs, so no client is made that is not there yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from callspan import semconv
from callspan.langchain.announcement import Announcement
from callspan.langchain.litellm import is_litellm, servers

_PORTS = {"http": 80, "https": 443}

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
"""By attributes, from the model or the embeddings object on to the URL; the first that is there counts."""


class Endpoint(NamedTuple):
    """A server.

    Args:
        address: Its name or number.
        port: Its port.
    """

    address: str
    port: int


def endpoint(subject: object) -> Endpoint | None:
    """Give the server that an object's requests go to, or None where it does not say.

    Args:
        subject: A model or an embeddings object, or None.
    """
    fields: Any = getattr(subject, "__dict__", None)
    if not fields:
        return None
    private: Any = getattr(subject, "__pydantic_private__", None) or {}
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


def server(said: Announcement) -> Mapping[str, object] | None:
    """Give the attributes of the server that the announced run asks."""
    known = _behind_litellm(said) or endpoint(said.subject)
    return None if known is None else {semconv.SERVER_ADDRESS: known.address, semconv.SERVER_PORT: known.port}


def _behind_litellm(said: Announcement) -> Endpoint | None:
    """Return the server that LiteLLM is told to ask: by a call, by the object, or by all deployments of a router."""
    cls: Any = type(said.subject)
    if not is_litellm(cls):
        return None
    found = {_server(url) for url in servers(said.subject, said.extra.get("invocation_params"))}
    return found.pop() if len(found) == 1 else None


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
