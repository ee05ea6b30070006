"""What of a trace file has been sent where: a small file beside it, so that sending can go on where it was."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from callspan.local.batches import Place
from callspan.local.private import NotAFile, open_private
from callspan.local.read import opened

_VERSION = 1
_PIECE = 1024 * 1024


class SentError(Exception):
    """It is not known what has been sent; the text says why."""


@dataclass(slots=True)
class Sent:
    """How far a file has been sent.

    Args:
        offset: The byte at which the first line begins that was not sent wholly.
        lines: How many lines come before.
        spans: How many spans were sent from there on.
        digest: SHA-256 of all bytes before the offset.
        sent: How many spans were sent in all.
        rejected: How many of them the server did not take.
        pending: How many spans were on the way, without an answer.
    """

    offset: int = 0
    lines: int = 0
    spans: int = 0
    digest: str = hashlib.sha256().hexdigest()
    sent: int = 0
    rejected: int = 0
    pending: int = 0

    @property
    def place(self) -> Place:
        """How far it has been sent."""
        return Place(self.offset, self.lines, self.spans)


class Ledger:
    """Keeps what has been sent of a file, by where it was sent to.

    Args:
        file: The trace file.
        endpoint: Where it is sent.

    Raises:
        SentError: What is beside the file is none.
        OSError: The file cannot be opened.
    """

    def __init__(self, file: Path, endpoint: str) -> None:
        self.path = file.with_name(file.name + ".sent")
        self._file = file
        self._endpoint = endpoint
        self._known = self._read().get(endpoint)
        self._hash = hashlib.sha256()
        self._hashed = 0
        self.state = self._state()
        if stat.S_ISFIFO(file.stat().st_mode):
            raise NotAFile(errno.ESPIPE, "it is a pipe; write it into a file first", str(file))
        self._stream = opened(file)

    def close(self) -> None:
        """Release the file."""
        self._stream.close()

    def forget(self) -> None:
        """Begin anew."""
        self.state = Sent()

    def check(self) -> None:
        """Make sure that the file still begins with what was sent.

        Raises:
            SentError: It does not.
        """
        if self._digest(self.state.offset) != self.state.digest:
            raise SentError(
                f"{self._file} is not the file of which {self.path} tells what was sent; --since-start sends all"
            )

    def on_the_way(self, spans: int) -> None:
        """Note that spans are being sent.

        Raises:
            OSError: It cannot be written.
            SentError: Another process sends the file, too.
        """
        self.state.pending = spans
        self._write()

    def answered(self, place: Place) -> None:
        """Note how far the file has been sent.

        Raises:
            OSError: It cannot be written.
        """
        state = self.state
        state.offset, state.lines, state.spans, state.pending = place.offset, place.lines, place.spans, 0
        state.digest = self._digest(place.offset)
        self._write()

    def _digest(self, offset: int) -> str:
        """Return the digest of all bytes before an offset; what was read for an earlier one is not read again."""
        if offset < self._hashed:
            self._hash, self._hashed = hashlib.sha256(), 0
            self._stream.seek(0)
        while self._hashed < offset and (piece := self._stream.read(min(_PIECE, offset - self._hashed))):
            self._hash.update(piece)
            self._hashed += len(piece)
        return self._hash.hexdigest()

    def _read(self) -> dict[str, Any]:
        try:
            told = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:
            raise SentError(
                f"{self.path} does not say what was sent: {error}; remove it to send from the start"
            ) from error
        every = told.get("endpoints") if isinstance(told, dict) and told.get("version") == _VERSION else None
        if not isinstance(every, dict):
            raise SentError(f"{self.path} does not say what was sent; remove it to send from the start")
        return every

    def _state(self) -> Sent:
        told: Any = {} if self._known is None else self._known
        names = {field.name: type(field.default) for field in fields(Sent)}
        if not isinstance(told, dict) or any(type(value) is not names.get(name) for name, value in told.items()):
            raise SentError(f"{self.path} does not say what was sent; remove it to send from the start")
        return Sent(**told)

    def _write(self) -> None:
        """Put the new text in the place of the old one at once: a kill leaves one or the other."""
        every = self._read()  # again: another process may send the same file to another place
        if every.get(self._endpoint) != self._known:
            raise SentError(f"another process sends {self._file} to {self._endpoint}")
        every[self._endpoint] = self._known = asdict(self.state)
        new = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with open(new, "w", encoding="utf-8", opener=open_private) as written:
            json.dump({"version": _VERSION, "endpoints": every}, written)
            written.flush()
            os.fsync(written.fileno())
        new.replace(self.path)
