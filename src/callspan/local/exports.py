"""Exports out of the bytes of a file: one each line, or documents of any size, cut ones too."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from typing import IO, Any

from callspan.local.pieces import Pieces

LONG = 8 * 1024 * 1024
"""Bytes of a line that is taken as a whole; of a longer one each span is: memory must not grow with it."""

_PIECE = 1024 * 1024
"""Bytes that are read at once of what is longer."""

_BOM = b"\xef\xbb\xbf"


class Exports:
    """The exports of one file.

    Args:
        file: The file, of bytes: a file cut within a letter must not fail as a whole, and nothing but a line feed ends
            a line.
        skip: Is told what could not be read: the line's number, from 1, and why.
    """

    def __init__(self, file: IO[bytes], skip: Callable[[int, str], Any]) -> None:
        self._file, self._skip = file, skip
        self._number = 0
        self.lines = 0

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Return each export, with the number of its line."""
        line = self._next().removeprefix(_BOM)
        if line.lstrip()[:1] in (b"{", b"[") and _is_whole(line) and parsed(line)[1]:
            second = self._next()
            if second and parsed(second)[1]:  # nor does the second line say anything alone: it is a document
                yield from self._document(line, second)
                return
            yield from self._line(line, self._number - bool(second))
            line = second
        while line:
            yield from self._line(line, self._number)
            line = self._next()

    def _next(self) -> bytes:
        """Return the next line that is not empty, or its beginning; nothing at the end."""
        while line := self._file.readline(LONG):
            self._number += 1
            if line.strip():
                self.lines += 1
                return line
        return b""

    def _line(self, line: bytes, number: int) -> Iterator[tuple[int, Any]]:
        if not line:
            return
        if len(line) == LONG and not _is_whole(line):
            more = _more(line, _to_the_end_of_the_line(self._file))
            pieces = Pieces(more, lambda _, why: self._skip(number, why))
            yield from ((number, export) for export in pieces.exports())
            while more(1):  # what was not looked at
                pass
            return
        export, why = parsed(line)
        if not why:
            yield number, export
            return
        self._skip(number, why)
        # What stands before the fault is whole, and may be all there is of a run that was killed.
        pieces = Pieces(_more(line, lambda size: b""), lambda _, why: None)
        yield from ((number, export) for export in pieces.exports())

    def _document(self, line: bytes, second: bytes) -> Iterator[tuple[int, Any]]:
        begun = self._number - 2
        pieces = Pieces(_more(line + second, self._file.read), lambda lines, why: self._skip(begun + lines + 1, why))
        yield from ((begun + pieces.lines + 1, export) for export in pieces.exports())
        self.lines = pieces.lines


def _is_whole(line: bytes) -> bool:
    return line.endswith(b"\n")


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


CUT = "cut short: the line has no end"


def _to_the_end_of_the_line(file: IO[bytes]) -> Callable[[int], bytes]:
    """Return what reads on, at most so many bytes, and nothing after the end of the line."""
    is_at_end = False

    def read(size: int) -> bytes:
        nonlocal is_at_end
        piece = b"" if is_at_end else file.readline(size)
        is_at_end = not piece or _is_whole(piece)
        return piece

    return read


def _more(begun: bytes, read: Callable[[int], bytes]) -> Callable[[int], str]:
    """Return what reads on as text, from a beginning that is there already.

    Args:
        begun: The beginning.
        read: Reads on, at most so many bytes; none at the end.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    waiting = [begun]
    is_at_end = False

    def more(pieces: int) -> str:
        nonlocal is_at_end
        text = ""
        while not text and not is_at_end:
            taken = waiting.pop() if waiting else read(pieces * _PIECE)
            is_at_end = not taken
            text = decoder.decode(taken, final=is_at_end)
        return text

    return more
