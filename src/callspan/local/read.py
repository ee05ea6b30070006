"""Trace files, line by line: what is no span of a line is said, with the line, and everything else is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import IO, Any

from callspan.local.otlp import RawSpan, spans_of

_LONGEST = 64 * 1024 * 1024
"""Bytes of one line, or of a file that is one document: what is longer would not fit into memory as objects."""

_SAID = 100
"""How many lines that were skipped are told one by one."""


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
        """Note a line that could not be read.

        Args:
            file: The file.
            line: The line's number.
            why: What is wrong with it.
        """
        self.skips += 1
        if len(self.skipped) < _SAID:
            self.skipped.append(Skipped(file, line, why))


def read(files: Iterable[str | PathLike[str]], source: Source) -> Iterator[RawSpan]:
    """Read the spans of trace files, one by one, in the order in which they were written.

    Args:
        files: OTLP JSON: an export of spans each line, or one document.
        source: Is told what was read, and what could not be.

    Raises:
        OSError: A file cannot be opened.
    """
    for path in files:
        name = str(path)
        source.files.append(name)
        found = 0
        # Bytes: a file cut within a letter must not fail as a whole, and nothing but "\n" ends a line.
        with Path(path).open("rb") as opened:
            for span in _spans(opened, name, source):
                found += 1
                yield span
        if not found and not any(one.file == name for one in source.skipped):
            source.skip(name, 1, "the file is empty" if Path(path).stat().st_size == 0 else "it has no spans")


def _spans(opened: IO[bytes], name: str, source: Source) -> Iterator[RawSpan]:
    for line in lines_in(opened, name, source):
        source.lines += 1
        if line.why:
            source.skip(name, line.number, line.why)
            continue
        try:
            for span in spans_of(line.export):
                source.spans += 1
                yield span
        except (ValueError, RecursionError) as error:
            source.skip(name, line.number, str(error))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a trace file, or a file that is one document.

    Args:
        number: Its number, from 1.
        text: Its bytes.
        export: What it has as JSON.
        why: Why that is nothing; empty if it is something.
    """

    number: int
    text: bytes
    export: Any
    why: str = ""

    @property
    def cut(self) -> bool:
        """Whether it may still be written: it is no JSON, and nothing ends it."""
        return bool(self.why) and not self.text.endswith(b"\n")


def lines_in(opened: IO[bytes], name: str, source: Source, before: int = 0) -> Iterator[Line]:
    """Give the lines of a file that are not empty.

    Args:
        opened: The file, where its first line, or another one, begins.
        name: Its name.
        source: Is told of lines that are too long.
        before: How many lines come before.
    """
    first = before == 0
    for number, text in _lines(opened, name, source, before):
        export, why = _parsed(text)
        if why and first and text.lstrip()[:1] in (b"{", b"["):
            after = opened.tell()
            rest = opened.read(_LONGEST + 1)
            if rest and len(text) + len(rest) <= _LONGEST:
                document, _ = _parsed(text + rest)
                if document is not None:
                    yield Line(number, text + rest, document)
                    return
            opened.seek(after)  # it is no document: each line counts
        first = False
        yield Line(number, text, export, why)


def _lines(opened: IO[bytes], name: str, source: Source, number: int) -> Iterator[tuple[int, bytes]]:
    """Give the lines that are not empty, and their numbers; one that is too long is passed over in pieces."""
    while line := opened.readline(_LONGEST + 1):
        number += 1
        if len(line) > _LONGEST and not line.endswith(b"\n"):
            while (piece := opened.readline(_LONGEST)) and not piece.endswith(b"\n"):
                pass
            source.skip(name, number, f"longer than {_LONGEST // 1024 // 1024} MB")
        elif line.strip():
            yield number, line


def _parsed(line: bytes) -> tuple[Any, str]:
    try:
        return json.loads(line), ""
    except RecursionError:
        return None, "nested too deep"
    except ValueError as error:
        return None, f"no JSON: {error}" if line.endswith(b"\n") else "cut short: the line has no end"
