"""A retriever in all its call forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore
from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind, StatusCode
from tests.modes.models.calls import EVENTS, Hold, Standstill, acall, call, cancel
from tests.modes.retrievers.embedders import DOCUMENT, Embedder, Retriever, RetrieverNative

FORMS = ("invoke", "ainvoke")
ONCE = """\
retrieval
  http
"""
CANCELLED = """\
retrieval ~cancelled
  http
"""


def failing(http: Callable[..., None], error: BaseException) -> Callable[[], None]:
    """Make a body that makes a span and raises this."""

    def body() -> None:
        http()
        raise error

    return body


@pytest.mark.filterwarnings("ignore:astream_log is deprecated")
@pytest.mark.filterwarnings("ignore:astream_events version='v1' is deprecated")
@pytest.mark.parametrize("form", [*FORMS, "stream", "astream", "transform", "atransform", *EVENTS])
def test_call(form: str, retriever: Retriever, tree: Callable[..., str]) -> None:
    """A call is one span around the body, also in a thread; the stream of a retriever is its call."""
    found = call(form, retriever, "bears")
    if form in FORMS:
        assert found == [DOCUMENT]
    assert tree() == ONCE


@pytest.mark.parametrize("form", ["batch", "abatch", "batch_as_completed", "abatch_as_completed"])
def test_batch(form: str, retriever: Retriever, tree: Callable[..., str]) -> None:
    """A batch is a call for each query."""
    assert len(call(form, retriever, ["a", "b"])) == 2
    assert tree() == ONCE * 2


@pytest.mark.without_content
@pytest.mark.parametrize("form", FORMS)
def test_attributes(form: str, retriever: Retriever, recording: Any) -> None:
    """The span says the operation and LangChain's run; the data source names it if the program says one."""
    config: Any = {"run_name": "search", "tags": ["mine"], "metadata": {"data_source_id": "animals"}}
    call(form, retriever, "bears", config)
    span = recording.named("retrieval animals")
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    attributes = dict(span.attributes)
    assert len(attributes.pop("langchain.run.id")) == 36
    assert attributes == {
        "gen_ai.data_source.id": "animals",
        "gen_ai.operation.name": "retrieval",
        "langchain.run.name": "search",
        "langchain.run.tags": ("mine",),
        "langchain.run.type": "retriever",
    }


@pytest.mark.parametrize("form", FORMS)
def test_fails(form: str, retriever: Retriever, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """An exception in the body reaches the caller as the same object, and fails the span."""
    error = LookupError("no such thing")
    retriever.body = failing(http, error)
    with pytest.raises(LookupError) as raised:
        call(form, retriever, "bears")
    assert raised.value is error
    assert (
        tree()
        == """\
retrieval !LookupError
  http
"""
    )


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupted(
    interrupt: type[BaseException], retriever: Retriever, http: Callable[..., None], tree: Callable[..., str]
) -> None:
    """Ctrl-C in the body, of which LangChain reports nothing, ends the span as cancelled."""
    retriever.body = failing(http, interrupt())
    before = get_current()
    with pytest.raises(interrupt):
        retriever.invoke("bears")
    assert get_current() is before
    assert tree() == CANCELLED


@pytest.mark.parametrize("form", ["ainvoke", "astream", "abatch"])
async def test_cancelled(form: str, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """A cancelled call, of which LangChain reports nothing, ends as cancelled."""
    standstill = Standstill()
    given: Any = ["bears"] if form == "abatch" else "bears"
    await cancel(acall(form, RetrieverNative(body=http, pause=standstill), given), standstill.reached)
    assert tree() == CANCELLED


async def test_cancelled_in_a_chain(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """A chain that is cancelled in a retriever ends both."""
    standstill = Standstill()
    chain = RunnableLambda(lambda query: query, name="f") | RetrieverNative(body=http, pause=standstill)
    await cancel(chain.ainvoke("bears"), standstill.reached)
    assert (
        tree()
        == """\
invoke_workflow ~cancelled
  chain f
  retrieval ~cancelled
    http
"""
    )


async def test_cancelled_while_a_thread_works(
    http: Callable[..., None], recording: Any, tree: Callable[..., str]
) -> None:
    """A cancelled call ends at once, and its body goes on in its thread."""
    hold = Hold()

    def body() -> None:
        hold()
        http()

    await cancel(Retriever(body=body).ainvoke("bears"), hold.reached)
    assert tree() == "retrieval ~cancelled\n"
    await hold.release()
    assert tree() == CANCELLED


@pytest.mark.parametrize("form", FORMS)
def test_in_a_chain(form: str, retriever: Retriever, tree: Callable[..., str]) -> None:
    """Beside the question, in the usual chain, a retriever hangs under the parallel step."""
    chain: Any = {"context": retriever, "question": RunnablePassthrough()} | RunnableLambda(str, name="answer")
    assert "bears" in call(form, chain, "what?")
    assert (
        tree(sort=True)
        == """\
invoke_workflow
  chain RunnableParallel<context,question>
    chain RunnablePassthrough
    retrieval
      http
  chain answer
"""
    )


@pytest.mark.parametrize("form", FORMS)
def test_vector_store(form: str, embedder: Embedder, recording: Any) -> None:
    """A vector store's retriever embeds the query inside its own span."""
    store = InMemoryVectorStore(embedder)
    store.add_documents([DOCUMENT])
    recording.clear()
    (found,) = call(form, store.as_retriever(), "bears")
    assert found.page_content == "bears"
    assert (
        recording.tree()
        == """\
retrieval
  embeddings e
    http
"""
    )


@pytest.mark.parametrize("form", ["similarity_search", "asimilarity_search", "aadd_texts"])
def test_vector_store_by_itself(form: str, embedder: Embedder, tree: Callable[..., str]) -> None:
    """What a vector store does outside of a retriever is no run: only its embeddings are spans."""
    given: Any = ["bears"] if form.endswith("texts") else "bears"
    call(form, InMemoryVectorStore(embedder), given)
    assert (
        tree()
        == """\
embeddings e
  http
"""
    )
