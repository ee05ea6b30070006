"""The real OpenAI client against a scripted server: its HTTP spans hang under the calls that make them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.context import get_current
from tests.modes.models.calls import EVENTS, acall, async_generator, call, generator, settle

from callspan.testing import CallTools, Fail, OpenAIServer, Say, ToolCall

openai = pytest.importorskip("langchain_openai", reason="needs langchain-openai")
client = pytest.importorskip("openai", reason="needs OpenAI's client")
httpx = pytest.importorskip("opentelemetry.instrumentation.httpx", reason="needs the HTTP client's instrumentation")

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{form} is deprecated")
    for form in ("astream_log", "astream_events version='v1'")
]

CHAT = """\
chat gpt
  POST
"""
REFUSED = "  POST !?\n"
"""A refused request's span: it failed, and its instrumentation gives no `error.type` unless asked to."""

EMBEDDINGS = """\
embeddings small
  POST
"""


@pytest.fixture
def tree(recording: Any) -> Iterator[Callable[..., str]]:
    """The span tree, with the spans of both HTTP clients that OpenAI's uses: httpx and, since its 3.0, httpx2."""
    instrumentors = [httpx.HTTPXClientInstrumentor(), httpx.HTTPX2ClientInstrumentor()]
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=recording.provider)
    yield recording.tree
    for instrumentor in instrumentors:
        instrumentor.uninstrument()


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A server that says two words, then what it was told."""
    with OpenAIServer([Say("two words")]) as server:
        yield server


@pytest.fixture
def port(server: OpenAIServer) -> int:
    """Where the server is."""
    return int(server.base_url.split(":")[2].split("/")[0])


@pytest.fixture
def make(server: OpenAIServer) -> Iterator[Callable[..., Any]]:
    """Make models and embeddings that talk to a server, with HTTP clients that the test closes."""
    made: list[Any] = []

    def make(cls: type, server: OpenAIServer = server, **options: Any) -> Any:
        clients = {"http_client": client.DefaultHttpxClient(), "http_async_client": client.DefaultAsyncHttpxClient()}
        made.append(clients["http_client"])
        return cls(base_url=server.base_url, api_key="none", **{"max_retries": 0, **options}, **clients)

    yield make
    for each in made:
        each.close()


def ask(form: str, asked: Any, *args: Any) -> Any:
    """Call a model as `call` does, and close its client in the loop that it was used in."""

    async def ask_and_close() -> Any:
        try:
            return await acall(form, asked, *args)
        finally:
            await asked.http_async_client.aclose()

    return asyncio.run(ask_and_close()) if form.startswith("a") else call(form, asked, *args)


@pytest.fixture
def model(make: Callable[..., Any]) -> Any:
    """A chat model of the server."""
    return make(openai.ChatOpenAI, model="gpt", stream_usage=True)


@pytest.fixture
def embedder(make: Callable[..., Any]) -> Any:
    """Embeddings of the server, without the tokeniser, which would be downloaded."""
    return make(openai.OpenAIEmbeddings, model="small", dimensions=256, check_embedding_ctx_length=False)


@pytest.mark.without_content
@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream", "transform", "atransform", *EVENTS])
def test_chat(form: str, model: Any, tree: Callable[..., str], recording: Any, port: int) -> None:
    """In each form the HTTP span is the chat span's child; the span says all that the server does, and its counts."""
    assert ask(form, model, "hello")
    assert tree() == CHAT
    attributes = recording.named("chat gpt").attributes
    said = {key: value for key, value in attributes.items() if not key.startswith("langchain.")}
    assert said.pop("gen_ai.response.id", "chatcmpl-0") == "chatcmpl-0"  # LangChain leaves it out of streams
    assert said.pop("gen_ai.request.stream", False) is ("stream" in form or form.endswith("transform"))
    assert (said.pop("gen_ai.response.time_to_first_chunk", None) is not None) is (form not in ("invoke", "ainvoke"))
    counts = [key for key in said if key.startswith("gen_ai.usage.")]
    assert len(counts) == 4
    assert all(said.pop(key) > 0 for key in counts)
    assert said == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt",
        "gen_ai.response.model": "gpt-scripted",
        "gen_ai.response.finish_reasons": ("stop",),
        "openai.api.type": "chat_completions",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_scripted",
        "server.address": "127.0.0.1",
        "server.port": port,
    }


@pytest.mark.parametrize("form", ["batch", "abatch", "batch_as_completed", "abatch_as_completed"])
def test_chat_batch(form: str, model: Any, tree: Callable[..., str]) -> None:
    """Each prompt of a batch has its own HTTP span."""
    assert len(ask(form, model, ["a", "b"])) == 2
    assert tree() == CHAT * 2


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_chat_fails(form: str, make: Callable[..., Any], tree: Callable[..., str]) -> None:
    """A refusal of the server fails both spans; the chat's error is the client's."""
    with OpenAIServer([Fail(400, "no")]) as server, pytest.raises(client.BadRequestError) as raised:
        ask(form, make(openai.ChatOpenAI, server, model="gpt"), "hello")
    assert (
        tree()
        == f"""\
chat gpt !{raised.type.__module__}.{raised.type.__qualname__}
{REFUSED}"""
    )


def test_chat_retries(make: Callable[..., Any], tree: Callable[..., str]) -> None:
    """The client's own retries are HTTP spans under the one call."""
    with OpenAIServer([Fail(500, "again", retry=True), Say("there")]) as server:
        assert make(openai.ChatOpenAI, server, model="gpt", max_retries=1).invoke("hello").content == "there"
    assert (
        tree()
        == f"""\
chat gpt
{REFUSED}  POST
"""
    )


def test_chat_closed(model: Any, tree: Callable[..., str]) -> None:
    """A stream that is closed early ends as closed, with its HTTP span in it."""
    before = get_current()
    stream = generator(model)
    next(stream)
    stream.close()
    assert get_current() is before
    assert (
        tree()
        == """\
chat gpt ~closed
  POST
"""
    )


async def test_chat_aclosed(model: Any, tree: Callable[..., str]) -> None:
    """An asynchronous stream that is closed early ends as closed, with its HTTP span in it."""
    before = get_current()
    stream = async_generator(model)
    await anext(stream)
    await stream.aclose()
    await settle()
    await model.http_async_client.aclose()
    assert get_current() is before
    assert (
        tree()
        == """\
chat gpt ~closed
  POST
"""
    )


def test_chat_calls_a_tool(make: Callable[..., Any], tree: Callable[..., str]) -> None:
    """A model with bound tools is the model's own call."""
    with OpenAIServer([CallTools(ToolCall("add", {"a": 1}))]) as server:
        model = make(openai.ChatOpenAI, server, model="gpt").bind_tools([{"name": "add", "parameters": {}}])
        answer = model.invoke("hello")
    assert [made["name"] for made in answer.tool_calls] == ["add"]
    assert tree() == CHAT


@pytest.mark.parametrize("form", ["embed_query", "aembed_query", "embed_documents", "aembed_documents"])
def test_embeddings(form: str, embedder: Any, tree: Callable[..., str], recording: Any, port: int) -> None:
    """Embeddings are one span around their HTTP span, though a query embeds a document."""
    given: Any = ["hello", "you"] if "documents" in form else "hello"
    assert ask(form, embedder, given)
    assert tree() == EMBEDDINGS
    attributes = recording.named("embeddings small").attributes
    assert {key: value for key, value in attributes.items() if not key.startswith("langchain.")} == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "small",
        "gen_ai.embeddings.dimension.count": 256,
        "server.address": "127.0.0.1",
        "server.port": port,
    }
