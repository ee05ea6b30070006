"""Counts the runs of a command in each of its processes, and writes each down at once.

A run that was counted and that no exporter has written was lost at the exit. The command's processes import this file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from callspan.callback.callback import Callback
from callspan.core.run import Run

VARIABLE = "CALLSPAN_DOCTOR_RUNS"  # names the file that the callback writes


class RunCounter(Callback):
    """Writes a line when it is made, when a run starts and when one ends: which, by which process, if recorded."""

    def __init__(self) -> None:
        self._write("process", recorded=True)

    def on_run_start(self, run: Run) -> None:
        """Count a run that starts."""
        self._count("start", run)

    def on_run_end(self, run: Run) -> None:
        """Count a run that ends."""
        self._count("end", run)

    def on_run_error(self, run: Run) -> None:
        """Count a run that fails."""
        self._count("end", run)

    def _count(self, what: str, run: Run) -> None:
        if not run.is_foreign:  # a lost span of another instrumentation is not ours to report
            self._write(what, recorded=run.span.is_recording())

    def _write(self, what: str, *, recorded: bool) -> None:
        # One write to a file that is open for appending: the lines of several processes do not mix.
        file = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, f"{what} {os.getpid()} {int(recorded)}\n".encode())
        finally:
            os.close(file)


@dataclass(frozen=True, slots=True)
class RunCounts:
    """The processes that loaded callspan, and the runs in them: started, started and recorded, recorded and ended."""

    processes: int = 0
    started: int = 0
    recorded: int = 0
    ended: int = 0


def read_counts(file: Path) -> RunCounts:
    """Return what the callback wrote into a file; there is none if no process loaded callspan."""
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return RunCounts(
        processes=len({pid for _, pid, _ in lines}),
        started=sum(what == "start" for what, _, _ in lines),
        recorded=sum(what == "start" and recorded == "1" for what, _, recorded in lines),
        ended=sum(what == "end" and recorded == "1" for what, _, recorded in lines),
    )
