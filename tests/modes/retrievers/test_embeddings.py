"""Embeddings, of which LangChain announces nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import BaseModel
from tests.modes.models.calls import Hold, Standstill, acall, call, cancel
from tests.modes.retrievers.embedders import VECTOR, Embedder, EmbedderNative

from callspan.core.patching import is_patched
from callspan.testing import record

FORMS = ("embed_query", "embed_documents", "aembed_query", "aembed_documents")
ONCE = """\
embeddings e
  http
"""


def given(form: str) -> Any:
    """Give what this form takes."""
    return ["a", "b"] if form.endswith("documents") else "a"


@pytest.mark.parametrize("form", FORMS)
def test_call_is_one_span(form: str, embedder: Embedder, tree: Callable[..., str]) -> None:
    """A call is one span around its body, though the query's method uses the documents' method, and maybe a thread."""
    assert call(form, embedder, given(form)) == ([VECTOR, VECTOR] if form.endswith("documents") else VECTOR)
    assert tree() == ONCE


@pytest.mark.parametrize("form", FORMS)
def test_attributes(form: str, embedder: Embedder, recording: Any) -> None:
    """The span says the operation, the provider as the class tells it, and the model."""
    call(form, embedder, given(form))
    span = recording.named("embeddings e")
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    attributes = dict(span.attributes)
    assert len(attributes.pop("langchain.run.id")) == 36
    assert attributes == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": type(embedder).__name__.lower(),
        "gen_ai.request.model": "e",
        "langchain.run.name": type(embedder).__name__,
        "langchain.run.type": "embedding",
    }


@pytest.mark.parametrize("form", FORMS)
def test_inside_a_span(form: str, embedder: Embedder, recording: Any) -> None:
    """A call hangs under the span that is current around it."""
    with recording.tracer.start_as_current_span("mine"):
        call(form, embedder, given(form))
    assert (
        recording.tree()
        == """\
mine
  embeddings e
    http
"""
    )


@pytest.mark.parametrize("form", FORMS)
def test_fails(form: str, embedder: Embedder, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """An exception in the body reaches the caller as the same object, and fails the span."""
    error = LookupError("no such thing")

    def body() -> None:
        http()
        raise error

    embedder.body = body
    with pytest.raises(LookupError) as raised:
        call(form, embedder, given(form))
    assert raised.value is error
    assert (
        tree()
        == """\
embeddings e !LookupError
  http
"""
    )


@pytest.mark.parametrize("form", ["embed_query", "embed_documents"])
def test_interrupted(form: str, embedder: Embedder, tree: Callable[..., str]) -> None:
    """Ctrl-C in the body ends the span as cancelled."""

    def body() -> None:
        raise KeyboardInterrupt

    embedder.body = body
    before = get_current()
    with pytest.raises(KeyboardInterrupt):
        getattr(embedder, form)(given(form))
    assert get_current() is before
    assert tree() == "embeddings e ~cancelled\n"


@pytest.mark.parametrize("form", ["aembed_query", "aembed_documents"])
async def test_cancelled(form: str, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """A cancelled call ends its span as cancelled."""
    standstill = Standstill()
    await cancel(acall(form, EmbedderNative(http, standstill), given(form)), standstill.reached)
    assert (
        tree()
        == """\
embeddings e ~cancelled
  http
"""
    )


async def test_cancelled_while_a_thread_works(
    http: Callable[..., None], recording: Any, tree: Callable[..., str]
) -> None:
    """A call in a thread goes on when its caller is cancelled, and ends there."""
    hold = Hold()

    def body() -> None:
        hold()
        http()

    await cancel(Embedder(body).aembed_query("a"), hold.reached)
    await hold.release()
    assert tree() == ONCE


def test_two_objects_are_two_spans(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """Embeddings that ask other embeddings are two calls."""
    inner = Embedder(http)
    outer = Embedder(lambda: inner.embed_query("a"))
    outer.model = "outer"
    outer.embed_documents(["a"])
    assert (
        tree()
        == """\
embeddings outer
  embeddings e
    http
"""
    )


def test_calls_at_once_do_not_mix(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """Of many calls of one object at once each is a span of its own."""
    embedder = EmbedderNative(http)

    async def all_at_once() -> None:
        await asyncio.gather(*(embedder.aembed_query("a") for _ in range(10)))

    asyncio.run(all_at_once())
    assert tree() == ONCE * 10


def test_subclass_made_while_instrumented(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """A class that is defined after the start is seen too, and one that adds to an inherited method is one span."""

    class Later(Embedder):
        def embed_query(self, text: str) -> list[float]:
            return super().embed_query(text.upper())

    Later(http).embed_query("a")
    assert tree() == ONCE


def test_subclass_made_while_instrumented_is_restored() -> None:
    """A class that was defined while instrumented is left as it was written."""
    with record():

        class Later(Embedder):
            def embed_query(self, text: str) -> list[float]:
                return VECTOR

        assert is_patched(vars(Later)["embed_query"])
    assert not is_patched(vars(Later)["embed_query"])
    assert "__init_subclass__" not in vars(Embeddings)


def test_pydantic_class(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """Embeddings that are a pydantic model, with hooks of their own for subclasses, are seen too."""
    made: list[type] = []

    class Base(BaseModel, Embeddings):
        model_name: str = "p"

        @classmethod
        def __init_subclass__(cls, **kwargs: Any) -> None:
            super().__init_subclass__(**kwargs)
            made.append(cls)

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            http()
            return [VECTOR for _ in texts]

        def embed_query(self, text: str) -> list[float]:
            return self.embed_documents([text])[0]

    class Derived(Base):
        model_name: str = "derived"

    Base().embed_query("a")
    Derived().embed_query("a")
    assert made == [Derived]
    assert (
        tree()
        == """\
embeddings p
  http
embeddings derived
  http
"""
    )


def test_class_of_langchains_own(tree: Callable[..., str]) -> None:
    """LangChain's own classes are seen; one without a model has a bare span."""
    assert len(DeterministicFakeEmbedding(size=3).embed_documents(["a"])) == 1
    assert tree() == "embeddings\n"
