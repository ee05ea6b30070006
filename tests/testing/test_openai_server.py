"""The scripted server, heard by the real clients."""

import asyncio
import http.client
import json
import socket
import threading
from contextlib import ExitStack
from urllib.parse import urlsplit

import openai
import pytest
from langchain_openai import ChatOpenAI
from openai import OpenAI

from callspan.testing.openai_server import CallTools, Fail, OpenAIServer, Say, ToolCall

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def client():
    """Make clients of OpenAI's own, and close them: collected in a ring with an error, they would warn."""
    with ExitStack() as made:
        yield lambda server: made.enter_context(OpenAI(base_url=server.base_url, api_key="test"))


def chat_model(server, **options):
    return ChatOpenAI(model="gpt-5-mini", base_url=server.base_url, api_key="test", **options)


def raw(server, method, path, body=b""):
    """Send one request without a client's manners."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=10)
    connection.request(method, path, body)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def test_says_the_script_then_echoes():
    """Replies come in the script's order, and after the last one each echoes the last user message."""
    with OpenAIServer([Say("one"), Say("two")]) as server:
        model = chat_model(server)
        said = [model.invoke([("system", "s"), ("human", f"question {turn}")]).content for turn in range(3)]
    assert said == ["one", "two", "question 2"]


def test_completion_has_ids_models_reason_and_usage(client):
    """A whole answer names its id, its own model, why it stopped, and counts with cached and reasoning details."""
    with OpenAIServer([Say("four words of answer"), Say("cut", finish_reason="length")]) as server:
        first, second = (
            client(server).chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
            for _ in range(2)
        )
    assert (first.id, first.model, first.choices[0].finish_reason) == ("chatcmpl-0", "m-scripted", "stop")
    assert (second.id, second.choices[0].finish_reason) == ("chatcmpl-1", "length")
    used = first.usage
    assert (used.prompt_tokens, used.completion_tokens, used.total_tokens) == (11, 7, 18)
    assert used.prompt_tokens_details.cached_tokens == 5
    assert used.completion_tokens_details.reasoning_tokens == 2


def test_streams_words_with_usage_last():
    """A streamed answer comes word by word, is the same text, and counts the same as a whole one."""
    text = "  Some words,\nand  spaces "
    with OpenAIServer([Say(text), Say(text)]) as server:
        model = chat_model(server, stream_usage=True)
        chunks = list(model.stream("hello"))
        whole = model.invoke("hello")
    assert [chunk.content for chunk in chunks if chunk.content] == ["  Some", " words,", "\nand", "  spaces", " "]
    streamed = chunks[0]
    for chunk in chunks[1:]:
        streamed += chunk
    assert streamed.usage_metadata == whole.usage_metadata
    assert streamed.response_metadata["finish_reason"] == "stop"


def test_streams_no_usage_unasked(client):
    """Without `include_usage` a stream has no usage, and no chunk without a choice."""
    with OpenAIServer() as server:
        stream = client(server).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello"}], stream=True
        )
        chunks = list(stream)
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("streaming", [False, True])
def test_calls_tools(streaming):
    """Tool calls arrive whole or in pieces with their names, arguments and ids, also those the server made."""
    reply = CallTools(
        ToolCall("weather", {"city": "Ilulissat", "days": 3}, id="mine"), ToolCall("weather"), text="Looking."
    )
    with OpenAIServer([reply]) as server:
        model = chat_model(server, streaming=streaming, stream_usage=True).bind_tools([WEATHER])
        message = model.invoke("what is it like?")
        tools = server.requests[0].body["tools"]
    assert [(call["name"], call["args"], call["id"]) for call in message.tool_calls] == [
        ("weather", {"city": "Ilulissat", "days": 3}, "mine"),
        ("weather", {}, "call_0_1"),
    ]
    assert message.content == "Looking."
    assert message.response_metadata["finish_reason"] == "tool_calls"
    assert message.usage_metadata["output_tokens"] > 0
    assert tools[0]["function"]["name"] == "weather"


def test_streams_arguments_in_pieces():
    """The arguments of a streamed tool call come in several deltas, the first of which has id and name alone."""
    with OpenAIServer([CallTools(ToolCall("weather", {"city": "Ilulissat"}))]) as server:
        chunks = list(chat_model(server).stream("hello"))
    pieces = [piece for chunk in chunks for piece in chunk.tool_call_chunks]
    assert (pieces[0]["name"], pieces[0]["id"], pieces[0]["args"]) == ("weather", "call_0_0", "")
    assert len(pieces) > 2
    assert json.loads("".join(piece["args"] for piece in pieces)) == {"city": "Ilulissat"}


