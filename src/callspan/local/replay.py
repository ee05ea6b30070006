"""Sends a trace file to a server: nothing lost, nothing doubled, and after an interruption from where it was."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import IO

from callspan.local.batches import Item, Place, batches_of, export_of, written_in
from callspan.local.exports import CUT, SIZE_LIMIT, Exports, parsed
from callspan.local.otlp_http import Refused, Sender, SendError, Stopped
from callspan.local.read import Source, opened
from callspan.local.sent import Ledger

_TELL = 20
"""How many spans that were refused are told one by one; if they are the first ones, the server takes none."""


@dataclass(slots=True)
class Replay:
    """What became of a file.

    Args:
        source: What could not be read of it.
        sent: How many spans the server answered for this time.
        rejected: How many of them it did not take.
        why: Why not, for the first of them.
        cut: Whether its last line is not whole yet; it is sent another time.
        stopped: Whether it was stopped before the end.
    """

    source: Source = field(default_factory=Source)
    sent: int = 0
    rejected: int = 0
    why: list[str] = field(default_factory=list[str])
    cut: bool = False
    stopped: bool = False


def replay(
    file: Path, ledger: Ledger, sender: Sender, done: Replay, moved: Callable[[int], None] = lambda offset: None
) -> None:
    """Send what of a file has not been sent.

    Args:
        file: The file.
        ledger: Says how far it has been sent, and is told; it fits the file.
        sender: Sends.
        done: Is told what became of it, while it happens.
        moved: Hears how many bytes of the file have been read, after each batch.

    Raises:
        OSError: The file cannot be read, or the ledger not be written.
        SendError: The server takes nothing more.
    """
    done.source.files.append(str(file))
    with opened(file) as stream:
        try:
            for batch in batches_of(_items(stream, str(file), ledger, done)):
                _deliver(batch, ledger, sender, done)
                moved(stream.tell())
        except Stopped:
            done.stopped = True


def _items(file: IO[bytes], name: str, ledger: Ledger, done: Replay) -> Iterator[Item]:
    """Return the spans that have not been sent."""
    begun = ledger.state.place
    file.seek(begun.offset)
    skip = begun.spans
    try:
        for item in _every(file, name, Place(begun.offset, begun.lines), done):
            if skip:
                skip -= 1
            else:
                yield item
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        done.source.skip(name, 1, f"damaged, and cannot be unpacked further: {error}")


def _every(file: IO[bytes], name: str, begun: Place, done: Replay) -> Iterator[Item]:
    """Return the spans of a file from the beginning of a line on, each with the place behind it.

    A line can be passed by once it has been sent. What is none (a document, a line that is too long, or one that is
    still being written) is read as one with all that follows, and its spans are counted instead.
    """
    at, before = begun.offset, begun.lines
    while line := file.readline(SIZE_LIMIT + 1):
        whole = line.endswith(b"\n")
        export, why = parsed(line) if line.strip() else (None, "")
        if why and (before == 0 or not whole):
            done.cut = not whole and len(line) <= SIZE_LIMIT
            file.seek(at)
            yield from _counted(file, name, Place(at, before), done)
            return
        if why:
            found = [item.written for item in _counted(BytesIO(line), name, Place(0, before), done)]
        else:
            found = [] if export is None else list(written_in(export, _skip(done, name, before + 1)))
        after = Place(at + len(line), before + 1)
        for count, written in enumerate(found, start=1):
            place = after if count == len(found) else Place(at, before, count)
            yield Item(written, before + 1, place)
        at, before = after.offset, after.lines


def _counted(file: IO[bytes], name: str, begun: Place, done: Replay) -> Iterator[Item]:
    """Return the spans of what is not one export a line, counted from its beginning."""

    def refuse(line: int, why: str) -> None:
        if why != CUT or not done.cut:  # it is no fault of a file that it is still being written
            done.source.skip(name, begun.lines + line, why)

    count = 0
    for line, export in Exports(file, refuse):
        for written in written_in(export, _skip(done, name, begun.lines + line)):
            count += 1
            yield Item(written, begun.lines + line, replace(begun, spans=count))


def _skip(done: Replay, name: str, line: int) -> Callable[[str], None]:
    return lambda why: done.source.skip(name, line, why)


def _deliver(batch: list[Item], ledger: Ledger, sender: Sender, done: Replay) -> None:
    """Send a batch; what is refused is halved until it is known which spans are meant."""
    waiting = [batch]
    while waiting:
        part = waiting.pop()
        if sender.stop.is_set():
            raise Stopped
        ledger.on_the_way(len(part))
        try:
            rejected, why = sender.send(export_of(part))
        except (Stopped, SendError):
            if not sender.unsure:
                ledger.on_the_way(0)
            raise
        except Refused as refusal:
            if len(part) > 1:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
                continue
            rejected, why = 1, str(refusal)
        _count(part, min(rejected, len(part)), why, ledger, done)
        ledger.answered(part[-1].place)
        if done.rejected == done.sent >= _TELL:
            raise SendError(f"{sender.name} refuses every span: {done.why[0]}")


def _count(part: list[Item], rejected: int, why: str, ledger: Ledger, done: Replay) -> None:
    done.sent += len(part)
    done.rejected += rejected
    ledger.state.sent += len(part)
    ledger.state.rejected += rejected
    if (rejected or why) and len(done.why) < _TELL:
        where = (
            f"line {part[0].line}" if part[0].line == part[-1].line else (f"lines {part[0].line} to {part[-1].line}")
        )
        done.why.append(f"{where}: {why or 'no reason was given'}")
