"""Retrievers, and document compressors such as rerankers: LangChain announces only the former."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from opentelemetry.trace import SpanKind

from callspan import semconv
from callspan.capture.content import ContentField
from callspan.capture.serialize import plain
from callspan.core.dispatch import Notification
from callspan.core.operations import Kind
from callspan.core.patching import Undo
from callspan.core.text import safe_name
from callspan.core.wrappers import wrap_body
from callspan.langchain.announcement import ALWAYS, Announcement
from callspan.langchain.said import RETRIEVER_ANSWERED, RETRIEVER_ASKED
from callspan.langchain.skip import documents
from callspan.langchain.unannounced import TracedCall, watch_subclasses


def data_source(said: Announcement) -> object:
    """Give the id of what is searched, if the program says it in the retriever's metadata."""
    return safe_name(said.metadata.get("data_source_id"))


RETRIEVER = Kind(
    name="retriever",
    word=semconv.RETRIEVAL,
    span_kind=SpanKind.CLIENT,
    depth=0,
    target=semconv.DATA_SOURCE_ID,
    identity=(
        (semconv.OPERATION, semconv.RETRIEVAL),
        (semconv.DATA_SOURCE_ID, data_source),
    ),
    operation=semconv.RETRIEVAL,
    made=documents,
    asked=RETRIEVER_ASKED,
    answered=RETRIEVER_ANSWERED,
    start=(*ALWAYS, (semconv.RUN_TYPE, "retriever")),
)


METHODS = ("compress_documents", "acompress_documents")


def _model(said: Announcement) -> str | None:
    """Give the model's name: the object's own, or that of the cross encoder it holds."""
    for holder in (said.subject, getattr(said.subject, "model", None)):
        for name in ("model", "model_name", "model_id"):
            value = getattr(holder, name, None)
            if isinstance(value, str) and value:
                return value
    return None


def _top_n(said: Announcement) -> int | None:
    for name in ("top_n", "top_k", "k"):
        value = getattr(said.subject, name, None)
        if type(value) is int:
            return value
    return None


def _count(documents: Any) -> int | None:
    return len(documents) if isinstance(documents, (list, tuple)) else None


RERANKER = Kind(
    name="retriever",
    word="rerank",
    span_kind=SpanKind.INTERNAL,
    depth=0,
    target=None,
    start=(
        *ALWAYS,
        (semconv.RUN_TYPE, "reranker"),
        (semconv.RERANK_MODEL, _model),
        (semconv.RERANK_TOP_N, _top_n),
        (semconv.RERANK_GIVEN, lambda said: _count(said.inputs["documents"])),
    ),
    end=((semconv.RERANK_KEPT, _count),),
    asked=(ContentField(semconv.QUERY_TEXT, "query", lambda run, outputs: plain(run.inputs["query"])),),
    answered=RETRIEVER_ANSWERED,
)
"""The conventions have no operation for it, so it has none and is not measured; callbacks hear it as a retriever."""


class _Reranking(TracedCall):
    """Its result is what was returned."""

    __slots__ = ()

    def on_exit(self, error: BaseException | None) -> Notification | None:
        if error is None:
            self.outputs = self.result
        return super().on_exit(error)


def _opened(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Reranking:
    reranker = args[0]
    given = dict(zip(("documents", "query", "callbacks"), args[1:], strict=False)) | kwargs
    inputs = {"query": given.get("query"), "documents": given.get("documents")}
    name = type(reranker).__name__
    return _Reranking(name, RERANKER, subject=reranker, inputs=inputs, callbacks=given.get("callbacks"))


_WRAP = wrap_body(_opened)


def watch_rerankers(module: ModuleType) -> Undo:
    """Patch the subclasses of `BaseDocumentCompressor` there are, and those to come.

    Args:
        module: `langchain_core.documents.compressor`.

    Returns:
        What restores them all.
    """
    return watch_subclasses(module.BaseDocumentCompressor, METHODS, _WRAP)
