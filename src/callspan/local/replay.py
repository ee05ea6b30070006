"""Sends a trace file to a server: nothing lost, nothing doubled, and after an interruption from where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from callspan.local.batches import Item, batches_of, export_of, items_of
from callspan.local.otlp_http import Refused, Sender, SendError, Stopped
from callspan.local.read import Source, lines_in
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
        moved: Hears the byte up to which the file has been sent.

    Raises:
        OSError: The file cannot be read, or the ledger not be written.
        SendError: The server takes nothing more.
    """
    done.source.files.append(str(file))
    with file.open("rb") as opened:
        try:
            for batch in batches_of(_items(opened, str(file), ledger, done)):
                _deliver(batch, ledger, sender, done)
                moved(batch[-1].offset)
        except Stopped:
            done.stopped = True


def _items(opened: IO[bytes], name: str, ledger: Ledger, done: Replay) -> Iterator[Item]:
    """Give the spans that have not been sent."""
    offset, before, skip = ledger.state.offset, ledger.state.lines, ledger.state.spans
    opened.seek(offset)
    for line in lines_in(opened, name, done.source, before):
        start, offset = offset, opened.tell()
        if line.cut:
            done.cut = True
            return
        try:
            if line.why:
                raise ValueError(line.why)
            items, why = items_of(line, start, offset)
        except (ValueError, RecursionError) as error:
            done.source.skip(name, line.number, str(error))
            continue
        if why:
            done.source.skip(name, line.number, why)
        yield from (item for item in items if item.spans > skip or item.offset == offset)
        skip = 0


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
        ledger.answered(part[-1].offset, part[-1].lines, part[-1].spans)
        if done.rejected == done.sent >= _TELL:
            raise SendError(f"{sender.url} refuses every span: {done.why[0]}")


def _count(part: list[Item], rejected: int, why: str, ledger: Ledger, done: Replay) -> None:
    done.sent += len(part)
    done.rejected += rejected
    ledger.state.sent += len(part)
    ledger.state.rejected += rejected
    if (rejected or why) and len(done.why) < _TELL:
        where = (
            f"line {part[0].number}"
            if part[0].number == part[-1].number
            else (f"lines {part[0].number} to {part[-1].number}")
        )
        done.why.append(f"{where}: {why or 'no reason was given'}")
