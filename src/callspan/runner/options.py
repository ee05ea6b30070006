"""What `callspan run` asks of the processes of the program: carried in one variable, which they inherit."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from callspan.settings import FILE as CONFIGURATION

VARIABLE = "CALLSPAN_RUN"  # has the options, for the processes of the program
MAIN = "CALLSPAN_RUN_MAIN"  # has the id of the first of them
BOOTSTRAP = Path(__file__).with_name("bootstrap")  # the folder that is put on the path of those processes

FILE = "CALLSPAN_TRACE_FILE"
FILE_DEFAULT = "trace-{time}.jsonl"

TIMEOUT = "CALLSPAN_EXIT_TIMEOUT"
TIMEOUT_DEFAULT = 2.0
_LONGEST_TIMEOUT = 3600

TRACES = "OTEL_TRACES_EXPORTER"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `callspan run` was asked for."""

    file: str  # the trace file, absolute; `{pid}` in it is each process's own
    timeout: float = TIMEOUT_DEFAULT  # seconds that the exit may take
    plain: bool = False  # whether lines are wanted instead of a tree that moves
    ascii: bool = False  # whether only ASCII signs are wanted
    content: bool = False  # whether content is on if nobody sets it, and spans stay on this machine

    def text(self) -> str:
        """Return the options as the variable carries them."""
        return json.dumps(asdict(self))

    def main_file(self, pid: int) -> Path:
        """Return the file of the program's first process."""
        return Path(self.file.replace("{pid}", str(pid)))

    def worker_file(self, pid: int) -> Path:
        """Return the file of a process that the first one has started."""
        if "{pid}" in self.file:
            return self.main_file(pid)
        file = Path(self.file)
        return file.with_name(f"{file.stem}-{pid}{file.suffix}")

    def worker_files(self, main: int, since: float) -> list[Path]:
        """Return the files that workers of the process `main` wrote after `since`, in seconds since 1970."""
        file, own = Path(self.file), self.main_file(main)
        template = file.name if "{pid}" in file.name else f"{file.stem}-{{pid}}{file.suffix}"
        pattern = re.compile(re.escape(template).replace(re.escape("{pid}"), r"\d+"))
        try:
            found = [path for path in file.parent.iterdir() if pattern.fullmatch(path.name) and path != own]
            return sorted(path for path in found if path.stat().st_mtime >= since)
        except OSError:  # the folder has `{pid}` in its name, or is gone
            return []


def options_from(environ: Mapping[str, str] = os.environ) -> RunOptions | None:
    """Return the options that a process has inherited, or None: `callspan run` has not started it."""
    try:
        return RunOptions(**json.loads(environ[VARIABLE]))
    except (KeyError, ValueError, TypeError):
        return None


def file_of(template: str) -> str:
    """Return the trace file's absolute path; the time is that of now."""
    return str(Path(template.replace("{time}", time.strftime("%Y%m%d-%H%M%S"))).absolute())


def timeout_of(text: str) -> float | None:
    """Return a number of seconds, or None if the text is none."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= _LONGEST_TIMEOUT else None


def is_sent(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether variables ask for spans to be sent somewhere."""
    if environ.get(CONFIGURATION):
        return True
    exporter = environ.get(TRACES, "").strip().lower()
    if exporter:
        return exporter != "none"
    return bool(environ.get(ENDPOINT) or environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
