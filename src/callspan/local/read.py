"""Trace files, span by span: what cannot be read is said, with its line, and everything else is read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import IO, Any, cast

from callspan.local.exports import Exports
from callspan.local.otlp import RawSpan, spans_of
from callspan.local.private import open_readable

_SAID = 100  # skipped lines that are reported one by one


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line of which something could not be read.

    Args:
        file: The file.
        line: The line's number, from 1.
        why: What is wrong with it.
    """

    file: str
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.why}"


@dataclass(slots=True)
class Source:
    """What was read.

    Args:
        files: The files, as they were named.
        lines: Their lines, without empty ones.
        spans: Their spans.
        skipped: The first lines that could not be read, or not wholly.
        skips: How many there are.
    """

    files: list[str] = field(default_factory=list[str])
    lines: int = 0
    spans: int = 0
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    skips: int = 0

    def skip(self, file: str, line: int, why: str) -> None:
        """Note a line that could not be read."""
        self.skips += 1
        if len(self.skipped) < _SAID:
            self.skipped.append(Skipped(file, line, why))


def read(
    files: Iterable[str | PathLike[str]], source: Source, without: frozenset[str] = frozenset()
) -> Iterator[RawSpan]:
    """Read the spans of trace files, one by one, in the order in which they were written.

    Raises:
        OSError: A file cannot be opened.
    """
    for path in files:
        name = str(path)
        source.files.append(name)
        spans, skips = source.spans, source.skips
        with opened(path) as file:
            yield from _spans(file, name, source, without)
        if (spans, skips) == (source.spans, source.skips):
            source.skip(name, 1, "the file is empty" if Path(path).stat().st_size == 0 else "it has no spans")


def opened(path: str | PathLike[str]) -> IO[bytes]:
    """Open a trace file; one that is packed is read as what it holds.

    Raises:
        OSError: It cannot be opened.
    """
    file: Any = open_readable(path)
    if file.peek(2)[:2] != _GZIP:
        return cast("IO[bytes]", file)
    unpacked: Any = gzip.GzipFile(fileobj=file)
    unpacked.myfileobj = file  # it is closed with this one
    return cast("IO[bytes]", unpacked)


_GZIP = b"\x1f\x8b"


def _spans(file: IO[bytes], name: str, source: Source, without: frozenset[str]) -> Iterator[RawSpan]:
    exports = Exports(file, lambda line, why: source.skip(name, line, why))
    line = 1

    def refuse(why: str) -> None:
        source.skip(name, line, why)

    try:
        for line, export in exports:  # noqa: B007 - `refuse` tells it
            for span in spans_of(export, refuse, without):
                source.spans += 1
                yield span
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        source.skip(name, line + 1, f"damaged, and cannot be unpacked further: {error}")
    source.lines += exports.lines
