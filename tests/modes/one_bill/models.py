"""Models, embeddings and retrievers whose bodies call a provider through another instrumentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import LLM, BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.retrievers import BaseRetriever


class Chat(BaseChatModel):
    """Says `done` after its body has run; it knows neither the model nor what was used."""

    body: Callable[[], Any]

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        self.body()
        return ChatResult(generations=[ChatGeneration(message=AIMessage("done"))])

    @property
    def _llm_type(self) -> str:
        return "chat"


class Completion(LLM):
    """The same as a completion model."""

    body: Callable[[], Any]

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        self.body()
        return "done"

    @property
    def _llm_type(self) -> str:
        return "completion"


class Embedder(Embeddings):
    """Gives one vector after its body has run."""

    def __init__(self, body: Callable[[], Any]) -> None:
        self.body = body

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.body()
        return [[1.0] for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        self.body()
        return [1.0]


class Retriever(BaseRetriever):
    """Finds one document after its body has run."""

    body: Callable[[], Any]

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        self.body()
        return [Document("bears")]
