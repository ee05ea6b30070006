"""Send a trace file to a server: each span once and as it was written, after an interruption from where it stopped."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from callspan.viewer.json_safe import finite
from callspan.viewer.otlp import Refuse, is_export, members_of, spans_of
from callspan.viewer.otlp_http import Refused, Sender, SendError, Stopped
from callspan.viewer.private import NotAFile, open_private
from callspan.viewer.read import CUT, Exports, Source, opened

_SPANS = 1000  # spans of a batch
_BYTES = 1024 * 1024  # bytes of a batch: servers take 4 MB by default, some less; a larger span is sent alone
_SHOWN = 20  # refusals that are reported; if as many spans were refused and none accepted, the rest is not sent
_VERSION = 1  # of the file that counts the spans sent

_COMPACT = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class SendStateError(Exception):
    """It is not known what has been sent; the text says why."""


class Checkpoint:
    """Counts in a small file beside a trace file how many of its spans each endpoint has.

    Args:
        file: The trace file.
        endpoint: The URL it is sent to.
        from_start: Whether to forget what was sent before.

    Raises:
        SendStateError: The file beside it cannot be read, or the trace file has shrunk: it is another one.
        OSError: The trace file or the file beside it cannot be opened.
    """

    def __init__(self, file: Path, endpoint: str, *, from_start: bool = False) -> None:
        self._path = file.with_name(file.name + ".sent")
        self._file, self._endpoint = file, endpoint
        self._known = self._read().get(endpoint)
        known = {} if from_start or self._known is None else self._known
        counts = [known.get(name, 0) if isinstance(known, dict) else -1 for name in ("sent", "pending", "size")]
        if any(type(count) is not int or count < 0 for count in counts):
            raise self._unreadable("it has no counts")
        self.sent, self.pending, self._size = counts  # spans answered for, spans without an answer yet, bytes
        if file.stat().st_size < self._size:
            raise SendStateError(f"{file} is smaller than when it was sent; --since-start sends all of it")

    def write_pending(self, spans: int) -> None:
        """Write that spans are on the way.

        Raises:
            OSError: It cannot be written.
            SendStateError: Another process sends the file to the same endpoint.
        """
        self.pending = spans
        self._write()

    def write_answered(self, spans: int) -> None:
        """Write that the server answered for spans; raises what `write_pending` does."""
        self.sent += spans
        self._size = self._file.stat().st_size
        self.write_pending(0)

    def _unreadable(self, why: object) -> SendStateError:
        return SendStateError(f"{self._path} cannot be read: {why}; remove it to send from the start")

    def _read(self) -> dict[str, Any]:
        """Return what is known of each endpoint."""
        try:
            content = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:
            raise self._unreadable(error) from error
        endpoints = content.get("endpoints") if isinstance(content, dict) else None
        if not isinstance(endpoints, dict) or content.get("version") != _VERSION:
            raise self._unreadable("it is of another version")
        return endpoints

    def _write(self) -> None:
        """Replace the file at once: a kill leaves the old text or the new one."""
        endpoints = self._read()  # again: another process may send the same file to another endpoint
        if endpoints.get(self._endpoint) != self._known:
            raise SendStateError(f"another process sends {self._file} to {self._endpoint}")
        self._known = {"sent": self.sent, "pending": self.pending, "size": self._size}
        endpoints[self._endpoint] = self._known
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with open(new, "w", encoding="utf-8", opener=open_private) as written:
            json.dump({"version": _VERSION, "endpoints": endpoints}, written)
            written.flush()
            os.fsync(written.fileno())
        new.replace(self._path)


@dataclass(slots=True)
class SendResult:
    """What happened to the spans of a file."""

    source: Source = field(default_factory=Source)  # what could not be read
    sent: int = 0  # spans that the server answered for this time
    rejected: int = 0  # how many of them it did not accept
    why: list[str] = field(default_factory=list[str])  # why not, for the first of them
    cut: bool = False  # whether the last line has no end yet; its spans are sent another time
    stopped: bool = False  # whether the user stopped it before the end


class Item(NamedTuple):
    """A span as JSON in ASCII, with the scope and the resource around it, and its line in the file, from 1."""

    line: int
    span: str
    scope: str
    resource: str


def send_file(
    file: Path,
    checkpoint: Checkpoint,
    sender: Sender,
    result: SendResult,
    moved: Callable[[int], None] = lambda offset: None,
) -> None:
    """Send those spans of a file that have not been sent.

    Args:
        file: The file.
        checkpoint: Counts what has been sent.
        sender: Sends.
        result: Is filled while it happens.
        moved: Receives how many bytes of the file have been read, after each batch.

    Raises:
        OSError: The file cannot be read, or the checkpoint not be written.
        SendError: The server accepts nothing more.
    """
    if stat.S_ISFIFO(file.stat().st_mode):
        raise NotAFile(errno.ESPIPE, "it is a pipe; write it into a file first", str(file))

    with opened(file) as stream:
        result.source.files.append(str(file))
        try:
            for batch in batches_of(islice(items_of(stream, str(file), result), checkpoint.sent, None)):
                _send_batch(batch, checkpoint, sender, result)
                moved(stream.tell())
        except Stopped:
            result.stopped = True


def items_of(file: IO[bytes], name: str, result: SendResult) -> Iterator[Item]:
    """Return all spans of a file; what is none is noted in the result."""

    def skip(line: int, why: str) -> None:
        if why == CUT:  # the file is still being written
            result.cut = True
        else:
            result.source.skip(name, line, why)

    for line, export in Exports(file, skip):
        yield from _items_in(export, line, skip)


def _items_in(export: Any, line: int, skip: Callable[[int, str], None]) -> Iterator[Item]:
    def refuse(why: str) -> None:
        skip(line, why)

    if not is_export(export, refuse):
        return
    for resource in members_of(export, "resourceSpans", refuse):
        around = _text_of(resource, "scopeSpans", refuse)
        for scope in members_of(resource, "scopeSpans", refuse):
            within = _text_of(scope, "spans", refuse)
            for span in members_of(scope, "spans", refuse):
                alone = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
                text = _text_of(span, "", refuse) if any(spans_of(alone, refuse)) else ""
                if text and within and around:
                    yield Item(line, text, within, around)


def _text_of(owner: dict[str, Any], without: str, refuse: Refuse) -> str:
    """Return an object as JSON without one of its keys; an empty text if it is nested too deep."""
    content = {name: value for name, value in owner.items() if name != without}
    try:
        try:
            return _COMPACT.encode(content)
        except ValueError:  # Python reads NaN and the infinities; OTLP JSON has texts for them
            return _COMPACT.encode(finite(content))
    except RecursionError:
        refuse("nested too deep")
        return ""


def batches_of(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Return the spans in batches that a server accepts, in their order."""
    batch: list[Item] = []
    size = 0
    for item in items:
        if batch and (len(batch) >= _SPANS or size + len(item.span) > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item.span)
    if batch:
        yield batch


