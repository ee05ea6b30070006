"""The real OpenAI client against a scripted server: its HTTP spans hang under the calls that make them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.context import get_current

from callspan.testing import CallTools, Fail, OpenAIServer, Say, ToolCall
from tests.modes.models.calls import EVENTS, async_generator, call, generator, settle

openai = pytest.importorskip("langchain_openai", reason="needs langchain-openai")
httpx = pytest.importorskip("opentelemetry.instrumentation.httpx", reason="needs the HTTP client's instrumentation")

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{form} is deprecated") for form in ("astream_log", "astream_events version='v1'")
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


def chat_model(server: OpenAIServer, **options: Any) -> Any:
    """Make a chat model of this server."""
    return openai.ChatOpenAI(model="gpt", base_url=server.base_url, api_key="none", max_retries=0, **options)


@pytest.fixture
def model(server: OpenAIServer) -> Any:
    """A chat model of the server."""
    return chat_model(server, stream_usage=True)


@pytest.fixture
def embedder(server: OpenAIServer) -> Any:
    """Embeddings of the server, without the tokeniser, which would be downloaded."""
    return openai.OpenAIEmbeddings(
        model="small", base_url=server.base_url, api_key="none", check_embedding_ctx_length=False
    )


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream", "transform", "atransform", *EVENTS])
def test_chat(form: str, model: Any, tree: Callable[..., str], recording: Any) -> None:
    """In each form the HTTP span is the chat span's child; the span says both models and the server's counts."""
    assert call(form, model, "hello")
    assert tree() == CHAT
    attributes = recording.named("chat gpt").attributes
    said = {key: value for key, value in attributes.items() if key.startswith("gen_ai.")}
    assert said.pop("gen_ai.usage.input_tokens") > 0
    assert said.pop("gen_ai.usage.output_tokens") > 0
    assert said == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt",
        "gen_ai.response.model": "gpt-scripted",
    }


@pytest.mark.parametrize("form", ["batch", "abatch", "batch_as_completed", "abatch_as_completed"])
def test_chat_batch(form: str, model: Any, tree: Callable[..., str]) -> None:
    """Each prompt of a batch has its own HTTP span."""
    assert len(call(form, model, ["a", "b"])) == 2
    assert tree() == CHAT * 2


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_chat_fails(form: str, tree: Callable[..., str]) -> None:
    """A refusal of the server fails both spans; the chat's error is the client's."""
    import openai as client

    with OpenAIServer([Fail(400, "no")]) as server, pytest.raises(client.BadRequestError) as raised:
        call(form, chat_model(server), "hello")
    assert tree() == f"""\
chat gpt !{raised.type.__module__}.{raised.type.__qualname__}
{REFUSED}"""


def test_chat_retries(tree: Callable[..., str]) -> None:
    """The client's own retries are HTTP spans under the one call."""
    with OpenAIServer([Fail(500, "again"), Say("there")]) as server:
        model = openai.ChatOpenAI(model="gpt", base_url=server.base_url, api_key="none", max_retries=1)
        assert model.invoke("hello").content == "there"
    assert tree() == f"""\
chat gpt
{REFUSED}  POST
"""


def test_chat_closed(model: Any, tree: Callable[..., str]) -> None:
    """A stream that is closed early ends as closed, with its HTTP span in it."""
    before = get_current()
    stream = generator(model)
    next(stream)
    stream.close()
    assert get_current() is before
    assert tree() == """\
chat gpt ~closed
  POST
"""


async def test_chat_aclosed(model: Any, tree: Callable[..., str]) -> None:
    """An asynchronous stream that is closed early ends as closed, with its HTTP span in it."""
    before = get_current()
    stream = async_generator(model)
    await anext(stream)
    await stream.aclose()
    del stream
    gc.collect()
    await settle()
    assert get_current() is before
    assert tree() == """\
chat gpt ~closed
  POST
"""


def test_chat_calls_a_tool(tree: Callable[..., str]) -> None:
    """A model with bound tools is the model's own call."""
    with OpenAIServer([CallTools(ToolCall("add", {"a": 1}))]) as server:
        answer = chat_model(server).bind_tools([{"name": "add", "parameters": {}}]).invoke("hello")
    assert [made["name"] for made in answer.tool_calls] == ["add"]
    assert tree() == CHAT


@pytest.mark.parametrize("form", ["embed_query", "aembed_query", "embed_documents", "aembed_documents"])
def test_embeddings(form: str, embedder: Any, tree: Callable[..., str], recording: Any) -> None:
    """Embeddings are one span around their HTTP span, though a query embeds a document."""
    given: Any = ["hello", "you"] if "documents" in form else "hello"
    assert call(form, embedder, given)
    assert tree() == EMBEDDINGS
    attributes = recording.named("embeddings small").attributes
    assert {key: value for key, value in attributes.items() if key.startswith("gen_ai.")} == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "small",
    }
