"""Question answering over notes, each answer scored as it is given: the scores stand in the trace and in a report.

Run it:

    python examples/rag_evaluation.py
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

import callspan
from callspan.testing import ScriptedChatModel

NOTES = [
    "A Greenland shark lives for about 390 years.",
    "A bowhead whale lives for over 200 years.",
    "An ocean quahog lived for 507 years.",
]
WORDS = sorted({word for note in NOTES for word in re.findall(r"\w+", note.lower())})


class WordCounts(Embeddings):
    """Stands in for an embedding model: a text is how often each word is in it."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        words = re.findall(r"\w+", text.lower())
        return [float(words.count(word)) for word in WORDS]


def answer(messages: list[BaseMessage]) -> str:
    """Stand in for a model, one that makes something up where it is not sure."""
    prompt = str(messages[-1].content)
    return "1000 years." if "quahog live" in prompt else prompt.partition("for ")[2].partition("\n")[0]


def joined(documents: Sequence[Document]) -> str:
    return "\n".join(document.page_content for document in documents)


prompt = ChatPromptTemplate.from_messages([("human", "{notes}\n\n{question}")])
