"""Document compressors, rerankers among them: each call is a span, wherever it is made."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever

import callspan
from callspan.langchain.retrievers import METHODS
from callspan.testing import record

FOUND = [Document("bears"), Document("foxes"), Document("owls")]


class Rerank(BaseDocumentCompressor):
    """Keeps the first documents, after its body has run."""

    model: str = "rerank-1"
    top_n: int = 2
    body: Any = None

    def compress_documents(self, documents: Any, query: str, callbacks: Any = None) -> list[Document]:
        if self.body is not None:
            self.body()
        return list(documents)[: self.top_n]


class RerankNative(Rerank):
    """The same with an asynchronous method of its own."""

    async def acompress_documents(self, documents: Any, query: str, callbacks: Any = None) -> list[Document]:
        await asyncio.sleep(0)
        return super().compress_documents(documents, query, callbacks)


class Finder(BaseRetriever):
    """Finds the same documents whatever the query."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return FOUND


SAID = ("langchain.rerank.model", "langchain.rerank.top_n", "langchain.rerank.documents", "langchain.rerank.kept")


@pytest.mark.parametrize("cls", [Rerank, RerankNative])
@pytest.mark.parametrize("form", ["sync", "async"])
def test_a_call_is_one_span_and_says_what_it_kept(form, cls, tree, http):
    """An asynchronous method that uses the other one is one call, and what the body does is under it."""
    reranker = cls(body=http)
    if form == "sync":
        kept = reranker.compress_documents(FOUND, "animals")
    else:
        kept = asyncio.run(reranker.acompress_documents(FOUND, "animals"))
    assert kept == FOUND[:2]
    assert tree(attributes=SAID) == (
        f"rerank {cls.__name__} langchain.rerank.model=rerank-1 langchain.rerank.top_n=2"
        " langchain.rerank.documents=3 langchain.rerank.kept=2\n"
        "  http\n"
    )


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_in_a_compressing_retriever_it_nests(form, tree):
    """The retriever, what it retrieves from, and what compresses that, step by step."""
    classic = pytest.importorskip("langchain_classic.retrievers", reason="needs langchain-classic")
    from langchain_classic.retrievers.document_compressors import DocumentCompressorPipeline

    pipeline = DocumentCompressorPipeline(transformers=[Rerank(), RerankNative(top_n=1)])
    retriever = classic.ContextualCompressionRetriever(base_compressor=pipeline, base_retriever=Finder())
    found = retriever.invoke("animals") if form == "invoke" else asyncio.run(retriever.ainvoke("animals"))
    assert found == FOUND[:1]
    assert tree(attributes=("langchain.rerank.kept",)) == (
        "retrieval\n"
        "  retrieval\n"
        "  rerank DocumentCompressorPipeline langchain.rerank.kept=1\n"
        "    rerank Rerank langchain.rerank.kept=2\n"
        "    rerank RerankNative langchain.rerank.kept=1\n"
    )


@pytest.mark.without_content
def test_it_is_neither_a_retrieval_nor_a_call_of_a_model(recording):
    """The conventions have no operation for it; `gen_ai.request.model` would make it a generation for some readers."""
    Rerank().compress_documents(FOUND, "animals")
    (span,) = recording.spans
    assert [name for name in span.attributes if name.startswith("gen_ai.")] == []
    assert (span.kind.name, span.attributes["langchain.run.type"]) == ("INTERNAL", "reranker")


def test_with_content_on_it_says_the_query_and_what_was_kept():
    with record(content="span_only") as recording:
        Rerank(top_n=1).compress_documents(FOUND, "animals")
    said = recording.spans[0].attributes
    assert said["gen_ai.retrieval.query.text"] == "animals"
    assert ("bears" in said["gen_ai.retrieval.documents"], "owls" in said["gen_ai.retrieval.documents"]) == (
        True,
        False,
    )


@pytest.mark.parametrize("door", ["block", "call"])
def test_callbacks_hear_it_as_a_retriever(door, recording):
    heard = []

    class Heard(callspan.Callback):
        def on_retriever_start(self, run):
            heard.append(("start", run.name, run.inputs["query"], len(run.inputs["documents"])))

        def on_retriever_end(self, run):
            heard.append(("end", run.name, len(run.outputs)))

    if door == "block":
        with callspan.callbacks(Heard()):
            Rerank().compress_documents(FOUND, "animals")
    else:
        Rerank().compress_documents(FOUND, "animals", callbacks=[Heard()])
    assert heard == [("start", "Rerank", "animals", 3), ("end", "Rerank", 2)]


def test_a_callback_can_stop_it(recording):
    class No(callspan.Callback):
        def on_retriever_start(self, run):
            raise callspan.Stop("no")

    with callspan.callbacks(No()), pytest.raises(callspan.Stop):
        Rerank().compress_documents(FOUND, "animals")
    assert recording.tree() == "rerank Rerank !callspan.Stop ~stopped\n"


def test_a_failure_is_on_it(recording):
    def fail():
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        Rerank(body=fail).compress_documents(FOUND, "animals")
    assert recording.tree() == "rerank Rerank !ConnectionError\n"


def test_langchains_own_handlers_are_told_nothing_new(recording):
    """They have never heard of compressors."""
    from langchain_core.callbacks import BaseCallbackHandler

    told = []

    class Handler(BaseCallbackHandler):
        def on_retriever_start(self, *args, **kwargs):
            told.append(args)

    with callspan.callbacks(callspan.FromLangChain(Handler())):
        Rerank().compress_documents(FOUND, "animals", callbacks=[Handler()])
    assert told == []


def test_afterwards_the_methods_are_the_very_ones_they_were():
    original = vars(Rerank)["compress_documents"]
    with record():
        assert vars(Rerank)["compress_documents"] is not original

        class Late(BaseDocumentCompressor):
            def compress_documents(self, documents, query, callbacks=None):
                return documents

        late = Late()
    assert vars(Rerank)["compress_documents"] is original
    assert [hasattr(vars(Late).get(name), "__wrapped__") for name in METHODS] == [False, False]
    assert late.compress_documents(FOUND, "q") == FOUND
