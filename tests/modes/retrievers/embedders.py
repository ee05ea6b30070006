"""Embeddings with a body that a test gives them, and a retriever too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever

VECTOR = [1.0, 0.0]
DOCUMENT = Document("bears")


class Embedder(Embeddings):
    """Has the two methods it must: asynchronously they run in threads. A query is embedded as a document.

    Args:
        body: Called wherever it works.
        pause: Awaited after the body where it is asynchronous.
    """

    def __init__(self, body: Callable[[], Any], pause: Callable[[], Awaitable[Any]] | None = None) -> None:
        self.model = "e"
        self.body, self.pause = body, pause

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.body()
        return [VECTOR for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class EmbedderNative(Embedder):
    """Has the two asynchronous methods too."""

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        self.body()
        if self.pause is not None:
            await self.pause()
        return [VECTOR for _ in texts]

    async def aembed_query(self, text: str) -> list[float]:
        return (await self.aembed_documents([text]))[0]


class Retriever(BaseRetriever):
    """Has the method it must: asynchronously it runs in a thread.

    Args:
        body: Called wherever it works.
        pause: Awaited after the body where it is asynchronous.
    """

    body: Any
    pause: Any = None

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        self.body()
        return [DOCUMENT]


class RetrieverNative(Retriever):
    """Has the asynchronous method too."""

    async def _aget_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        self.body()
        if self.pause is not None:
            await self.pause()
        return [DOCUMENT]