def export_of(batch: Iterable[Item]) -> str:
    """Return a batch as one export request; neighbours with the same resource and scope share them."""
    resources: list[str] = []
    for resource, within in groupby(batch, lambda item: item.resource):
        scopes = [
            _with_list(scope, "spans", (item.span for item in items))
            for scope, items in groupby(within, lambda item: item.scope)
        ]
        resources.append(_with_list(resource, "scopeSpans", scopes))
    return _with_list("{}", "resourceSpans", resources)


def _with_list(owner: str, key: str, members: Iterable[str]) -> str:
    """Return an object's text with a list added."""
    return f'{owner[:-1]}{"," if owner != "{}" else ""}"{key}":[{",".join(members)}]}}'


def _send_batch(batch: list[Item], checkpoint: Checkpoint, sender: Sender, result: SendResult) -> None:
    """Send a batch; one that is refused is sent line by line, and a line that is refused is reported."""
    if sender.stop.is_set():
        raise Stopped
    checkpoint.write_pending(len(batch))
    try:
        rejected, why = sender.send(export_of(batch))
    except (Stopped, SendError):
        if not sender.unsure:
            checkpoint.write_pending(0)
        raise
    except Refused as refusal:
        lines = [list(items) for _, items in groupby(batch, lambda item: item.line)]
        if len(lines) > 1:
            for line in lines:
                _send_batch(line, checkpoint, sender, result)
            return
        rejected, why = len(batch), str(refusal)
    result.sent += len(batch)
    result.rejected += min(rejected, len(batch))
    if (rejected or why) and len(result.why) < _SHOWN:
        first, last = batch[0].line, batch[-1].line
        where = f"line {first}" if first == last else f"lines {first} to {last}"
        result.why.append(f"{where}: {why or 'no reason was given'}")
    checkpoint.write_answered(len(batch))
    if result.rejected == result.sent >= _SHOWN:
        raise SendError(f"{sender.name} refuses every span: {result.why[0]}")
