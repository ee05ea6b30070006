"""Programs without a line of tracing code, each run by the real command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from callspan.viewer.analyze import read_traces
from callspan.viewer.trace import Trace

CALLSPAN = [sys.executable, "-m", "callspan.cli"]

_OURS = ("OTEL_", "CALLSPAN_")
_SEEN = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONIOENCODING", "PYTHONWARNINGS")


@dataclass(frozen=True)
class Ran:
    """A program that has ended.

    Args:
        code: Its exit code; a signal is negative.
        out: What it printed.
        err: What stood beside it.
        folder: Where it ran.
    """

    code: int
    out: bytes
    err: str
    folder: Path

    @property
    def files(self) -> list[Path]:
        """The trace files, the shortest name first."""
        return sorted(self.folder.glob("*.jsonl"), key=lambda path: (len(path.name), path.name))

    def traces(self, *files: Path) -> list[Trace]:
        """What is in trace files, by default in all."""
        found, source = read_traces(files or self.files)
        assert source.skipped == []
        return found

    def names(self, *files: Path) -> list[str]:
        """The names of the spans in them, in the order of the trees."""
        return ["  " * span.depth + span.raw.name for trace in self.traces(*files) for span in trace.spans]


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without what would change the outcome, and with these variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS) and name not in _SEEN}
    source = Path(__file__).parents[2] / "src"
    strict = {"CALLSPAN_STRICT": "1"}
    return kept | strict | {"PYTHONPATH": str(source), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | variables


@pytest.fixture(autouse=True)
def extra_cli() -> None:
    """Skip where the command line's packages are not installed."""
    for package in ("click", "rich", "opentelemetry.exporter.otlp.json.file"):
        pytest.importorskip(package, reason="needs the extra cli")


@pytest.fixture
def program(tmp_path) -> Callable[[str], Path]:
    """Write a program."""

    def write(source: str, name: str = "app.py") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    return write


@pytest.fixture
def run(tmp_path, program) -> Callable[..., Ran]:
    """Run a program under `callspan run`, with options and arguments."""

    def run(source: str, *options: str, args: tuple[str, ...] = (), **variables: str) -> Ran:
        program(source)
        command = [*CALLSPAN, "run", *options, "app.py", *args]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(**variables), capture_output=True, check=False, timeout=120
        )
        return Ran(done.returncode, done.stdout, done.stderr.decode(errors="replace"), tmp_path)

    return run


@pytest.fixture
def start(tmp_path, program) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a program under `callspan run`, to do something to it."""
    started: list[subprocess.Popen[bytes]] = []

    def start(source: str, *options: str, **variables: str) -> subprocess.Popen[bytes]:
        program(source)
        process = subprocess.Popen(
            [*CALLSPAN, "run", *options, "app.py"],
            cwd=tmp_path,
            env=environment(**variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[bytes], folder: Path) -> Ran:
    """Wait for the end of a program that was started."""
    out, err = process.communicate(timeout=120)
    return Ran(process.returncode, out, err.decode(errors="replace"), folder)
