"""A file of whole lines that threads and processes append to, and that begins anew when it is large."""

from __future__ import annotations

import atexit
import errno
import json
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import ClassVar

from callspan.viewer.background import Background, is_on_loop
from callspan.viewer.private import NotAFile, open_private

if sys.platform != "win32":  # there one process writes
    import fcntl

_LONGEST = 16 * 1024 * 1024  # bytes of a last line without its end that may be whole


class LineFile:
    """Appends lines: each is one write, so that lines of several threads and processes never mix.

    A kill in the middle of a write can leave the beginning of a line. It is removed when the file is next opened for
    writing, unless another process has it open. Processes do not agree on when to begin a new file.

    Args:
        path: The file. What is in it stays.
        max_bytes: A line that would make it longer begins a new file.
        files: How many files there are at most: `path` and older ones, `path.1`, `path.2`, ...
    """

    _lock: ClassVar[RLock] = RLock()  # of all files: two objects may write one path

    def __init__(self, path: Path, max_bytes: int, files: int) -> None:
        self.path, self._max_bytes, self._files = path, max_bytes, files
        self._file: int | None = None

    def write(self, line: bytes) -> None:
        """Append a line.

        Args:
            line: The line, with its end.

        Raises:
            OSError: It cannot be written; then nothing of it is in the file.
        """
        with self._lock:
            file = self._opened()
            size = os.fstat(file).st_size
            if size and size + len(line) > self._max_bytes:
                file = self._rotated()
            _append(file, line)

    def write_soon(self, line: bytes) -> None:
        """Append a line; on an event loop a thread does it, as the loop must not wait for a file.

        Args:
            line: The line, with its end.

        Raises:
            OSError: It cannot be written, and this process has no event loop.
        """
        on_loop = is_on_loop()
        if not on_loop and not _background.has_begun:
            self.write(line)
            return
        if not _exits:
            _exits.append(flush_lines)
            atexit.register(flush_lines)
            if "multiprocessing.util" in sys.modules:  # its workers end without what `atexit` knows
                sys.modules["multiprocessing.util"].Finalize(None, flush_lines, exitpriority=0)
        _background.put((self, line))
        if not on_loop:  # behind those of the loop, in the order of the calls
            flush_lines()

    def close(self) -> None:
        """Write what waits and close the file; the next line opens it again. An event loop does not wait for it."""
        if is_on_loop():
            _background.put((self, b""))
            return
        flush_lines()
        self.close_now()

    def close_now(self) -> None:
        """Close the file, though lines for it may wait."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _opened(self) -> int:
        """Return the file; it is opened again if it was renamed or deleted."""
        if self._file is not None and not _is_at(self._file, self.path):
            self._close()
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = open_private(self.path, os.O_CREAT | os.O_APPEND | os.O_RDWR)
            if stat.S_ISFIFO(os.fstat(file).st_mode):
                os.close(file)
                raise NotAFile(errno.ESPIPE, "it is a named pipe", str(self.path))
            self._file = file
            _mend(file)
        return self._file

    def _rotated(self) -> int:
        """Rename the file and the older ones, and return a new one."""
        self._close()
        names = [self.path, *(self.path.with_name(f"{self.path.name}.{number}") for number in range(1, self._files))]
        try:
            for newer, older in zip(names[-2::-1], names[:0:-1], strict=True):
                if newer.exists():
                    newer.replace(older)
            if self._files == 1:
                self.path.unlink()
        except FileNotFoundError:  # another process has renamed it in the meantime
            pass
        return self._opened()

    def __del__(self) -> None:
        self._close()


def _append(file: int, line: bytes) -> None:
    before = os.fstat(file).st_size
    written = 0
    try:
        while written < len(line):
            written += os.write(file, line[written:])
    except OSError:
        if written and os.fstat(file).st_size == before + written:  # the disk is full, and it is ours alone
            os.ftruncate(file, before)
        raise


def _is_at(file: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(file), there)


def _mend(file: int) -> None:
    """Mend the last line, unless another process has the file open; from then on others find it open here."""
    if sys.platform == "win32":
        _mend_last_line(file)
        return
    with suppress(OSError):  # another process has it open, or there are no locks here
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _mend_last_line(file)
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _mend_last_line(file: int) -> None:
    """Add the end that a whole last line lacks, or remove the beginning of one that a killed process left."""
    size = os.fstat(file).st_size
    os.lseek(file, max(0, size - _LONGEST), os.SEEK_SET)
    last = os.read(file, _LONGEST).rpartition(b"\n")[2]
    if not last:
        return
    try:
        json.loads(last)
    except (ValueError, RecursionError):
        os.ftruncate(file, size - len(last))
    else:
        os.write(file, b"\n")


def _write_lines(lines: list[tuple[LineFile, bytes]]) -> None:
    failed: OSError | None = None
    for file, line in lines:
        try:
            if line:
                file.write(line)
            else:
                file.close_now()
        except OSError as error:
            failed = error
    if failed is not None:
        raise failed


# Writes the lines of all files: a program may make one for each of its requests.
_background: Background[tuple[LineFile, bytes]] = Background(_write_lines, "callspan-lines", pause=0)

_exits: list[Callable[[], bool]] = []  # what writes them before this process ends, once there are any


def flush_lines(seconds: float = 2.0) -> bool:
    """Wait until all lines are written that were handed over on an event loop, and return whether they are."""
    return _background.flush(seconds)


def _after_fork() -> None:
    """Have a lock that no thread of the parent holds."""
    _exits.clear()
    LineFile._lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
