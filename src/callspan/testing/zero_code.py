"""Run a program without tracing code under `opentelemetry-instrument`, and keep its spans in a file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import IO, TextIO

# How each line of the JSON-file exporter begins.
_EXPORT = b'{"resourceSpans":['


def run_instrumented(
    command: Sequence[str],
    trace_file: str | PathLike[str],
    *,
    exporters: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    show: Callable[[bytes], object] | None = None,
) -> int:
    """Run a Python program in a process of its own, with every instrumentation installed in this Python.

    Args:
        command: The script and its arguments; or another command that starts a Python program, and its arguments.
        trace_file: Where its spans go, as OTLP JSON lines; what was in the file is replaced.
        exporters: Where its spans go besides, in OpenTelemetry's names, such as `otlp`.
        environment: Variables to set for it, on top of this process's.
        show: Gets what the program prints, piece by piece; this process's stdout if not given.

    Returns:
        The program's exit code.

    Raises:
        FileNotFoundError: `opentelemetry-instrument` is not installed beside this Python.
    """
    # The exporter takes no path from the environment, it writes to stdout: its lines are sorted out of there.
    traces = ",".join(("otlp_json_file", *exporters))
    options = ["--traces_exporter", traces, "--metrics_exporter", "none", "--logs_exporter", "none"]
    python = [sys.executable] if command[0].endswith(".py") else []
    with (
        Path(trace_file).open("wb") as kept,
        subprocess.Popen(
            [_instrument(), *options, *python, *command],
            stdout=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        ) as process,
    ):
        assert process.stdout is not None
        _sort_out(process.stdout, show or partial(write_to, sys.stdout), kept)
    return process.returncode


def _instrument() -> str:
    beside = str(Path(sys.executable).parent)
    found = shutil.which("opentelemetry-instrument", path=beside)
    if found is None:
        raise FileNotFoundError(f"opentelemetry-instrument is not in {beside}: install opentelemetry-instrumentation")
    return found


def write_to(stream: TextIO, piece: bytes) -> None:
    """Write a piece of output to a stream of this process at once."""
    stream.flush()
    stream.buffer.write(piece)
    stream.buffer.flush()


def _sort_out(stdout: IO[bytes], show: Callable[[bytes], object], kept: IO[bytes]) -> None:
    """Write exports to the file and pass the rest to `show`, at once: a streamed answer is seen as it streams."""

    def pass_on(piece: bytes) -> None:
        if piece:
            show(piece)

    held = b""
    while piece := os.read(stdout.fileno(), 65536):
        held += piece
        # An export may stand behind half a line of the program's, but always ends with a line of its own.
        while (start := held.find(_EXPORT)) >= 0 and (end := held.find(b"\n", start)) >= 0:
            pass_on(held[:start])
            kept.write(held[start : end + 1])
            held = held[end + 1 :]
        if start < 0:  # the last bytes may be the beginning of an export
            begun = next((size for size in range(len(_EXPORT) - 1, 0, -1) if held.endswith(_EXPORT[:size])), 0)
            start = len(held) - begun
        pass_on(held[:start])
        held = held[start:]
    # The program ended within an export, or its last output looks like the beginning of one.
    if held.startswith(_EXPORT):
        kept.write(held)
    else:
        pass_on(held)
