"""Question answering over notes, each answer scored as it is given: the scores stand in the trace and in a report.

Run it:

    python examples/rag_evaluation.py
"""

from __future__ import annotations

import re
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

import callspan
from callspan.testing import ScriptedChatModel

NOTES = [
    "A Greenland shark lives for about 390 years.",
    "A bowhead whale lives for over 200 years.",
    "An ocean quahog lived for 507 years.",
]
QUESTIONS = ["How long does a Greenland shark live?", "How long did the ocean quahog live?"]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


class WordCounts(Embeddings):
    """Stands in for an embedding model: a text is how often each word is in it."""

    known = sorted({word for note in NOTES for word in words(note)})

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [float(words(text).count(word)) for word in self.known]


def answer(messages: list[BaseMessage]) -> str:
    """Stand in for a model that makes something up once."""
    notes = str(messages[-1].content).partition("\n")[0]
    return "For 1000 years." if "quahog" in notes else notes


def joined(documents: list[Document]) -> str:
    return " ".join(document.page_content for document in documents)


def build() -> Runnable[str, dict[str, Any]]:
    """Give the chain, which answers with the notes it used and the answer."""
    notes = InMemoryVectorStore.from_texts(NOTES, WordCounts()).as_retriever(search_kwargs={"k": 1})
    prompt = ChatPromptTemplate.from_messages([("human", "{notes}\n{question}")])
    say = prompt | ScriptedChatModel(answer, model="small") | StrOutputParser()
    given = {"question": RunnablePassthrough(), "notes": notes | joined}
    return (given | RunnablePassthrough.assign(answer=say)).with_config(run_name="answer")


def grounded(run: callspan.Run) -> callspan.Score:
    """Whether each number of the answer stands in the notes."""
    made_up = set(re.findall(r"\d+", run.outputs["answer"])) - set(re.findall(r"\d+", run.outputs["notes"]))
    return callspan.Score(float(not made_up), "fail" if made_up else "pass", f"made up: {sorted(made_up)}")


def relevant(run: callspan.Run) -> float:
    """How many of the words of the question stand in the notes."""
    asked = set(words(run.outputs["question"]))
    return round(len(asked & set(words(run.outputs["notes"]))) / len(asked), 2)


def main() -> None:
    callspan.instrument()
    chain = build()
    with callspan.callbacks(callspan.Evaluate(grounded, relevant)) as evaluate:
        for question in QUESTIONS:
            print(question, chain.invoke(question)["answer"])
    for result in evaluate.results:
        if result.score is not None:
            print(f"{result.name}: {result.score.label or result.score.value}")


if __name__ == "__main__":
    main()
