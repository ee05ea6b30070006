"""Run the user's command under every instrumentation that is installed, and keep what it tells."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from callspan.cli.checks.run_counter import NAME, VARIABLE, Heard
from callspan.testing.zero_code import run_instrumented
from callspan.viewer.analyze import read_traces
from callspan.viewer.trace import Trace


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that was run.

    Args:
        command: The command.
        code: Its exit code.
        traces: What it exported.
        heard: What callspan heard in it, exported or not.
        python: The folder of the interpreter that it names, if it names one and that is not this one.
    """

    command: tuple[str, ...]
    code: int
    traces: list[Trace]
    heard: Heard
    python: str = ""


def run(command: Sequence[str]) -> Ran:
    """Run a command to its end; Ctrl-C ends it, and not us.

    Raises:
        FileNotFoundError: There is no such command.
    """
    words = [sys.executable, *command] if command[0].endswith(".py") else [*command]
    if shutil.which(words[0]) is None:
        raise FileNotFoundError(f"there is no command {words[0]!r}")
    with tempfile.TemporaryDirectory(prefix="callspan-doctor-") as folder, _undisturbed():
        trace_file, witness = Path(folder, "trace.jsonl"), Path(folder, "witness")
        others = os.environ.get("CALLSPAN_CALLBACKS", "").strip()
        environment = {
            VARIABLE: str(witness),
            "CALLSPAN_CALLBACKS": f"{others},{NAME}" if others else NAME,
            "OTEL_CONFIG_FILE": "",  # it would say where spans go; here they go into our file
        }
        code = run_instrumented(words, trace_file, environment=environment, show=_show)
        traces, _ = read_traces([trace_file])
        return Ran(tuple(words), code, traces, Heard(witness), _other_python(words[0]))


def _show(piece: bytes) -> None:
    """Show what the command prints; what we print is the findings alone."""
    sys.stderr.flush()
    sys.stderr.buffer.write(piece)
    sys.stderr.buffer.flush()


@contextmanager
def _undisturbed() -> Generator[None]:
    """Leave Ctrl-C to the command, which is how a server is ended.

    Not ignored: the command would inherit that.
    """

    def nothing(signum: int, frame: FrameType | None) -> None: ...

    before = signal.signal(signal.SIGINT, nothing)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _other_python(word: str) -> str:
    """Return the folder of a command that is a Python other than this one."""
    found = shutil.which(word)
    if found is None or not Path(found).name.startswith("python"):
        return ""
    folder = Path(found).absolute().parent
    return "" if folder == Path(sys.executable).absolute().parent else str(folder)
