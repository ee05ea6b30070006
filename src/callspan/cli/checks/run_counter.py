"""Hears the runs of a command while it runs, in each of its processes, and writes them down at once.

What it has heard and no exporter has written was lost at the exit.
"""

from __future__ import annotations

import os
from pathlib import Path

from callspan.callback.callback import Callback
from callspan.core.run import Run

VARIABLE = "CALLSPAN_DOCTOR_WITNESS"
"""Names its file."""

NAME = f"{__name__}:Witness"


class Witness(Callback):
    """Writes a line when it is made, when a run starts and when one ends: which, by which process, if recorded."""

    def __init__(self) -> None:
        self._write("here", recorded=True)

    def on_run_start(self, run: Run) -> None:
        """Note a run that starts."""
        self._note("start", run)

    def on_run_end(self, run: Run) -> None:
        """Note a run that ends."""
        self._note("end", run)

    def on_run_error(self, run: Run) -> None:
        """Note a run that fails."""
        self._note("end", run)

    def _note(self, what: str, run: Run) -> None:
        if not run.is_foreign:  # others' spans are theirs to lose
            self._write(what, recorded=run.span.is_recording())

    def _write(self, what: str, *, recorded: bool) -> None:
        # One write to a file that is open for appending: the lines of several processes do not mix.
        file = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, f"{what} {os.getpid()} {int(recorded)}\n".encode())
        finally:
            os.close(file)


class Heard:
    """What a witness wrote.

    Args:
        file: Its file; there is none if no witness was made.
    """

    def __init__(self, file: Path) -> None:
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        self.processes: int = len({pid for _, pid, _ in lines})
        self.started: int = sum(what == "start" for what, _, _ in lines)
        self.recorded: int = sum(what == "start" and recorded == "1" for what, _, recorded in lines)
        self.ended: int = sum(what == "end" and recorded == "1" for what, _, recorded in lines)
