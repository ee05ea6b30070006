"""Files that only their owner may read: traces, pages and logs have prompts in them."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from typing import IO, Any

OWNER_ONLY = 0o600
_PIECE = 65_536  # bytes that are read of a pipe at once
_LOWEST = 3  # the first file descriptor that is no standard stream


class NotAFile(OSError):
    """There is something at this path that cannot be written, or would be waited for; `strerror` says what."""


def open_private(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file for its owner alone, without ever waiting for somebody at the other end.

    The signature is that of the `opener` of `open()`. A regular file that others may read is closed to them before
    anything is written. On a file system without permissions, or a file of another user's, that is not possible, and
    the file is opened all the same.

    Returns:
        A file descriptor that is none of the standard streams, even where those are closed.

    Raises:
        OSError: It cannot be opened. `NotAFile` if it is a directory, a socket, or a named pipe that nobody reads.
    """
    waiting = getattr(os, "O_NONBLOCK", 0)  # else a named pipe is waited for until somebody reads it
    try:
        file = _above_streams(os.open(path, flags | waiting | getattr(os, "O_BINARY", 0), OWNER_ONLY))
    except OSError as error:
        raise _explained(error, path) from error
    try:
        if waiting:
            os.set_blocking(file, True)
        _close_to_others(file)
    except BaseException:
        os.close(file)
        raise
    return file


def _close_to_others(file: int) -> None:
    state = os.fstat(file)
    if not stat.S_ISREG(state.st_mode) or not state.st_mode & 0o077 or not hasattr(os, "fchmod"):
        return
    try:
        os.fchmod(file, OWNER_ONLY)
    except OSError:  # another user's, or no permissions here
        return


def _above_streams(file: int) -> int:
    """Return the descriptor, or a copy above those of the streams: what a program prints must not get into the file."""
    if file >= _LOWEST or sys.platform == "win32":
        return file
    import fcntl

    try:
        return fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, _LOWEST)
    finally:
        os.close(file)


def open_readable(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a file for reading, without ever waiting for somebody who writes it.

    Raises:
        OSError: It cannot be opened. `NotAFile` if it is a directory, a socket, or a named pipe that nobody writes.
    """
    waiting = getattr(os, "O_NONBLOCK", 0)
    try:
        file = os.open(path, os.O_RDONLY | waiting | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise _explained(error, path) from error
    is_pipe = stat.S_ISFIFO(os.fstat(file).st_mode)
    try:
        if what := _obstacle(file):
            raise NotAFile(errno.EINVAL, what, os.fspath(path))
        begun = _begun(file, path) if waiting and is_pipe else b""
        if waiting:
            os.set_blocking(file, True)
    except BaseException:
        os.close(file)
        raise
    opened = os.fdopen(file, "rb")
    return io.BufferedReader(_Pipe(begun, opened)) if is_pipe else opened


def _begun(pipe: int, path: str | os.PathLike[str]) -> bytes:
    """Return what is in a pipe already, if somebody writes it."""
    try:
        begun = os.read(pipe, _PIECE)
    except BlockingIOError:  # somebody has it open, and has written nothing yet
        return b""
    if not begun:
        raise NotAFile(errno.ENXIO, "it is a named pipe that nobody writes", os.fspath(path))
    return begun


class _Pipe(io.RawIOBase):
    """A pipe of which the beginning has been read."""

    def __init__(self, begun: bytes, pipe: IO[bytes]) -> None:
        self._begun, self._pipe = begun, pipe

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        piece = self._begun[: len(buffer)] or os.read(self._pipe.fileno(), len(buffer))
        self._begun = self._begun[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        super().close()
        self._pipe.close()


def _explained(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """Return an error that names what is at the path, if it is no file."""
    what = _obstacle(path)
    if not what and error.errno == errno.ENXIO:
        what = "it is a named pipe that nobody reads"
    return NotAFile(error.errno, what, os.fspath(path)) if what else error


def _obstacle(path: str | os.PathLike[str] | int) -> str:
    """Return what can be neither read nor written as a file at a path or descriptor, in words; else an empty text."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a text, a path or a descriptor
    except OSError:
        return ""
    return "it is a directory" if stat.S_ISDIR(mode) else "it is a socket" if stat.S_ISSOCK(mode) else ""
