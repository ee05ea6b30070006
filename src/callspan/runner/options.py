"""What `callspan run` asks of the processes of the program: carried in one variable, which they inherit."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from callspan.settings import FILE as CONFIGURATION

VARIABLE = "CALLSPAN_RUN"  # has the plan, for the processes of the program; `MAIN` has the id of the first of them

MAIN = "CALLSPAN_RUN_MAIN"

BOOTSTRAP = Path(__file__).with_name("bootstrap")  # the folder that is put on the path of those processes

FILE = "CALLSPAN_TRACE_FILE"
FILE_DEFAULT = "trace-{time}.jsonl"

TIMEOUT = "CALLSPAN_EXIT_TIMEOUT"
TIMEOUT_DEFAULT = 2.0


CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
TRACES = "OTEL_TRACES_EXPORTER"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_ENDPOINTS = (ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What is asked."""

    file: str  # the trace file, absolute; `{pid}` in it is each process's own
    timeout: float = TIMEOUT_DEFAULT  # seconds that the end may take
    plain: bool = False  # whether lines are wanted instead of a tree that moves
    ascii: bool = False  # whether only ASCII signs are wanted
    content: bool = False  # whether content is on if nobody speaks of it, and spans stay on this machine

    def text(self) -> str:
        """Return the plan as the variable carries it."""
        return json.dumps(asdict(self))

    def main_file(self, pid: int) -> Path:
        """Return the file of the program's first process."""
        return Path(self.file.replace("{pid}", str(pid)))

    def worker_file(self, pid: int) -> Path:
        """Return the file of a process that the first one has made, in whatever way."""
        if "{pid}" in self.file:
            return self.main_file(pid)
        file = Path(self.file)
        return file.with_name(f"{file.stem}-{pid}{file.suffix}")

    def worker_files(self, main: int, since: float) -> list[Path]:
        """Return the files that workers of the process `main` wrote after `since`, in seconds since 1970."""
        file = Path(self.file)
        before, _, after = file.name.partition("{pid}") if "{pid}" in file.name else (f"{file.stem}-", "", file.suffix)
        own = self.main_file(main)
        try:
            return sorted(
                path
                for path in (file.parent.iterdir() if "{pid}" not in str(file.parent) else ())
                if path != own
                and path.name.startswith(before)
                and path.name.endswith(after)
                and path.name[len(before) : len(path.name) - len(after)].isdecimal()
                and path.stat().st_mtime >= since
            )
        except OSError:
            return []


def options_from(environ: Mapping[str, str] = os.environ) -> RunOptions | None:
    """Return the plan that a process has inherited, or None: it is none of ours."""
    try:
        return RunOptions(**json.loads(environ[VARIABLE]))
    except (KeyError, ValueError, TypeError):
        return None


def file_of(template: str) -> str:
    """Return the trace file's absolute path; the time is that of now."""
    return str(Path(template.replace("{time}", time.strftime("%Y%m%d-%H%M%S"))).absolute())


def timeout_of(text: str) -> float | None:
    """Read a number of seconds, or None: it is none."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= 3600 else None  # noqa: PLR2004 - an hour is not an end


def is_sent(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether variables ask for spans to be sent somewhere."""
    if environ.get(CONFIGURATION):
        return True
    named = environ.get(TRACES, "").strip().lower()
    return named != "none" if named else any(environ.get(name) for name in _ENDPOINTS)
