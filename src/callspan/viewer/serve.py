"""The page, served on this machine alone, and made again when its files have changed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

# Names under which a browser may ask: a page of somebody else's that has its own name point here gets nothing
_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def serve(page: Callable[[], str], files: Sequence[Path], port: int, say: Callable[[str], Any]) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        OSError: The port is taken.
    """
    key = secrets.token_urlsafe(12)
    with server(page, files, port, key) as listening:
        say(f"http://127.0.0.1:{listening.server_port}/{key}  (Ctrl-C ends it)")
        try:
            listening.serve_forever()
        except KeyboardInterrupt:
            say("")


def server(page: Callable[[], str], files: Sequence[Path], port: int, key: str) -> ThreadingHTTPServer:
    """Return the server of the page, not yet serving."""
    return _Server(page, files, port, key)


class _Server(ThreadingHTTPServer):
    def __init__(self, page: Callable[[], str], files: Sequence[Path], port: int, key: str) -> None:
        self.key = key
        self._page, self._files = page, files
        self._known: tuple[Any, bytes] = None, b""
        self._lock = Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def current(self) -> bytes:
        """Return the page as it is now; it is made again if its files have changed."""
        state = [(file.stat().st_mtime_ns, file.stat().st_size) for file in self._files]
        with self._lock:  # two tabs ask at once: it is made once
            if self._known[0] != state:
                self._known = state, self._page().encode("utf-8")
            return self._known[1]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        serving: Any = self.server
        host = self.headers.get("Host") or ""
        if (host.rpartition(":")[0] or host).lower() not in _HOSTS:
            self.send_error(403)
            return
        if self.path.partition("?")[0] != f"/{serving.key}":
            self.send_error(404)
            return
        try:
            body = serving.current()
        except OSError as error:
            self.send_error(500, str(error))
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Write nothing of requests."""
