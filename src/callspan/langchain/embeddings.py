"""Embeddings: LangChain announces nothing, and the methods are abstract; so each subclass is patched as it is made."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from opentelemetry.trace import SpanKind

from callspan import semconv
from callspan.core.operations import Kind
from callspan.core.patching import Undo
from callspan.core.shapes import around
from callspan.langchain import subclasses
from callspan.langchain.announcement import ALWAYS, Announcement
from callspan.langchain.endpoints import server
from callspan.langchain.own_runs import OwnRun
from callspan.langchain.providers import provider_of

METHODS = ("embed_documents", "embed_query", "aembed_documents", "aembed_query")


def _model(said: Announcement) -> str | None:
    for name in ("model", "model_name", "model_id"):
        value = getattr(said.subject, name, None)
        if isinstance(value, str):
            return value.removeprefix("models/")  # as Google's chat models say it
    return None


def _provider(said: Announcement) -> str | None:
    name = said.name.removesuffix("Embeddings").removesuffix("Embedding")
    return provider_of(name.lower(), said.subject) or None


def _request(said: Announcement) -> Mapping[str, object]:
    """Give what the vectors are asked to be: how many numbers, and how they are sent."""
    settings: Mapping[str, Any] = getattr(said.subject, "__dict__", None) or {}
    dimensions = settings.get("dimensions") or settings.get("output_dimensionality")
    more = settings.get("model_kwargs")
    encoding = more.get("encoding_format") if isinstance(more, Mapping) else None
    return {
        semconv.EMBEDDING_DIMENSIONS: dimensions if isinstance(dimensions, int) else None,
        semconv.ENCODING_FORMATS: [encoding] if isinstance(encoding, str) else None,
    }


EMBEDDINGS = Kind(
    name="embedding",
    word=semconv.EMBEDDINGS,
    operation=semconv.EMBEDDINGS,
    span_kind=SpanKind.CLIENT,
    depth=0,
    target=semconv.REQUEST_MODEL,
    identity=(
        (semconv.OPERATION, semconv.EMBEDDINGS),
        (semconv.PROVIDER, _provider),
        (semconv.REQUEST_MODEL, _model),
        ("server.*", server),
    ),
    start=(
        *ALWAYS,
        (semconv.RUN_TYPE, "embedding"),
        ("gen_ai.request.*", _request),
    ),
)


def _opened(args: tuple[Any, ...], kwargs: dict[str, Any]) -> OwnRun:
    given = args[1:] or tuple(kwargs.values())  # one text, or several, whatever the method calls it
    return OwnRun(type(args[0]).__name__, EMBEDDINGS, subject=args[0], inputs=given[0] if given else None)


_WEAVE = around(_opened)


def watch(module: ModuleType) -> Undo:
    """Patch the subclasses of `Embeddings` there are, and those to come.

    Args:
        module: `langchain_core.embeddings.embeddings`.

    Returns:
        What restores them all.
    """
    return subclasses.watch(module.Embeddings, METHODS, _WEAVE)
