"""Chat models whose body makes a span."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.modes.models.chat_models import ChatInvoking, ChatNative, ChatStreaming
from tests.modes.models.everyday_chain import everyday_chain


@pytest.fixture
def body(http: Callable[..., None]) -> Callable[[str], None]:
    """A model's body: it makes a span, whatever the prompt."""
    return lambda text: http()


@pytest.fixture(params=[ChatInvoking, ChatStreaming, ChatNative])
def chat(request: pytest.FixtureRequest, body: Callable[[str], None]) -> ChatInvoking:
    """A chat model that implements some of the methods it may; each test runs with each."""
    model: ChatInvoking = request.param(body=body)
    return model


@pytest.fixture
def native(body: Callable[[str], None]) -> ChatNative:
    """A chat model that implements everything."""
    return ChatNative(body=body)


@pytest.fixture
def chain(native: ChatNative) -> Any:
    """The everyday chain around `native`."""
    return everyday_chain(native)


@pytest.fixture(params=[ChatStreaming, ChatNative])
def streaming(request: pytest.FixtureRequest, body: Callable[[str], None]) -> ChatStreaming:
    """A chat model that streams: asynchronously with a thread for each chunk, or by itself."""
    model: ChatStreaming = request.param(body=body)
    return model
