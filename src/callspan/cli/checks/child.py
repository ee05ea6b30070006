"""A process of its own for what would change this one: it writes its report into a file."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

PATIENCE = 60
"""Seconds that a child may take."""


def report_of(module: str, environment: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Run a module of ours in a process of its own, in this folder.

    Returns:
        Its report, and an empty text; or an empty report, and why there is none.
    """
    with tempfile.TemporaryDirectory(prefix="callspan-doctor-") as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", module, str(report)]
        try:
            done = subprocess.run(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {}, f"no answer within {PATIENCE} s"
        if done.returncode == 0 and report.exists():
            found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
            return found, ""
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return {}, said[-1] if said else f"exit code {done.returncode}"


class Hearing(logging.Handler):
    """Keeps the warnings and errors of OpenTelemetry and callspan."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[dict[str, str]] = []

    def start(self) -> None:
        """Listen."""
        for name in ("opentelemetry", "callspan"):
            logging.getLogger(name).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f": {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        self.said.append({"by": record.name, "text": " ".join(text.split())})


def load_all() -> None:
    """Set up and load what `opentelemetry-instrument` would, in this process."""
    loader: Any = import_module("opentelemetry.instrumentation.auto_instrumentation")
    loader.initialize()


def write_report(found: Mapping[str, Any]) -> None:
    """Write the report of this process into the file that it was started with."""
    Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")
