"""The real OpenTelemetry Collector and the real Jaeger as processes of a test's own, on this machine only."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from callspan.testing import read_trace_file

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]
"""Where the configurations are that users run."""

DEADLINE = 60.0
"""How many seconds a server has for anything: one is enough for all of it, on a machine that is not busy."""


class Server:
    """A server in a process of its own.

    Args:
        command: How it is started.
        settings: The environment variables that its configuration reads; it gets nothing else of this process's.
        health: The port and the path that answer 200 once it serves.
        log: Where its output goes.
        patience: How many seconds it has until it serves.
    """

    def __init__(
        self,
        command: list[str | Path],
        settings: dict[str, str],
        health: tuple[int, str],
        log: Path,
        *,
        patience: float = DEADLINE,
    ) -> None:
        self.log = log
        self._command = command
        # Nothing else: neither proxies nor another test's settings. Its home is where it may write.
        self._environment = settings | {"PATH": os.defpath, "HOME": str(log.parent)}
        self._health = health
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it serves.

        Raises:
            RuntimeError: It ended at once; the error has the end of its log.
            TimeoutError: It was not ready in time; the error has the end of its log.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, cwd=self.log.parent, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            wait_until(self._serves, f"{self._command[0]} serves", self._patience)
        except BaseException as error:
            self.stop()
            error.add_note(self.log.read_text(encoding="utf-8", errors="replace")[-4000:])
            raise

    def stop(self) -> None:
        """Ask it to end, as its operator would; it has time to write what it still holds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def _serves(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"{self._command[0]} ended with {self._process.returncode}")
        try:
            return get(*self._health)[0] == 200
        except (OSError, HTTPException):
            return False


class Jaeger(Server):
    """Jaeger, with the repository's configuration.

    Args:
        binary: The program.
        folder: Where its log is, and its traces if they are kept.
        keep: Whether traces are kept on disk, by Badger; else they are in memory and end with it.
    """

    def __init__(self, binary: Path, folder: Path, *, keep: bool) -> None:
        folder.mkdir(parents=True)
        health, self.query_port, query_grpc, otlp_grpc, otlp_http = free_ports(5)
        self.otlp_endpoint = f"{HOST}:{otlp_grpc}"
        configs = [ROOT / "jaeger.yaml", *([ROOT / "jaeger-badger.yaml"] if keep else [])]
        settings = {
            "JAEGER_HOST": HOST,
            "JAEGER_HEALTH_PORT": str(health),
            "JAEGER_QUERY_PORT": str(self.query_port),
            "JAEGER_QUERY_GRPC_PORT": str(query_grpc),
            "JAEGER_OTLP_GRPC_PORT": str(otlp_grpc),
            "JAEGER_OTLP_HTTP_PORT": str(otlp_http),
            "JAEGER_DATA": str(folder / "data"),
        }
        super().__init__([binary, *_options(configs)], settings, (health, "/status"), folder / "jaeger.log")

    def ask(self, path: str) -> dict[str, Any]:
        """Ask its API; what it does not have is an empty answer.

        Args:
            path: The path, with the query.

        Raises:
            RuntimeError: It answers neither 200 nor 404.
        """
        status, body = get(self.query_port, path)
        if status not in (200, 404):
            raise RuntimeError(f"{status} for {path}: {body!r}")
        return json.loads(body) if status == 200 else {}

    def find(self, service: str, operation: str) -> set[str]:
        """Search the traces of the last hour, and give their ids.

        Args:
            service: The name of the service.
            operation: The name of a span.
        """
        now = datetime.now(UTC)
        query = {
            "query.service_name": service,
            "query.operation_name": operation,
            "query.start_time_min": (now - timedelta(hours=1)).isoformat(),
            "query.start_time_max": (now + timedelta(hours=1)).isoformat(),
            "query.num_traces": 20,
        }
        found = self.ask(f"/api/v3/traces?{urlencode(query)}").get("result", {"resourceSpans": []})
        scopes = [scope for resource in found["resourceSpans"] for scope in resource["scopeSpans"]]
        return {span["traceId"] for scope in scopes for span in scope["spans"]}

    def keep_trace(self, trace_id: str, spans: int, path: Path) -> Path:
        """Wait until it has all spans of a trace, and write them to a trace file.

        Args:
            trace_id: The trace.
            spans: How many spans it has.
            path: The file, which is given back.

        Raises:
            TimeoutError: They did not come in time.
        """

        def arrived() -> bool:
            # Its answer is OTLP JSON, as in the lines of a trace file.
            answer = self.ask(f"/api/v3/traces/{trace_id}")
            path.write_text(json.dumps(answer.get("result", {"resourceSpans": []})) + "\n", encoding="utf-8")
            return len(read_trace_file(path)) >= spans

        wait_until(arrived, f"Jaeger has the {spans} spans of {trace_id}")
        return path


class Collector(Server):
    """The Collector, with the repository's configuration.

    Args:
        binary: The program.
        folder: Where its log and its queue are.
        jaeger: Where it sends its spans, as host and port.
        max_value: How many bytes of a value it passes on; all if not given.
    """

    def __init__(self, binary: Path, folder: Path, jaeger: str, *, max_value: int | None = None) -> None:
        folder.mkdir(parents=True)
        health, self.grpc_port, self.http_port, self.metrics_port, telemetry = free_ports(5)
        settings = {
            "COLLECTOR_HOST": HOST,
            "COLLECTOR_HEALTH_PORT": str(health),
            "COLLECTOR_GRPC_PORT": str(self.grpc_port),
            "COLLECTOR_HTTP_PORT": str(self.http_port),
            "COLLECTOR_PROMETHEUS_PORT": str(self.metrics_port),
            "COLLECTOR_TELEMETRY_PORT": str(telemetry),
            "COLLECTOR_QUEUE_DIR": str(folder / "queue"),
            "COLLECTOR_METRICS_FLUSH": "200ms",
            "JAEGER_OTLP_ENDPOINT": jaeger,
        }
        if max_value is not None:
            settings["COLLECTOR_MAX_VALUE_BYTES"] = str(max_value)
        command = [binary, *_options([ROOT / "collector-config.yaml"])]
        super().__init__(command, settings, (health, "/"), folder / "collector.log")


def wait_until(condition: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Ask again and again until the answer is yes.

    Args:
        condition: The question.
        what: What is waited for, for the error.
        seconds: How long it may take.

    Raises:
        TimeoutError: It was not so in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(0.02)


def get(port: int, path: str) -> tuple[int, bytes]:
    """Ask a server on this machine, past any proxy; gives the status and the body.

    Args:
        port: Its port.
        path: The path, with the query.
    """
    connection = HTTPConnection(HOST, port, timeout=DEADLINE)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on, all different.

    Args:
        count: How many.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def _options(configs: list[Path]) -> list[str]:
    return [f"--config={config}" for config in configs]
