"""One line of the terminal: signs, colours, width; guides, name and tags on the left, numbers in columns.

Every line is made here, whoever shows it: a file's tree, one that still grows, the summary.
"""

from __future__ import annotations

import codecs
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO

_WIDE, _NARROW = 90, 50  # columns: below the first, tokens and cost go; below the second, the preview too

# Cells of the columns; the last: of a time without the one to the first token
_TOKENS, _COST, _TIME, _TIME_ALONE = 13, 9, 15, 6

# Styles, as rich names them: red for failures and nothing else, amber for outcomes
RED, BAD, AMBER, GREY, PLAIN = "red", "bold red", "yellow", "bright_black", ""

# By kind: how its sign is coloured; the other kinds are grey
HUES = {
    "agent": "magenta",
    "workflow": "cyan",
    "llm": "blue",
    "tool": "yellow",
    "retriever": "cyan",
    "embedding": "cyan",
}

_KINDS = ("agent", "workflow", "node", "llm", "tool", "retriever", "embedding", "chain", "http", "other")

Piece = tuple[str, str]  # a text and its style


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs that lines are made of."""

    kinds: Mapping[str, str]  # by kind of span
    branch: str = "├─"  # before a span with others behind it
    last: str = "└─"
    bar: str = "│ "  # below a branch
    blank: str = "  "
    beside: str = "╠═"  # before a span that ran in parallel with others
    beside_last: str = "╚═"
    beside_bar: str = "║ "
    good: str = "✓"
    bad: str = "✗"
    sum: str = "Σ "  # before what was added up
    to: str = "→"  # between input and output tokens
    asks: str = "→"  # before the tools that a model asks for
    first: str = "▸"  # between the time to the first token and the whole
    more: str = "…"  # where something is cut
    spinner: str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
    dot: str = " · "  # between the parts of a sum
    under: str = " › "  # noqa: RUF001 - between the names of a path
    least: str = "≥ "  # before a sum with gaps
    unknown: str = "—"


UNICODE = Signs(dict(zip(_KINDS, "◆■○●ƒ≈≡·→•", strict=True)))

ASCII = Signs(
    dict(zip(_KINDS, "AWNMTRE->*", strict=True)),
    branch="|-",
    last="`-",
    bar="| ",
    beside="|=",
    beside_last="`=",
    beside_bar="| ",
    good="ok",
    bad="x",
    sum="sum ",
    to=">",
    asks="->",
    first=">",
    more="...",
    spinner="|/-\\",
    dot=", ",
    under=" > ",
    least=">= ",
    unknown="-",
)


@dataclass(frozen=True, slots=True)
class Look:
    """How lines look in one place."""

    width: int = 100  # cells of a line, at least 20
    height: int = 24  # lines of the screen
    signs: Signs = UNICODE
    colour: bool = False
    moving: bool = False  # whether the cursor can be moved, so that lines can be drawn again
    encoding: str = "utf-8"  # what it lacks is written as Python's escapes

    def shown(self, text: str) -> str:
        """Return a text as this place can show it."""
        if text.isascii() or self.encoding == "utf-8":
            return text
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)


def look_of(
    stream: IO[str] | None,
    *,
    ascii: bool = False,  # noqa: A002 - the option's name
    plain: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Look:
    """Return how lines look in a stream.

    Args:
        stream: Where they go.
        ascii: Whether only ASCII signs are wanted.
        plain: Whether neither colours nor movement are wanted.
        environ: `NO_COLOR`, `FORCE_COLOR`, `TERM` and `COLUMNS` are obeyed.
    """
    old = sys.platform == "win32" and _is_old_console()
    terminal = is_terminal(stream) and environ.get("TERM") != "dumb" and not old
    forced = environ.get("FORCE_COLOR", "") not in ("", "0")
    try:
        encoding = codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name  # each has several names
    except LookupError:
        encoding = "ascii"
    width, height = size_of(stream, environ)
    return Look(
        width=width,
        height=height,
        signs=ASCII if ascii or plain or not _can_show(UNICODE, encoding) else UNICODE,
        colour=not plain and not environ.get("NO_COLOR") and (terminal or forced),
        moving=not plain and terminal,
        encoding=encoding,
    )


def is_terminal(stream: IO[str] | None) -> bool:
    """Return whether a stream is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def size_of(stream: IO[str] | None, environ: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Return the columns and lines of a stream; `COLUMNS` takes precedence over the terminal's own width."""
    width, height = 100, 24
    if is_terminal(stream) and stream is not None:
        try:
            width, height = os.get_terminal_size(stream.fileno())
        except (OSError, ValueError):
            width, height = shutil.get_terminal_size()
        if width <= 0 or height <= 0:  # one that nobody has given a size
            width, height = 80, 24
    columns = environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        width = int(columns)
    return max(20, width), max(5, height)


def _can_show(signs: Signs, encoding: str) -> bool:
    every = "".join((*signs.kinds.values(), signs.branch, signs.beside, signs.good, signs.sum, signs.first))
    try:
        (every + signs.spinner).encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _is_old_console() -> bool:
    """Return whether this is a console of Windows that does not know the codes of terminals."""
    from rich.console import detect_legacy_windows

    return detect_legacy_windows()


@dataclass(frozen=True, slots=True)
class Row:
    """What a line shows; texts in it can be shown as they are."""

    kind: str
    title: str  # the name, without the kind
    title_style: str = PLAIN
    guides: str = ""
    tags: tuple[Piece, ...] = ()
    preview: str = ""  # message content, or why it failed; this is what is cut
    preview_style: str = GREY
    tokens: str = ""
    cost: str = ""
    first: str = ""  # the time to the first token
    time: str = ""
    running: int | None = None  # which turn of the spinner to show; None: it has ended


def line(row: Row, look: Look) -> str:
    """Return the line of a row, never longer than the place is wide."""
    numbers = _numbers(row, look)
    width = look.width - 1  # the last column stays free: a terminal may turn to the next line there
    room = max(8, width - sum(cells(text) for text, _ in numbers))
    pieces = _left(row, look, room)
    used = sum(cells(text) for text, _ in pieces)
    pieces.append((" " * (room - used), PLAIN))
    return painted([*pieces, *numbers], look).rstrip()


def _left(row: Row, look: Look, room: int) -> list[Piece]:
    """Return the left part of a line, in so many cells: structure first, then names, then the rest."""
    guides = row.guides
    if cells(guides) > room - 8:  # deeper than the place is wide: the depth as a number
        guides = cut(f"{look.signs.more}{len(guides) // 2} {guides[-2:]}", room - 8, look)
    sign = look.signs.kinds.get(row.kind, look.signs.kinds["other"])
    pieces: list[Piece] = [(guides, GREY), (sign, HUES.get(row.kind, GREY))]
    used = cells(guides) + cells(sign)
    for text, style in ((row.title, row.title_style), *row.tags):
        left = room - used - 1
        if left < 2:  # noqa: PLR2004 - nothing fits beside the sign that something is cut
            return pieces
        shown = cut(text, left, look)
        pieces.append((" ", PLAIN))
        pieces.append((shown, style))
        used += 1 + cells(shown)
    left = room - used - 2
    if row.preview and look.width >= _NARROW and left >= 4:  # noqa: PLR2004 - fewer mean nothing
        pieces.append((" " + cut(row.preview, left, look), row.preview_style))
    return pieces


def _numbers(row: Row, look: Look) -> list[Piece]:
    turn = " " if row.running is None else look.signs.spinner[row.running % len(look.signs.spinner)]
    turning: Piece = (f" {turn}", "cyan")
    if look.width < _NARROW:
        return [("  " + _right(row.time, _TIME_ALONE), PLAIN), turning]
    first = f"{row.first} {look.signs.first} " if row.first else ""
    space = "  " + _right("", _TIME - cells(first) - cells(row.time))
    columns: list[Piece] = [(space, PLAIN), (first, GREY), (row.time, PLAIN), turning]
    if look.width >= _WIDE:
        columns[:0] = [("  " + _right(row.tokens, _TOKENS), GREY), ("  " + _right(row.cost, _COST), GREY)]
    return columns


def _right(text: str, width: int) -> str:
    return " " * (width - cells(text)) + text


def cut(text: str, room: int, look: Look) -> str:
    """Return as much of a text as fits, with a sign where something is missing."""
    if cells(text) <= room:
        return text
    sign = look.signs.more
    left = room - cells(sign)
    if left <= 0:
        return sign[: max(0, room)]
    if not text.isascii():
        from rich.cells import set_cell_size

        return set_cell_size(text, left).rstrip() + sign
    return text[:left].rstrip() + sign


def cells(text: str) -> int:
    """Return the width of a text."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # rich comes with the extra `cli`, and is imported where lines are shown

    return cell_len(text)


def painted(pieces: Iterable[Piece], look: Look) -> str:
    """Return pieces as one text, in colours where there are any."""
    if not look.colour:
        return "".join(text for text, _ in pieces)
    from rich.color import ColorSystem
    from rich.style import Style

    return "".join(
        Style.parse(style).render(text, color_system=ColorSystem.STANDARD) if style and text.strip() else text
        for text, style in pieces
    )
