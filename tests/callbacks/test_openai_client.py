"""The real OpenAI client against a scripted server: what is heard of an agent, its model, its tools, and its HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.tools import tool
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.callbacks.recorder import Awaited, Recorder
from tests.modes.models.calls import acall, call

import callspan
from callspan.core import state
from callspan.testing import CallTools, Fail, OpenAIServer, Say, ToolCall, record, span_tree

openai = pytest.importorskip("langchain_openai", reason="needs langchain-openai")
client = pytest.importorskip("openai", reason="needs OpenAI's client")
httpx = pytest.importorskip("opentelemetry.instrumentation.httpx", reason="needs the HTTP client's instrumentation")

Fn = Callable[..., Any]

FORMS = ("invoke", "ainvoke", "stream", "astream")


@pytest.fixture
def recording() -> Iterator[Any]:
    """Spans are recorded, those of the HTTP clients too."""
    instrumentors = [httpx.HTTPXClientInstrumentor(), httpx.HTTPX2ClientInstrumentor()]
    with record() as recording:
        state.first_time("async hook")
        for instrumentor in instrumentors:
            instrumentor.instrument(tracer_provider=recording.provider)
        yield recording
        for instrumentor in instrumentors:
            instrumentor.uninstrument()


def ask(form: str, server: OpenAIServer, wrap: Fn, asked: Any, config: Any = None, **options: Any) -> Any:
    """Make a model that talks to the server, call what is made of it, and close its clients."""
    clients = {"http_client": client.DefaultHttpxClient(), "http_async_client": client.DefaultAsyncHttpxClient()}
    given = {"model": "gpt", "stream_usage": True, "max_retries": 0} | options
    thing = wrap(openai.ChatOpenAI(base_url=server.base_url, api_key="none", **given, **clients))

    async def ask_and_close() -> Any:
        try:
            return await acall(form, thing, asked, config)
        finally:
            await clients["http_async_client"].aclose()

    try:
        return asyncio.run(ask_and_close()) if form.startswith("a") else call(form, thing, asked, config)
    finally:
        clients["http_client"].close()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("flavour", [Recorder, Awaited])
@pytest.mark.parametrize("door", ["block", "call", "constructor"])
def test_a_call(door: str, flavour: Any, form: str, recording: Any) -> None:
    """By each door a call of the client is heard once, with its words, its message and its counts."""
    recorder = flavour()
    with OpenAIServer([Say("two words")]) as server, callspan.callbacks(*[recorder] * (door == "block")):
        ask(
            form,
            server,
            lambda model: model,
            "hello",
            {"callbacks": [recorder]} if door == "call" else None,
            callbacks=[recorder] if door == "constructor" else None,
        )
    assert recorder.without("llm_new_token") == [
        "run_start ChatOpenAI",
        "chat_model_start ChatOpenAI",
        "llm_end ChatOpenAI",
        "run_end ChatOpenAI",
    ]
    tokens = "".join(token for token, _ in recorder.payloads("on_llm_new_token"))
    assert tokens == ("two words" if form.endswith("stream") else "")
    run = recorder.told[-1][1]
    assert (run.message.content, run.model, run.provider) == ("two words", "gpt", "openai")
    assert [message.content for message in run.messages] == ["hello"]
    (span,) = (span for span in recording.spans if span.name == "chat gpt")
    assert (run.usage.input_tokens, run.usage.output_tokens) == (
        span.attributes["gen_ai.usage.input_tokens"],
        span.attributes["gen_ai.usage.output_tokens"],
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_call_that_is_refused(form: str, recording: Any) -> None:
    """A refusal is heard as an error, with the client's own exception."""
    recorder = Recorder()
    with OpenAIServer([Fail(400, "no")]) as server, pytest.raises(client.BadRequestError) as raised:
        ask(form, server, lambda model: model, "hello", {"callbacks": [recorder]})
    assert recorder.heard[-2:] == [f"llm_error ChatOpenAI !{raised.type.__name__}",
                                   f"run_error ChatOpenAI !{raised.type.__name__}"]  # fmt: skip
    assert recorder.told[-1][1].error is raised.value


@pytest.mark.parametrize("form", FORMS)
def test_an_agent(form: str, recording: Any) -> None:
    """A block around an agent hears the agent, its models and its tool; its exporter gets them, and the HTTP spans."""
    agents = pytest.importorskip("langchain.agents")
    if not hasattr(agents, "create_agent"):
        pytest.skip("create_agent came with langchain 1.0")

    @tool
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    recorder, exporter = Recorder(kinds=("invoke_agent", "llm", "tool")), InMemorySpanExporter()
    roots: set[str] = set()
    at_end = callspan.Listen(on_end=lambda run: roots.add(run.root.name))
    with (
        OpenAIServer([CallTools(ToolCall("add", {"a": 1, "b": 2})), Say("three")]) as server,
        callspan.callbacks(recorder, at_end, SimpleSpanProcessor(exporter)),
    ):
        ask(form, server, lambda model: agents.create_agent(model, [add], name="adder"), {"messages": [("human", "?")]})
    assert recorder.only("run_start", "run_end") == [
        "run_start adder",
        *("run_start ChatOpenAI", "run_end ChatOpenAI", "run_start add", "run_end add"),
        *("run_start ChatOpenAI", "run_end ChatOpenAI", "run_end adder"),
    ]
    assert roots == {"adder"}
    exported = span_tree(exporter.get_finished_spans())
    assert exported == recording.tree()
    assert exported.count("POST") == 2
