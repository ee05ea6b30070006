"""What LangGraph's stores embed belongs to the node that asked, in whichever thread or task they do it."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any, TypedDict

import pytest
from langchain_core.embeddings import Embeddings
from langgraph.graph import START, StateGraph
from langgraph.store.base import BaseStore
from langgraph.store.base.batch import AsyncBatchedBaseStore
from langgraph.store.memory import InMemoryStore
from opentelemetry import trace

import callspan
from callspan.testing import Recording


class State(TypedDict, total=False):
    text: str


class Embedder(Embeddings):
    """Notes which span is current while it embeds."""

    def __init__(self) -> None:
        self.within: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.within.append(getattr(trace.get_current_span(), "name", ""))
        return [[1.0, 0.0] for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        self.within.append(getattr(trace.get_current_span(), "name", ""))
        return [1.0, 0.0]


class BatchedStore(AsyncBatchedBaseStore):
    """A store with a background task of its own, as those of SQLite and Postgres are."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.inner = InMemoryStore(index={"dims": 2, "embed": embedder})

    def batch(self, ops: Any) -> Any:
        return self.inner.batch(ops)

    async def abatch(self, ops: Any) -> Any:
        return await self.inner.abatch(ops)


def graph_of(store: Any, node: Any) -> Any:
    return StateGraph(State).add_node("remember", node).add_edge(START, "remember").compile(store=store, name="memory")


TREE = """\
invoke_workflow memory
  node remember
    embeddings
    embeddings
"""


def test_a_search_in_memory_stands_under_its_node(recording: Recording) -> None:
    """It embeds in a thread pool, where the embedding is current too."""

    def remember(state: State, store: BaseStore) -> None:
        store.put(("notes",), "1", {"text": "likes tea"})
        assert len(store.search(("notes",), query="tea")) == 1

    embedder = Embedder()
    graph_of(InMemoryStore(index={"dims": 2, "embed": embedder}), remember).invoke({})
    assert recording.tree() == TREE
    assert embedder.within == ["embeddings", "embeddings"]


async def _put_and_search(state: State, store: BaseStore) -> None:
    await store.aput(("notes",), state["text"], {"text": state["text"]})
    assert await store.asearch(("notes",), query=state["text"])


async def test_what_a_background_task_embeds_stands_under_the_node_that_asked(recording: Recording) -> None:
    """Also for the second request, with another user, although the task was born before."""
    embedder = Embedder()
    graph = graph_of(BatchedStore(embedder), _put_and_search)
    for user in ("1", "2"):
        with callspan.session(f"chat {user}", user=user):
            await graph.ainvoke({"text": user})
    assert recording.tree() == TREE * 2
    users = [span.attributes["user.id"] for span in recording.spans if span.name == "embeddings"]
    assert users == ["1", "1", "2", "2"]
    assert set(embedder.within) == {"embeddings"}


async def test_what_is_done_for_several_at_once_stands_under_one_of_them(recording: Recording) -> None:
    graph = graph_of(BatchedStore(Embedder()), _put_and_search)
    await asyncio.gather(*(graph.ainvoke({"text": "same"}) for _ in range(3)))
    nodes = {span.context.span_id for span in recording.spans if span.name == "node remember"}
    embeddings = [span for span in recording.spans if span.name == "embeddings"]
    assert embeddings
    assert all(span.parent is not None and span.parent.span_id in nodes for span in embeddings)


async def test_a_sync_search_from_a_thread_stands_under_its_node(recording: Recording) -> None:
    def remember(state: State, store: BaseStore) -> None:
        store.put(("notes",), "1", {"text": "likes tea"})
        assert len(store.search(("notes",), query="tea")) == 1

    graph = graph_of(BatchedStore(Embedder()), remember)
    await asyncio.to_thread(graph.invoke, {})
    assert recording.tree() == TREE


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_the_stores_of_sqlite_embed_under_the_node_that_asked(form: str, recording: Recording) -> None:
    pytest.importorskip("langgraph.store.sqlite", reason="langgraph-checkpoint-sqlite is not installed")
    if not hasattr(sqlite3.Connection, "enable_load_extension"):
        pytest.skip("this Python's SQLite loads no extensions")
    from langgraph.store.sqlite import SqliteStore
    from langgraph.store.sqlite.aio import AsyncSqliteStore

    def remember(state: State, store: BaseStore) -> None:
        store.put(("notes",), "1", {"text": "likes tea"})
        assert len(store.search(("notes",), query="tea")) == 1

    index: Any = {"dims": 2, "embed": Embedder(), "fields": ["text"]}
    if form == "sync":
        with SqliteStore.from_conn_string(":memory:", index=index) as store:
            store.setup()
            graph_of(store, remember).invoke({})
    else:
        async with AsyncSqliteStore.from_conn_string(":memory:", index=index) as store:
            await store.setup()
            await graph_of(store, _put_and_search).ainvoke({"text": "tea"})
    assert recording.tree() == TREE


async def test_a_batch_of_the_programs_own_is_left_alone(recording: Recording) -> None:
    store = BatchedStore(Embedder())
    await store.aput(("notes",), "1", {"text": "likes tea"})
    assert await store.abatch([]) == []
    assert recording.tree() == "embeddings\n"


@pytest.mark.usefixtures("recording")
def test_the_memorys_threads_are_its_own_again_afterwards() -> None:
    from langgraph.store import memory

    callspan.uninstrument()
    assert memory.cf.__name__ == "concurrent.futures"
    assert memory.cf.ThreadPoolExecutor.__module__.startswith("concurrent.futures")
