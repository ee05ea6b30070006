"""A file of whole lines that many threads and processes append to, and that begins anew when it is large."""

from __future__ import annotations

import atexit
import errno
import json
import os
import stat
import sys
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from callspan.local.background import Background, is_on_loop
from callspan.local.private import NotAFile, open_private

if sys.platform != "win32":  # there one process writes
    import fcntl

_TAIL = 65_536
"""Bytes that are read at once in search of the last end of a line."""


class LineFile:
    """Appends lines: each is one write, so that lines of several threads and processes never mix.

    A kill in the middle of a write can leave the beginning of a line, which is taken away when the file is next opened
    for writing, unless another process has it open.

    Args:
        path: The file. What is in it stays.
        max_bytes: A line that would make it longer begins a new file.
        files: How many files there are at most: `path` and older ones, `path.1`, `path.2`, ...
    """

    def __init__(self, path: Path, max_bytes: int, files: int) -> None:
        self.path, self._max_bytes, self._files = path, max_bytes, files
        self._file: int | None = None
        self._lock = RLock()
        _all.add(self)

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
                with _alone_in(self.path.parent):  # somebody else may have begun a new one in the meantime
                    file = self._opened()
                    size = os.fstat(file).st_size
                    if size and size + len(line) > self._max_bytes:
                        file = self._rotated()
            _append(file, line)

    def write_soon(self, line: bytes) -> None:
        """Append a line, on an event loop in a thread of ours: the loop must not wait for a file.

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
        """Return the file, which somebody else may have moved away."""
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
        self._close()
        for number in range(self._files - 1, 0, -1):
            newer = self.path if number == 1 else self._older(number - 1)
            if newer.exists():
                newer.replace(self._older(number))
        if self._files == 1:
            self.path.unlink(missing_ok=True)
        return self._opened()

    def _older(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def __del__(self) -> None:
        self._close()

    def after_fork(self) -> None:
        """Have a lock that no thread of the parent holds, in the child."""
        self._lock = RLock()


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Let nobody else begin a new file in this folder; where there are no locks this process is taken to be alone."""
    if sys.platform == "win32":
        yield
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


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
    """Take the beginning of a line away that a killed process left, and say that this process has the file open."""
    if _locked(file, alone=True):
        _cut_last_line(file)
    _locked(file, alone=False)


def _locked(file: int, *, alone: bool) -> bool:
    """Lock the file, and tell whether that was possible; it is unlocked when it is closed."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:  # another process has it open, or there are no locks here
        return False
    return True


def _cut_last_line(file: int) -> None:
    end = os.lseek(file, 0, os.SEEK_END)
    place = end
    while place > 0:
        start = max(0, place - _TAIL)
        os.lseek(file, start, os.SEEK_SET)
        found = os.read(file, place - start).rfind(b"\n")
        if found >= 0:
            place = start + found + 1
            break
        place = start
    if place == end:
        return
    os.lseek(file, place, os.SEEK_SET)
    if _is_json(os.read(file, min(end - place, _LONGEST))):  # somebody's whole line, only without its end
        os.write(file, b"\n")
    else:
        os.ftruncate(file, place)


_LONGEST = 16 * 1024 * 1024
"""Bytes of a last line that is looked at: a longer one is the beginning of one."""


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


_all: weakref.WeakSet[LineFile] = weakref.WeakSet()


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


_background: Background[tuple[LineFile, bytes]] = Background(_write_lines, "callspan-lines", pause=0)
"""Writes the lines of all files: a program may make one for each of its requests."""

_exits: list[Callable[[], bool]] = []
"""What writes them before this process ends, once there are any."""


def flush_lines(seconds: float = 2.0) -> bool:
    """Wait until all lines are written that were handed over on an event loop.

    Args:
        seconds: How long to wait at most.

    Returns:
        Whether they are.
    """
    return _background.flush(seconds)


def _after_fork() -> None:
    _exits.clear()
    for one in list(_all):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
