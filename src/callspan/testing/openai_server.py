"""A scripted OpenAI-compatible server inside the process: real clients talk to it over HTTP, offline."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from typing import Any, NamedTuple, Self

from callspan.testing.openai_api import Answer, echo, embeddings, error_body
from callspan.testing.replies import CallTools, Fail, Reply, Say, ToolCall, as_reply

__all__ = ["CallTools", "Fail", "OpenAIServer", "Reply", "Request", "Say", "Script", "ToolCall"]

_MODELS = ("scripted", "scripted-embeddings")


class Request(NamedTuple):
    """One request that reached the server.

    Args:
        path: Its path, without the query.
        body: Its body, read as JSON; None if it had none.
    """

    path: str
    body: Any


Script = Sequence[Reply | str | ToolCall] | Callable[[Request], Reply | str | ToolCall]


class OpenAIServer:
    """Answer chat completions from a script, and embeddings and the list of models by themselves.

    It serves on a free local port from its construction to `close()`, or to the end of its `with` block.

    Args:
        script: The replies to chat completions in their order, after which each reply echoes the last user
            message; or a function that makes each reply, called in the thread of its request. A reply is a text,
            `Say`, `CallTools`, a `ToolCall` or `Fail`.

    Raises:
        TypeError: A reply is none of these.
    """

    def __init__(self, script: Script = ()) -> None:
        self.requests: list[Request] = []
        self._script = script if callable(script) else list(map(as_reply, script))
        self._answered = 0
        self._lock = threading.Lock()
        self._http = _LocalHTTP(self)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, name="openai-server", daemon=True
        )
        self._thread.start()

    @property
    def base_url(self) -> str:
        """The address for the client's `base_url` or for `OPENAI_BASE_URL`."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def close(self) -> None:
        """Stop serving and hang up on every client."""
        self._http.shutdown()
        self._http.server_close()
        self._http.hang_up()
        self._thread.join()

    def __enter__(self) -> Self:
        """Return the server itself, which is already serving."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the server."""
        self.close()

    def next_reply(self, request: Request) -> tuple[int, Reply]:
        """Return the script's next reply, with its number."""
        with self._lock:
            number = self._answered
            self._answered += 1
        if callable(self._script):
            return number, as_reply(self._script(request))
        return number, self._script[number] if number < len(self._script) else echo(request.body)


class _LocalHTTP(ThreadingHTTPServer):
    """The HTTP side: a thread for each connection, which neither keeps the process alive nor logs."""

    daemon_threads = True

    def __init__(self, openai: OpenAIServer) -> None:
        self.openai = openai
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep open, so that the threads which wait on them end too."""
        for connection in tuple(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # The client was faster.

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client may leave in mid-stream if it likes; anything else is a fault in a script and must be seen.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """The routes."""

    protocol_version = "HTTP/1.1"
    # Head and body are two writes: with Nagle's algorithm the second would wait 40 ms for an acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
        """Write nothing: the requests are kept in `requests`."""

    def do_GET(self) -> None:
        """Answer a request."""
        # Read the body on every path: bytes left over would be taken for the next request of the connection.
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            request = Request(self.path.partition("?")[0], json.loads(text) if text else None)
        except ValueError:
            self._error(400, "the body is not JSON")
            return
        assert isinstance(self.server, _LocalHTTP)
        self.server.openai.requests.append(request)
        match f"{self.command} {request.path}":
            case "GET /v1/models":
                models = [{"id": name, "object": "model", "created": 0, "owned_by": "callspan"} for name in _MODELS]
                self._answer(200, {"object": "list", "data": models})
            case "POST /v1/chat/completions":
                self._chat(request, self.server.openai)
            case "POST /v1/embeddings":
                self._embeddings(request)
            case unknown:
                self._error(404, f"Invalid URL ({unknown})")

    do_POST = do_GET  # noqa: N815 - the name is the standard library's

    def _chat(self, request: Request, openai: OpenAIServer) -> None:
        if not _is_chat(request.body):
            self._error(400, "'messages' is missing or is no list of messages")
            return
        number, reply = openai.next_reply(request)
        if isinstance(reply, Fail):
            self._answer(reply.status, error_body(reply.status, reply.message), reply.headers)
            return
        answer = Answer(number, request.body, reply)
        if request.body.get("stream"):
            self._stream(answer.chunks())
        else:
            self._answer(200, answer.completion())

    def _embeddings(self, request: Request) -> None:
        try:
            body = embeddings(request.body if isinstance(request.body, dict) else {})
        except ValueError as error:
            self._error(400, str(error))
        else:
            self._answer(200, body)

    def _error(self, status: int, message: str) -> None:
        self._answer(status, error_body(status, message))

    def _answer(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        payload = json.dumps(body).encode()
        self._head(status, {"Content-Type": "application/json", "Content-Length": str(len(payload)), **(headers or {})})
        self.wfile.write(payload)

    def _stream(self, chunks: Iterator[Mapping[str, Any]]) -> None:
        self._head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        for data in chain(map(json.dumps, chunks), ["[DONE]"]):
            payload = f"data: {data}\n\n".encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(payload), payload))
        self.wfile.write(b"0\r\n\r\n")

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _is_chat(body: object) -> bool:
    messages = body.get("messages") if isinstance(body, dict) else None
    return isinstance(messages, list) and all(isinstance(message, dict) for message in messages)
