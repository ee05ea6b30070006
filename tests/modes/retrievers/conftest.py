"""Embeddings and retrievers whose body makes a span."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.modes.models.chat_models import ChatNative
from tests.modes.retrievers.embedders import Embedder, EmbedderNative, Retriever, RetrieverNative


@pytest.fixture(params=[Embedder, EmbedderNative])
def embedder(request: pytest.FixtureRequest, http: Callable[..., None]) -> Embedder:
    """Embeddings; each test runs with some that are asynchronous and some that are not."""
    made: Embedder = request.param(http)
    return made


@pytest.fixture(params=[Retriever, RetrieverNative])
def retriever(request: pytest.FixtureRequest, http: Callable[..., None]) -> Retriever:
    """A retriever; each test runs with one that is asynchronous and with one that is not."""
    made: Retriever = request.param(body=http)
    return made


@pytest.fixture
def native(http: Callable[..., None]) -> ChatNative:
    """A chat model that implements everything."""
    return ChatNative(body=lambda text: http())
