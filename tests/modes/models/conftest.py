"""Chat models whose body makes a span."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.modes.models.chat_models import ChatInvoking, ChatNative, ChatStreaming


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
