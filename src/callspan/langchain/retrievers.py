"""Retrievers, and document compressors such as rerankers: LangChain announces only the former."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.capture.content import ContentField
from callspan.capture.serialize import plain
from callspan.core.operations import Operation
from callspan.core.patching import Undo
from callspan.core.run import Run
from callspan.core.text import safe_name
from callspan.core.wrappers import wrap_body
from callspan.langchain.content import RETRIEVER_ANSWERED, RETRIEVER_ASKED
from callspan.langchain.runs import base_attributes
from callspan.langchain.skip import documents
from callspan.langchain.unannounced import TracedCall, model_of, watch_subclasses

METHODS = ("compress_documents", "acompress_documents")


def _identity(run: Run) -> dict[str, AttributeValue]:
    """Return the attributes of a retriever that the sampler sees: the id of what is searched, if metadata has it."""
    found: dict[str, AttributeValue] = {semconv.OPERATION: semconv.RETRIEVAL}
    source = run.metadata.get("data_source_id")
    if type(source) is str and source:
        found[semconv.DATA_SOURCE_ID] = safe_name(source) or ""
    return found


def _attributes(run: Run) -> dict[str, AttributeValue]:
    """Return the attributes of a retriever that are known at its start."""
    found = base_attributes(run)
    found[semconv.RUN_TYPE] = "retriever"
    return found


RETRIEVER = Operation(
    name="retriever",
    span_prefix=semconv.RETRIEVAL,
    span_kind=SpanKind.CLIENT,
    depth=0,
    target=semconv.DATA_SOURCE_ID,
    identity=(("*", _identity),),
    operation=semconv.RETRIEVAL,
    made=documents,
    input_content=RETRIEVER_ASKED,
    output_content=RETRIEVER_ANSWERED,
    start=(("*", _attributes),),
)


def _model(run: Run) -> str | None:
    """Return the model's name: that of the object, or of the cross encoder it holds."""
    return model_of(run.subject) or model_of(getattr(run.subject, "model", None))


def _top_n(run: Run) -> int | None:
    for name in ("top_n", "top_k", "k"):
        value = getattr(run.subject, name, None)
        if type(value) is int:
            return value
    return None


def _count(documents: Any) -> int | None:
    return len(documents) if isinstance(documents, (list, tuple)) else None


# The conventions have no operation for it, so it is not measured; callbacks receive it as a retriever.
RERANKER = Operation(
    name="retriever",
    span_prefix="rerank",
    span_kind=SpanKind.INTERNAL,
    depth=0,
    target=None,
    start=(
        ("*", base_attributes),
        (semconv.RUN_TYPE, "reranker"),
        (semconv.RERANK_MODEL, _model),
        (semconv.RERANK_TOP_N, _top_n),
        (semconv.RERANK_GIVEN, lambda run: _count(run.inputs["documents"])),
    ),
    end=((semconv.RERANK_KEPT, _count),),
    input_content=(ContentField(semconv.QUERY_TEXT, "query", lambda run, outputs: plain(run.inputs["query"])),),
    output_content=RETRIEVER_ANSWERED,
)


def _open_reranking(args: tuple[Any, ...], kwargs: dict[str, Any]) -> TracedCall:
    reranker = args[0]
    given = dict(zip(("documents", "query", "callbacks"), args[1:], strict=False)) | kwargs
    inputs = {"query": given.get("query"), "documents": given.get("documents")}
    call = TracedCall(type(reranker).__name__, RERANKER, subject=reranker, inputs=inputs)
    call.callbacks, call.reports_result = given.get("callbacks"), True
    return call


def watch_rerankers(module: ModuleType) -> Undo:
    """Patch all subclasses of `BaseDocumentCompressor` in `langchain_core.documents.compressor`; return the undo."""
    return watch_subclasses(module.BaseDocumentCompressor, METHODS, wrap_body(_open_reranking))
