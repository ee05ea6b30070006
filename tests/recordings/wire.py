"""A server that says what a provider would: one reply, over HTTP, whatever is asked."""

from __future__ import annotations

import json
import struct
import threading
from binascii import crc32
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, NamedTuple

JSON, SSE, NDJSON = "application/json", "text/event-stream", "application/x-ndjson"
EVENT_STREAM = "application/vnd.amazon.eventstream"


class Reply(NamedTuple):
    """The body of one answer and its media type."""

    body: bytes
    media_type: str = JSON
    headers: Mapping[str, str] = {}


def whole(said: Any, **headers: str) -> Reply:
    """Say it as one JSON document."""
    return Reply(json.dumps(said).encode(), headers=headers)


def sse(events: Iterable[Mapping[str, Any]], *, named: bool = True, done: bool = False) -> Reply:
    """Say it as server-sent events.

    Args:
        events: The data of each.
        named: Whether each bears its `type` as its name.
        done: Whether OpenAI's `[DONE]` comes last.
    """
    lines = [(f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in events] + [
        "data: [DONE]\n\n"
    ] * done
    return Reply("".join(lines).encode(), SSE)


def ndjson(lines: Iterable[Any]) -> Reply:
    """Say it as JSON documents, one a line."""
    return Reply("".join(json.dumps(line) + "\n" for line in lines).encode(), NDJSON)


def event_stream(events: Iterable[Mapping[str, Any]], **headers: str) -> Reply:
    """Say it as AWS's binary event stream: each event a dict of its type and its payload."""
    frames = [_frame(kind, payload) for event in events for kind, payload in event.items()]
    return Reply(b"".join(frames), EVENT_STREAM, headers)


def _frame(kind: str, payload: Any) -> bytes:
    body = json.dumps(payload).encode()
    texts = {":event-type": kind, ":content-type": JSON, ":message-type": "event"}
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in texts.items()
    )
    prelude = struct.pack("!II", 12 + len(head) + len(body) + 4, len(head))
    message = prelude + struct.pack("!I", crc32(prelude)) + head + body
    return message + struct.pack("!I", crc32(message))


@contextmanager
def serving(reply: Reply) -> Iterator[str]:
    """Serve this reply on a free local port, and give its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(200)
            self.send_header("content-type", reply.media_type)
            self.send_header("content-length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *args: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
