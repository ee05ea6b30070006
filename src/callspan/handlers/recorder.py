"""A log of the calls of models and tools, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from callspan.callback.callback import Callback
from callspan.callback.checks import check_kinds, texts
from callspan.capture.serialize import plain
from callspan.core.run import Run
from callspan.core.text import safe_name
from callspan.handlers.arguments import whole
from callspan.handlers.billing import session_of, user_of
from callspan.handlers.line_file import LineFile, flush_lines
from callspan.handlers.spoken import error_in, ids_of, said_in
from callspan.viewer.background import is_on_loop


class Recorder(Callback):
    """Writes one line of JSON for each call that it hears, when that has ended.

    A line says what was called, when and how long, how it ended, the model, the tokens, and the ids of run, parent,
    root, trace and span, session and user. Where the setting `content` is on it says what was asked and answered too,
    as the spans do: redacted, cut at `content_limit`. Calls on an event loop do not wait for the file: a thread writes
    their lines, at once, and `path`, `close()`, `callspan.flush()` and the end of the program wait for it.

    Args:
        path: The file, which is made with the first line, for its owner alone; what is in it stays.
        kinds: Which runs: kinds and operations; empty: all.
        max_bytes: How large it gets; then it becomes `path.1`, and that `path.2`.
        files: How many files there are at most; the oldest is deleted.

    Raises:
        TypeError: The path is none.
        ValueError: A kind is none, or a number is too small.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        kinds: Iterable[str] = ("llm", "tool"),
        max_bytes: int = 10_000_000,
        files: int = 5,
    ) -> None:
        where: Any = path
        if not isinstance(where, (str, PathLike)) or not isinstance(fspath(where), str) or not where:
            raise TypeError(f"path={path!r} is not allowed: the path of a file")
        whole("max_bytes", max_bytes)
        whole("files", files)
        self.kinds = texts("kinds", kinds)
        check_kinds(self.kinds)
        self._file = LineFile(Path(path), max_bytes, files)

    @property
    def path(self) -> Path:
        """The file that is written now, with the lines of all calls that have ended, unless an event loop runs here."""
        if not is_on_loop():
            flush_lines()
        return self._file.path

    def on_run_end(self, run: Run) -> None:
        text = json.dumps(_line(run), ensure_ascii=False, separators=(",", ":"))
        self._file.write_soon(text.encode("utf-8", "replace") + b"\n")

    def on_run_error(self, run: Run) -> None:
        self.on_run_end(run)

    def close(self) -> None:
        """Write what waits and close the file; a line that comes later opens it again."""
        self._file.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until all lines are in the file."""
        return flush_lines(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Close the file."""
        self.close()


def _line(run: Run) -> dict[str, Any]:
    trace, span = ids_of(run)
    error, text = error_in(run)
    root = run.ancestors[0] if run.ancestors else run.root.id
    said: dict[str, Any] = {
        "time": run.started_at.isoformat(),
        "seconds": run.duration,
        "first_token_seconds": run.time_to_first_token,
        "kind": run.kind,
        "operation": run.operation,
        "name": safe_name(run.name),
        "model": run.model,
        "provider": run.provider,
        "outcome": run.outcome,
        "error": error,
        "error_text": text,
        "usage": _without_nothing(run.usage._asdict()) or None,
        "run_id": str(run.id),
        "parent_id": None if run.parent_id is None else str(run.parent_id),
        "root_id": str(root),
        "trace_id": trace,
        "span_id": span,
        "session": session_of(run),
        "user": user_of(run),
        "tags": [safe_name(tag) for tag in run.tags] or None,
        "said": said_in(run) or None,
    }
    known: dict[str, Any] = plain(_without_nothing(said))  # a number may be no number, a text no text
    return known


def _without_nothing(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}
