"""What a retriever's span says."""

from __future__ import annotations

from opentelemetry.trace import SpanKind

from callspan import semconv
from callspan.core.operations import Kind
from callspan.core.text import safe_name
from callspan.langchain.announcement import ALWAYS, Announcement
from callspan.langchain.answers import documents
from callspan.langchain.said import RETRIEVER_ANSWERED, RETRIEVER_ASKED


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
