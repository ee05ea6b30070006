"""How much of a trace file has been sent where: a small file beside it, so that sending can go on where it was."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from callspan.local.private import open_private

_VERSION = 1


class SendStateError(Exception):
    """It is not known what has been sent; the text says why."""


@dataclass(slots=True)
class SendState:
    """How much of a file one endpoint has.

    Args:
        sent: How many spans from the beginning it has answered for.
        pending: How many spans were on the way, without an answer.
        size: How many bytes the file had; one that has fewer now is another one.
    """

    sent: int = 0
    pending: int = 0
    size: int = 0


class Checkpoint:
    """Keeps how much of a file an endpoint has.

    Args:
        file: The trace file.
        endpoint: The URL it is sent to.
        from_start: Whether to forget what was sent before.

    Raises:
        SendStateError: The file beside it cannot be read, or is that of another trace file.
        OSError: The trace file or the file beside it cannot be opened.
    """

    def __init__(self, file: Path, endpoint: str, *, from_start: bool = False) -> None:
        self.path = file.with_name(file.name + ".sent")
        self._file, self._endpoint = file, endpoint
        self._known = self._read().get(endpoint)
        self.state = SendState() if from_start else self._state()
        if file.stat().st_size < self.state.size:
            raise SendStateError(f"{file} is smaller than when it was sent; --since-start sends all of it")

    def write_pending(self, spans: int) -> None:
        """Write that spans are on the way.

        Raises:
            OSError: It cannot be written.
            SendStateError: Another process sends the file to the same endpoint.
        """
        self.state.pending = spans
        self._write()

    def write_answered(self, spans: int) -> None:
        """Write that the server answered for spans; raises what `write_pending` does."""
        self.state.sent += spans
        self.state.size = self._file.stat().st_size
        self.write_pending(0)

    def _unreadable(self, why: object = "") -> SendStateError:
        reason = f": {why}" if why else ""
        return SendStateError(f"{self.path} cannot be read{reason}; remove it to send from the start")

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:
            raise self._unreadable(error) from error
        states = content.get("endpoints") if isinstance(content, dict) and content.get("version") == _VERSION else None
        if not isinstance(states, dict):
            raise self._unreadable()
        return states

    def _state(self) -> SendState:
        known: Any = {} if self._known is None else self._known
        if not isinstance(known, dict):
            raise self._unreadable()
        numbers = [known.get(name, 0) for name in ("sent", "pending", "size")]
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise self._unreadable()
        return SendState(*numbers)

    def _write(self) -> None:
        """Replace the file at once: a kill leaves the old text or the new one."""
        states = self._read()  # again: another process may send the same file to another endpoint
        if states.get(self._endpoint) != self._known:
            raise SendStateError(f"another process sends {self._file} to {self._endpoint}")
        states[self._endpoint] = self._known = asdict(self.state)
        new = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with open(new, "w", encoding="utf-8", opener=open_private) as written:
            json.dump({"version": _VERSION, "endpoints": states}, written)
            written.flush()
            os.fsync(written.fileno())
        new.replace(self.path)
