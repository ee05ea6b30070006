"""The doctor as its user has it: a process of its own, whose findings are read from its JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.doctor.receivers import Receiver, grpc_receiver, http_receiver

SRC = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Said:
    """What the doctor said: its findings, its exit code, and what the command printed."""

    findings: list[dict[str, str]]
    code: int
    errors: str

    def of(self, check: str, level: str = "") -> list[str]:
        """Give what a check found, with its fixes."""
        return [
            f"{one['what']} | {one.get('fix', '')}"
            for one in self.findings
            if one["check"] == check and level in ("", one["level"])
        ]


def run_doctor(
    *arguments: str, path: tuple[Path, ...] = (), **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """Run it with these variables (None: without it), and none of those that the suite's own environment may have."""
    mine = ("OTEL_", "CALLSPAN_", "LANGSMITH_", "LANGCHAIN_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    paths = os.pathsep.join(map(str, (*path, SRC)))
    quiet = {"OTEL_TRACES_EXPORTER": "console", "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "callspan.cli", "doctor", *arguments]
    variables = {name: value for name, value in {**clean, **quiet, **environment}.items() if value is not None}
    return subprocess.run(command, env=variables, capture_output=True, encoding="utf-8", check=False, timeout=170)


@pytest.fixture
def doctor() -> Callable[..., Said]:
    """Run the doctor, and read its findings."""

    def run(*arguments: str, **environment: Any) -> Said:
        done = run_doctor("--json", *arguments, **environment)
        assert done.stdout, done.stderr
        return Said(json.loads(done.stdout)["findings"], done.returncode, done.stderr)

    return run


@pytest.fixture
def http() -> Iterator[Receiver]:
    """A receiver of OTLP over HTTP, on this machine."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra otlp")
    with http_receiver() as receiver:
        yield receiver


@pytest.fixture
def grpc() -> Iterator[Receiver]:
    """A receiver of OTLP over gRPC, on this machine."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc", reason="needs the extra otlp")
    with grpc_receiver() as receiver:
        yield receiver
