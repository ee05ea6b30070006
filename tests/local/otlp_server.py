"""A server that takes OTLP over HTTP, and does not always."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Self


@dataclass
class Answer:
    """What the server does with a request.

    Args:
        status: The status; 0 closes the connection without one.
        body: The body.
        headers: Headers besides.
        takes: Whether it takes the spans.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def takes(self) -> bool:
        return self.status == 200


Decide = Callable[[int, dict[str, Any]], Answer]
"""Gives the answer to a request, by its number from 1 and what is in it."""


class OtlpServer:
    """Serves on a free port of this machine.

    Args:
        decide: What it answers; by default it takes all.
    """

    def __init__(self, decide: Decide = lambda number, export: Answer()) -> None:
        self.decide = decide
        self.exports: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.requests = 0
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.traces = f"{self.url}/v1/traces"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def spans(self) -> list[dict[str, Any]]:
        """The spans that it took, in their order."""
        return [
            span
            for export in self.exports
            for resource in export["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    @property
    def times(self) -> Counter[str]:
        """How often it took each span, by the span's id."""
        return Counter(span["spanId"] for span in self.spans)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with server._lock:
                    server.requests += 1
                    number = server.requests
                is_json = self.headers["Content-Type"] == "application/json"
                export = json.loads(body) if is_json else {"resourceSpans": []}
                answer = server.decide(number, export)
                if answer.takes:
                    with server._lock:
                        server.exports.append(export)
                        server.bodies.append(body)
                        server.headers.append({name.lower(): value for name, value in self.headers.items()})
                if answer.status:
                    self.send_response(answer.status)
                    for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
