"""The trace file of this process: a line for each span that has ended, written by a thread of its own."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import get_ident
from typing import IO

from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExportResult

from callspan.viewer.background import Background
from callspan.viewer.private import open_private


class _Quiet(logging.Filter):
    """Drops what is logged in one thread: that of our exporter, and not that of another file's."""

    thread = 0

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self.thread


class TraceFile(SpanProcessor):
    """Writes the spans of this process into a file; what is in it already stays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.when_shut: Callable[[], None] = lambda: None  # called when a provider with this processor is shut down
        self._quiet = _Quiet()
        logging.getLogger(FileSpanExporter.__module__).addFilter(self._quiet)
        self.background: Background[ReadableSpan | None] = Background(self._write, "callspan-file")
        self._forget()

    def _forget(self) -> None:
        self.why = ""  # why nothing is written
        self.is_late = False  # whether something was still to be written when the time was over
        self.written = self._refused = 0
        self._stream: IO[str] | None = None
        self._exporter: FileSpanExporter | None = None

    @property
    def lost(self) -> int:
        """How many spans are not in the file, and will not be."""
        return self._refused + self.background.dropped

    @property
    def is_regular(self) -> bool:
        """Whether it is a file that can be read again, and no pipe or device."""
        return self.is_there and stat.S_ISREG(self._file.st_mode)

    @property
    def is_there(self) -> bool:
        """Whether the file was opened."""
        return self._exporter is not None

    def on_end(self, span: ReadableSpan) -> None:
        """Hand a span over to be written."""
        if span.context is not None and span.context.trace_flags.sampled:
            self.background.put(span)

    def shutdown(self) -> None:
        """Go on: the program may put another provider in the place of the one that is shut down."""
        self.when_shut()

    def open_soon(self) -> None:
        """Have the file made, though there is nothing to write yet."""
        self.background.put(None)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until all spans that have ended are in the file."""
        return self.background.flush(timeout_millis / 1000)

    def close(self, seconds: float) -> None:
        """Write what waits, for at most so many seconds; later spans are written by the thread that ends them."""
        self.is_late = not self.background.close(seconds)

    def move(self, path: Path) -> None:
        """Go on with a file of its own, in a forked process."""
        self.path = path
        self.background.forget()
        self.background.dropped = 0
        self._forget()

    def _write(self, spans: Sequence[ReadableSpan | None]) -> None:
        """Write spans; only one thread at a time is here."""
        if self._stream is not None and not _is_same(self._stream, self._file):
            self._stream = self._exporter = None  # the program has closed it, and the number may be another file's now
        if self._exporter is None and not self.why:
            self._open()
        self._quiet.thread = get_ident()
        try:
            for span in filter(None, spans):
                if self._exporter is not None and self._exporter.export((span,)) is SpanExportResult.SUCCESS:
                    self.written += 1
                else:
                    self._refused += 1
        finally:
            self._quiet.thread = 0

    def _open(self) -> None:
        """Make the file, or set `why` that is not possible."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = open_private(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
            self._file = os.fstat(file)
            if stat.S_ISREG(self._file.st_mode):
                _end_line(self.path)
        except OSError as error:
            self.why = error.strerror or str(error)
            return
        # The number is never closed here: once the program has closed it, it may be that of a file of its own.
        self._stream = os.fdopen(file, "w", encoding="utf-8", closefd=False)
        self._exporter = FileSpanExporter(stream=self._stream)


def _is_same(stream: IO[str], file: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), file)
    except (OSError, ValueError):
        return False


def _end_line(path: Path) -> None:
    """Return the last line of a file an end: a process that was killed may have left one without."""
    with path.open("rb+") as opened:
        if opened.seek(0, os.SEEK_END) == 0:
            return
        opened.seek(-1, os.SEEK_END)
        if opened.read(1) != b"\n":
            opened.write(b"\n")
