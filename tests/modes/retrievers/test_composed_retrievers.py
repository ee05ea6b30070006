"""Retrievers that are made of retrievers, models and caches."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.stores import InMemoryStore
from tests.modes.models.calls import Standstill, call, cancel
from tests.modes.models.chat_models import ChatNative
from tests.modes.retrievers.embedders import DOCUMENT, Embedder, Retriever, RetrieverNative

FORMS = ("invoke", "ainvoke")


def classic(module: str) -> ModuleType:
    """Import a module of langchain-classic, which used to be langchain."""
    try:
        from importlib import import_module

        return import_module(f"langchain_classic.{module}")
    except ImportError:
        return pytest.importorskip(f"langchain.{module}", reason="neither langchain-classic nor langchain 0.3")


@pytest.mark.parametrize("form", FORMS)
def test_multi_query(form: str, retriever: Retriever, native: ChatNative, tree: Callable[..., str]) -> None:
    """A multi-query retriever asks the model in a chain, then the retriever for each of the queries, here one."""
    asking = classic("retrievers.multi_query").MultiQueryRetriever.from_llm(retriever, native)
    assert call(form, asking, "bears") == [DOCUMENT]
    assert (
        tree()
        == """\
retrieval
  chain RunnableSequence
    chain PromptTemplate
    chat m
      http
    chain LineListOutputParser
  retrieval
    http
"""
    )


@pytest.mark.parametrize("form", FORMS)
def test_ensemble(form: str, retriever: Retriever, tree: Callable[..., str]) -> None:
    """The members of an ensemble are siblings in it."""
    ensemble = classic("retrievers.ensemble").EnsembleRetriever(retrievers=[retriever, retriever])
    assert call(form, ensemble, "bears") == [DOCUMENT]
    assert (
        tree()
        == """\
retrieval
  retrieval
    http
  retrieval
    http
"""
    )


@pytest.mark.parametrize("form", FORMS)
def test_ensemble_fails(form: str, retriever: Retriever, tree: Callable[..., str]) -> None:
    """When a member fails so does the ensemble, with the same object."""
    error = LookupError("no such thing")

    def body() -> None:
        raise error

    retriever.body = body
    ensemble = classic("retrievers.ensemble").EnsembleRetriever(retrievers=[retriever])
    with pytest.raises(LookupError) as raised:
        call(form, ensemble, "bears")
    assert raised.value is error
    assert (
        tree()
        == """\
retrieval !LookupError
  retrieval !LookupError
"""
    )


def test_ensemble_interrupted(retriever: Retriever, tree: Callable[..., str]) -> None:
    """Ctrl-C in a member, of which LangChain reports nothing, ends both."""

    def body() -> None:
        raise KeyboardInterrupt

    retriever.body = body
    ensemble = classic("retrievers.ensemble").EnsembleRetriever(retrievers=[retriever])
    with pytest.raises(KeyboardInterrupt):
        ensemble.invoke("bears")
    assert (
        tree()
        == """\
retrieval ~cancelled
  retrieval ~cancelled
"""
    )


async def test_ensemble_cancelled(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """A cancelled ensemble, of which LangChain reports nothing, ends with its members."""
    standstill = Standstill()
    member = RetrieverNative(body=http, pause=standstill)
    ensemble = classic("retrievers.ensemble").EnsembleRetriever(retrievers=[member, member])
    await cancel(ensemble.ainvoke("bears"), lambda: standstill.reached(2))
    assert (
        tree()
        == """\
retrieval ~cancelled
  retrieval ~cancelled
    http
  retrieval ~cancelled
    http
"""
    )


@pytest.mark.parametrize("form", FORMS)
def test_retrieval_chain(form: str, retriever: Retriever, native: ChatNative, tree: Callable[..., str]) -> None:
    """A retrieval chain has its retriever and its model where they are called."""
    prompt = ChatPromptTemplate.from_template("{context} {input}")
    answer = classic("chains.combine_documents").create_stuff_documents_chain(native, prompt)
    chain = classic("chains.retrieval").create_retrieval_chain(retriever, answer)
    assert call(form, chain, {"input": "bears"})["context"] == [DOCUMENT]
    assert (
        tree()
        == """\
invoke_workflow retrieval_chain
  chain RunnableAssign<context>
    chain RunnableParallel<context>
      chain retrieve_documents
        chain RunnableLambda
        retrieval
          http
  chain RunnableAssign<answer>
    chain RunnableParallel<answer>
      chain stuff_documents_chain
        chain format_inputs
          chain RunnableParallel<context>
            chain format_docs
        chain ChatPromptTemplate
        chat m
          http
        chain StrOutputParser
"""
    )


@pytest.mark.parametrize("form", ["embed_documents", "aembed_documents", "embed_query", "aembed_query"])
def test_cached_embeddings(form: str, embedder: Embedder, tree: Callable[..., str]) -> None:
    """A cache around embeddings is a call of its own; on a hit it is the only one."""
    store: Any = InMemoryStore()
    cached = classic("embeddings.cache").CacheBackedEmbeddings(embedder, store, query_embedding_store=store)
    given: Any = ["bears"] if form.endswith("documents") else "bears"
    for _ in range(2):
        call(form, cached, given)
    assert (
        tree()
        == """\
embeddings
  embeddings e
    http
embeddings
"""
    )
