"""Read trace files span by span: JSON Lines or one JSON document, also packed; damaged files as far as they go."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import IO, Any, cast

from callspan.viewer.otlp import RawSpan, spans_of
from callspan.viewer.private import open_readable

SIZE_LIMIT = 256 * 1024 * 1024  # bytes of a line or of a document: it is parsed in memory

_BOM = b"\xef\xbb\xbf"
_FAULTS = 100  # parts of a document that may be unreadable: after each the search starts again
_NEAR = 16  # characters from the end: an error there is that of a value that was cut
CUT, _CUT_SPAN = "cut short: the line has no end", "cut short: a span has no end"
_SAID = 100  # skipped lines that are reported one by one
_GZIP = b"\x1f\x8b"

Skip = Callable[[int, str], Any]  # receives the number of a line, from 1, and why it cannot be read


class Exports:
    """The exports of one file of bytes: only a line feed ends a line, and a file may be cut within a character."""

    def __init__(self, file: IO[bytes], skip: Skip) -> None:
        self._file, self._skip = file, skip
        self._number = 0
        self.lines = 0

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Return each export, with the number of its line."""
        try:
            yield from self._exports()
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self._skip(self._number + 1, f"damaged, and cannot be unpacked further: {error}")

    def _exports(self) -> Iterator[tuple[int, Any]]:
        number, line = self._next()
        line = line.removeprefix(_BOM)
        if line.lstrip()[:1] in (b"{", b"[") and _is_whole(line) and parsed(line)[1]:
            following, second = self._next()
            if second and parsed(second)[1]:  # neither line is JSON by itself: the file is one document
                yield from self._document(number, line + second)
                return
            yield from self._line(number, line)
            number, line = following, second
        while line:
            yield from self._line(number, line)
            number, line = self._next()

    def _next(self) -> tuple[int, bytes]:
        """Return the next line that is not empty, with its number; no bytes at the end of the file."""
        while line := self._file.readline(SIZE_LIMIT + 1):
            self._number += 1
            if line.strip():
                self.lines += 1
                return self._number, line
        return self._number, b""

    def _line(self, number: int, line: bytes) -> Iterator[tuple[int, Any]]:
        if len(line) > SIZE_LIMIT:
            self._skip(number, _too_large("line"))
            while line and not _is_whole(line):
                line = self._file.readline(SIZE_LIMIT)
            return
        export, why = parsed(line)
        if not why:
            yield number, export
            return
        self._skip(number, why)
        # The spans before the damage are whole, and may be all that is left of a run that was killed.
        for _, span in _Document(line, lambda line, why: None).spans():
            yield number, span

    def _document(self, number: int, begun: bytes) -> Iterator[tuple[int, Any]]:
        content = begun + self._file.read(max(0, SIZE_LIMIT + 1 - len(begun)))
        if len(content) > SIZE_LIMIT:
            self._skip(number, _too_large("JSON document"))
            return
        self.lines = content.count(b"\n")
        document = _Document(content, lambda line, why: self._skip(number + line, why))
        yield from ((number + line, span) for line, span in document.spans())


class _Document:
    """The spans of a JSON text that may be damaged or several documents; `skip` receives the lines before a fault."""

    # What comes before a value that matters. Within a JSON string each of these quotes has a backslash before it.
    _NEXT = re.compile(r'"(resource|scope|spans)"\s*:\s*(?=[\[{])')
    _BETWEEN = re.compile(r"[\s,]*")
    _DECODER = json.JSONDecoder()

    def __init__(self, content: bytes, skip: Skip) -> None:
        self._text, self._skip = content.decode("utf-8", "replace"), skip
        self._at = self._counted = self._lines = self._faults = 0

    def spans(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Return each whole span as an export with its resource and its scope, and how many lines come before it."""
        around: dict[str, Any] = {}
        while self._faults < _FAULTS and (found := self._NEXT.search(self._text, self._at)):
            self._at = found.end()
            if found[1] == "spans":
                yield from self._list(around)
                continue
            around[found[1]] = self._value()
            if found[1] == "resource":
                around.pop("scope", None)

    def _list(self, around: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Return the spans of a list up to its end, or up to one that cannot be read."""
        self._at += 1
        while self._has_object():
            line, span = self._line(), self._value()
            if span is None:
                return
            scope = {"scope": around.get("scope"), "spans": [span]}
            yield line, {"resourceSpans": [{"resource": around.get("resource"), "scopeSpans": [scope]}]}

    def _has_object(self) -> bool:
        """Go to the next value of a list, and return whether it is an object."""
        between = self._BETWEEN.match(self._text, self._at)
        self._at = between.end() if between else self._at
        if self._at == len(self._text):
            self._skip(self._line(), "cut short: a list has no end")
            return False
        return self._text[self._at] == "{"

    def _value(self) -> Any:
        """Return the value that begins here; None if it cannot be read."""
        try:
            value, self._at = self._DECODER.raw_decode(self._text, self._at)
        except RecursionError:
            why = "nested too deep"
        except json.JSONDecodeError as error:
            is_cut = error.pos >= len(self._text) - _NEAR or error.msg.startswith("Unterminated string")
            why = _CUT_SPAN if is_cut else f"no JSON: {error.msg}"
        except ValueError as error:  # a number with more digits than Python reads
            why = f"no JSON: {error}"
        else:
            return value
        self._skip(self._line(), why)
        self._faults += 1
        if self._faults == _FAULTS:
            self._skip(self._line(), f"{_FAULTS} parts cannot be read: the rest is not read")
        self._at += 1
        return None

    def _line(self) -> int:
        """Return how many lines come before this place."""
        self._lines += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._lines


def parsed(line: bytes) -> tuple[Any, str]:
    """Return what a line holds, or why it holds nothing."""
    try:
        return json.loads(line), ""
    except RecursionError:
        return None, "nested too deep"
    except UnicodeDecodeError:
        return None, "no text: it is not in UTF-8"
    except json.JSONDecodeError as error:
        return None, f"no JSON: {error.msg}, at column {error.colno}" if _is_whole(line) else CUT
    except ValueError as error:  # a number with more digits than Python reads
        return None, f"no JSON: {error}"


def _is_whole(line: bytes) -> bool:
    return line.endswith(b"\n")


def _too_large(what: str) -> str:
    return f"the {what} has more than {SIZE_LIMIT // 1024 // 1024} MB; write it as JSON Lines, one export a line"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line, from 1, of which something could not be read."""

    file: str
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.why}"


@dataclass(slots=True)
class Source:
    """What was read."""

    files: list[str] = field(default_factory=list[str])  # as they were named
    lines: int = 0  # without empty ones
    spans: int = 0
    skipped: list[Skipped] = field(default_factory=list[Skipped])  # the first lines that could not be read, or in part
    skips: int = 0  # how many there are

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


def _spans(file: IO[bytes], name: str, source: Source, without: frozenset[str]) -> Iterator[RawSpan]:
    exports = Exports(file, lambda line, why: source.skip(name, line, why))
    line = 1

    def refuse(why: str) -> None:
        source.skip(name, line, why)

    for line, export in exports:  # noqa: B007 - `refuse` reports it
        for span in spans_of(export, refuse, without):
            source.spans += 1
            yield span
    source.lines += exports.lines
