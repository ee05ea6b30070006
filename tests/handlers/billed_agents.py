"""An agent that answers without a network, the doors by which a handler comes to it, and prices."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from tests.modes.models.chat_models import ChatNative

import callspan
from callspan.testing import Recording, ScriptedChatModel, ToolCall

try:
    from langchain.agents import create_agent
except ImportError:  # it came with langchain 1
    from langgraph.prebuilt import create_react_agent as create_agent

ASKED = {"messages": [("user", "how deep is the lake?")]}

MODEL_CALLS, TOOL_CALLS = 2, 1
"""Of one call of the agent."""

INPUT, OUTPUT = 13, 10
"""Tokens of one call of the agent, as the scripted model counts them."""


@tool
def depth(lake: str) -> str:
    """Give the depth of a lake."""
    return "9 m"


def agent(**settings: Any) -> Any:
    """Make an agent that calls a tool and answers."""
    model = ScriptedChatModel(ToolCall("depth", {"lake": "Müritz"}), "it is 9 m deep", **settings)
    return create_agent(model, [depth])


class Around(ChatNative):
    """A model that hands on what another one answers."""

    inner: Any = None

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        answer = self.inner.invoke(messages)
        message = AIMessage(answer.content, usage_metadata=answer.usage_metadata)
        return ChatResult(generations=[ChatGeneration(message=message)])


def prices(path: Path, **models: Any) -> str:
    """Write prices, and give the name of the file: by default a dollar for a token of input, ten for one of output."""
    file = path / "prices.json"
    file.write_text(json.dumps(models or {"scripted": {"input": 1_000_000, "output": 10_000_000}}))
    return str(file)


@contextmanager
def _process(handler: Any, recording: Recording) -> Iterator[Any]:
    undo = callspan.add_callback(handler)
    yield None
    undo()


@contextmanager
def _block(handler: Any, recording: Recording) -> Iterator[Any]:
    with callspan.callbacks(handler):
        yield None


@contextmanager
def _call(handler: Any, recording: Recording) -> Iterator[Any]:
    yield {"callbacks": [handler]}


@contextmanager
def _opentelemetry(handler: Any, recording: Recording) -> Iterator[Any]:
    recording.provider.add_span_processor(handler)
    yield None


@contextmanager
def _all(handler: Any, recording: Recording) -> Iterator[Any]:
    with _process(handler, recording), _block(handler, recording), _opentelemetry(handler, recording):
        yield {"callbacks": [handler]}


DOORS: dict[str, Callable[..., Any]] = {
    "process": _process,
    "block": _block,
    "call": _call,
    "OpenTelemetry": _opentelemetry,
    "all at once": _all,
}

EVERY_DOOR = pytest.mark.parametrize("door", list(DOORS.values()), ids=list(DOORS))

FORMS = pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
