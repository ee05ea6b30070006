"""The trace file of this process: a line for each span as it ends, so that a kill loses only what is open."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from threading import RLock, get_ident

from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult


class _Counted(FileSpanExporter):
    """The official exporter, and how many spans it could not write: once at the end, not a traceback for each."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.lost = 0
        self._quiet = _Quiet()
        logging.getLogger(FileSpanExporter.__module__).addFilter(self._quiet)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._quiet.thread = get_ident()
        try:
            result = super().export(spans)
        finally:
            self._quiet.thread = 0
        if result is not SpanExportResult.SUCCESS:
            self.lost += len(spans)
        return result


class _Quiet(logging.Filter):
    """Drops what is logged in one thread: that of our exporter, and not that of another file's."""

    thread = 0

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self.thread


class TraceFile(SpanProcessor):
    """Writes the spans of this process into a file, which is made when there is one.

    Args:
        path: The file; what is in it already stays.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.why = ""  # why nothing is written
        self._exporter: _Counted | None = None
        self._processor: SimpleSpanProcessor | None = None
        self._waiting: deque[ReadableSpan] = deque()
        self.lock = RLock()
        self._busy = False

    @property
    def lost(self) -> int:
        """How many spans could not be written."""
        return self._lost_before + (0 if self._exporter is None else self._exporter.lost)

    _lost_before = 0

    @property
    def is_there(self) -> bool:
        """Whether anything was written."""
        return self._processor is not None

    def on_end(self, span: ReadableSpan) -> None:
        """Write a span."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        with self.lock:
            self._waiting.append(span)
            if self._busy:  # a generator that was collected while we write has ended one
                return
            self._busy = True
            try:
                while self._waiting:
                    self._write(self._waiting.popleft())
            finally:
                self._busy = False

    def _write(self, span: ReadableSpan) -> None:
        if self._processor is None and not self.why:
            self.open()
        if self._processor is None:
            self._lost_before += 1
        else:
            self._processor.on_end(span)

    def open(self) -> None:
        """Make the file; `why` says it if that is not possible."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Prompts are nobody else's business.
            os.close(os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
            _end_line(self.path)
            self._exporter = _Counted(self.path)
            self._processor = SimpleSpanProcessor(self._exporter)
        except OSError as error:
            self.why = error.strerror or str(error)

    def hold(self) -> None:
        """Wait until nobody writes, and let nobody begin: before a fork."""
        self.lock.acquire()

    def release(self) -> None:
        """Let them write again."""
        self.lock.release()

    def move(self, path: Path) -> None:
        """Go on with a file of its own, in a forked process.

        Args:
            path: The file.
        """
        self.path, self.why, self._busy = path, "", False
        self.lock = RLock()
        self._waiting.clear()
        self._exporter = self._processor = None
        self._lost_before = 0


def _end_line(path: Path) -> None:
    """Give the last line of a file an end: a process that was killed may have left one without."""
    with path.open("rb+") as opened:
        if opened.seek(0, os.SEEK_END) == 0:
            return
        opened.seek(-1, os.SEEK_END)
        if opened.read(1) != b"\n":
            opened.write(b"\n")