async def test_answers_async_clients_at_once():
    """Async calls and streams in parallel each get the answer to their own question."""
    with OpenAIServer() as server:
        model = chat_model(server)

        async def streamed(text):
            return "".join([chunk.content async for chunk in model.astream(text)])

        said = await asyncio.gather(model.ainvoke("a b"), streamed("c d"), streamed("e f"))
    assert [said[0].content, *said[1:]] == ["a b", "c d", "e f"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "error"),
    [(400, openai.BadRequestError), (429, openai.RateLimitError), (503, openai.InternalServerError)],
)
def test_fails_with_the_clients_own_error(status, error, stream, client):
    """A `Fail` is the OpenAI error of its status with its message, tried once and no more."""
    with OpenAIServer([Fail(status, "not now")]) as server:
        with pytest.raises(error, match="not now") as caught:
            client(server).chat.completions.create(model="m", messages=[], stream=stream)
        assert len(server.requests) == 1
    assert caught.value.status_code == status
    assert caught.value.body["message"] == "not now"


def test_fails_then_is_retried():
    """A `Fail` that allows it is retried by the client at once."""
    with OpenAIServer([Fail(500, "not now", retry=True), Say("now")]) as server:
        assert chat_model(server).invoke("hello").content == "now"
        assert len(server.requests) == 2


def test_function_for_a_script():
    """A function as the script makes each reply from the request."""
    with OpenAIServer(lambda request: Say(request.body["model"].upper())) as server:
        assert chat_model(server).invoke("hello").content == "GPT-5-MINI"


def test_keeps_the_requests(client):
    """The requests are kept in their order, with path and parsed body."""
    with OpenAIServer() as server:
        chat_model(server).invoke("hello")
        client(server).embeddings.create(model="e", input=["hi"])
        assert [request.path for request in server.requests] == ["/v1/chat/completions", "/v1/embeddings"]
        assert server.requests[0].body["messages"] == [{"role": "user", "content": "hello"}]
        assert server.requests[1].body["input"] == ["hi"]


def test_lists_models(client):
    """The list of models is there for clients that ask for it."""
    with OpenAIServer() as server:
        assert [model.id for model in client(server).models.list()] == ["scripted", "scripted-embeddings"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/nothing", b"{}", 404),
        ("GET", "/v1/chat/completions", b"", 404),
        ("POST", "/v1/chat/completions", b"{", 400),
        ("POST", "/v1/chat/completions", b"", 400),
        ("POST", "/v1/chat/completions", b'{"messages": "no"}', 400),
        ("POST", "/v1/embeddings", b'{"input": []}', 400),
        ("POST", "/v1/embeddings", b'{"input": [{}]}', 400),
        ("POST", "/v1/embeddings", b'{"input": "a", "dimensions": -1}', 400),
    ],
)
def test_refuses_what_it_does_not_know(method, path, body, status):
    """A wrong path, method or body gets an OpenAI error body, and the server goes on."""
    with OpenAIServer() as server:
        answered, error = raw(server, method, path, body)
        assert answered == status
        assert error["error"]["type"] == "invalid_request_error"
        assert chat_model(server).invoke("still there?").content == "still there?"


def test_one_connection_for_many_requests():
    """A connection is kept open, also after a refusal and a stream."""
    with OpenAIServer() as server:
        connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=10)
        chat = json.dumps({"messages": [{"role": "user", "content": "hello"}], "stream": True})
        connection.connect()
        opened = connection.sock
        for path in ("/v1/nothing", "/v1/chat/completions", "/v1/chat/completions"):
            connection.request("POST", path, chat)
            last = connection.getresponse().read()
            assert connection.sock is opened
        connection.close()
    assert last.endswith(b"data: [DONE]\n\n")


def test_client_leaves_in_mid_stream(capfd):
    """A client that hangs up in mid-stream leaves nothing on stderr, and the server goes on."""
    left = threading.Event()

    def reply(_request):
        left.wait(10)
        return Say("word " * 50_000)

    with OpenAIServer(reply) as server:
        address = urlsplit(server.base_url)
        body = b'{"messages": [], "stream": true}'
        with socket.create_connection((address.hostname, address.port)) as connection:
            head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
            connection.sendall(head + body)
        left.set()
        assert chat_model(server).invoke("hello").content.startswith("word")
    assert capfd.readouterr().err == ""


def test_close_hangs_up():
    """Closing ends the connections that clients keep open, and with them the server's threads."""
    before = set(threading.enumerate())
    server = OpenAIServer()
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=10)
    connection.request("GET", "/v1/models")
    connection.getresponse().read()
    server.close()
    assert connection.sock.recv(1) == b""
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
    connection.close()
