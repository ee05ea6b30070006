"""A handler of LangChain's that makes spans of its own is named once, however it comes to a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from unittest.mock import MagicMock
from weakref import WeakSet

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_core.tracers.context import register_configure_hook
from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client
from langsmith._internal.otel._otel_exporter import OTELExporter
from opentelemetry import trace
from tests.modes.models.chat_models import ChatNative

import callspan
from callspan.langchain import others

Fn = Callable[..., Any]

LANGFUSE = "langfuse.langchain.CallbackHandler"


@pytest.fixture(autouse=True)
def nothing_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(others, "_seen", WeakSet())


def made(module: str, base: type = BaseCallbackHandler, **attributes: Any) -> Any:
    """Make a handler of a class that is defined in another package."""
    return type("Handler", (base,), {"__module__": module, **attributes})()


@tool
def shout(word: str) -> str:
    """Shout."""
    return word.upper()


GLOBAL: ContextVar[Any] = ContextVar("global", default=None)
register_configure_hook(GLOBAL, inheritable=True)


async def _read(stream: Any) -> None:
    async for _ in stream:
        pass


def globally(handler: Any) -> None:
    token = GLOBAL.set(handler)
    try:
        ChatNative().invoke("hi")
    finally:
        GLOBAL.reset(token)


WAYS: dict[str, Fn] = {
    "call": lambda one: ChatNative().invoke("hi", {"callbacks": [one]}),
    "chain": lambda one: (RunnableLambda(str) | ChatNative()).invoke("hi", {"callbacks": [one]}),
    "stream": lambda one: list(ChatNative().stream("hi", {"callbacks": [one]})),
    "batch": lambda one: ChatNative().batch(["a", "b"], {"callbacks": [one]}),
    "ainvoke": lambda one: asyncio.run(ChatNative().ainvoke("hi", {"callbacks": [one]})),
    "astream": lambda one: asyncio.run(_read(ChatNative().astream("hi", {"callbacks": [one]}))),
    "tool": lambda one: shout.invoke({"word": "a"}, {"callbacks": [one]}),
    "object": lambda one: ChatNative(callbacks=[one]).invoke("hi"),
    "object in a chain": lambda one: (RunnableLambda(str) | ChatNative(callbacks=[one])).invoke("hi"),
    "with_config": lambda one: RunnableLambda(str).with_config(callbacks=[one]).invoke("hi"),
    "everywhere": globally,
}


@pytest.mark.may_log
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("base", [BaseCallbackHandler, AsyncCallbackHandler])
def test_it_is_named_once_by_whichever_way_it_comes(way: str, base: type, recording: Any, caplog: Any) -> None:
    handler = made(LANGFUSE, base)
    WAYS[way](handler)
    WAYS[way](handler)
    (said,) = [entry.getMessage() for entry in caplog.records if entry.name == "callspan"]
    assert "a handler of Langfuse (langfuse.langchain.CallbackHandler.Handler)" in said
    assert "each call will have two" in said


@pytest.mark.may_log
@pytest.mark.parametrize(
    "module", ["openinference.instrumentation.langchain._tracer", "langchain_azure_ai.callbacks.tracers.inference"]
)
def test_others_are_known_too(module: str, recording: Any, caplog: Any) -> None:
    ChatNative().invoke("hi", {"callbacks": [made(module)]})
    assert [module in line for line in caplog.messages] == [True]


@pytest.mark.may_log
def test_a_subclass_and_a_handler_with_a_tracer_are_found(recording: Any, caplog: Any) -> None:
    class Mine(type(made(LANGFUSE))):  # type: ignore[misc]
        pass

    class Traces(BaseCallbackHandler):
        def __init__(self) -> None:
            self.tracer = trace.get_tracer("mine")

    for handler in (Mine(), Traces()):
        ChatNative().invoke("hi", {"callbacks": [handler]})
    assert ["Mine" in caplog.messages[0], "Traces" in caplog.messages[1]] == [True, True]
    assert len(caplog.messages) == 2


def test_a_handler_that_makes_no_spans_is_not_warned_of(recording: Any) -> None:
    class Quiet(BaseCallbackHandler):
        def __init__(self) -> None:
            self.name = "langfuse"

    class Callback(callspan.Callback):
        def __init__(self) -> None:
            self.tracer = trace.get_tracer("mine")

    handlers = [Quiet(), Callback(), made("langfuse.callback.langchain"), made("langfuse_of_mine.langchain")]
    ChatNative().invoke("hi", {"callbacks": handlers})


@pytest.mark.may_log
def test_a_handler_in_a_callback_of_ours_is_named_too(recording: Any, caplog: Any) -> None:
    with callspan.callbacks(callspan.FromLangChain(made(LANGFUSE))):
        ChatNative().invoke("hi")
        ChatNative().invoke("hi")
    assert ["Langfuse" in line for line in caplog.messages] == [True]


class Unsent(LangChainTracer):
    """LangSmith's tracer, which sends nothing."""

    def _persist_run_single(self, run: Any) -> None: ...
    def _update_run_single(self, run: Any) -> None: ...
    def _persist_run(self, run: Any) -> None: ...


def langsmiths(exporter: Any) -> Any:
    tracer = Unsent(client=Client(api_key="none", api_url="http://127.0.0.1:9", auto_batch_tracing=False))
    tracer.client.otel_exporter = exporter
    return tracer


@pytest.mark.may_log
def test_the_opentelemetry_mode_of_langsmith_is_named_once(recording: Any, caplog: Any) -> None:
    exporter = OTELExporter(tracer_provider=recording.provider)
    for one in (None, MagicMock()):
        RunnableLambda(str).invoke(1, {"callbacks": [langsmiths(one)]})
    assert [line for line in caplog.messages if "OpenTelemetry mode" in line] == []
    for _ in range(2):
        RunnableLambda(str).invoke(1, {"callbacks": [langsmiths(exporter)]})
    (named,) = [line for line in caplog.messages if "OpenTelemetry mode" in line]
    assert named.startswith("LangSmith's OpenTelemetry mode")
    assert "LANGSMITH_OTEL_ENABLED" in named
