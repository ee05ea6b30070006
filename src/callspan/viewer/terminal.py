"""One line of the terminal: signs, colours, width; guides, name and tags on the left, numbers in columns."""

from __future__ import annotations

import codecs
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import IO

_KINDS = ("agent", "workflow", "node", "llm", "tool", "retriever", "embedding", "chain", "http", "other")


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs that lines are made of.

    Args:
        kinds: By kind of span.
        branch: The guide of a span with others behind it; `last` of one without.
        bar: The guide that goes on below such a span; `blank` where none does.
        beside: Like `branch`, of a span that ran beside others; `beside_last`, `beside_bar` likewise.
        good: Ended well; `bad`: failed.
        sum: Stands before what was added up.
        to: Between what went in and what came out; `asks` before the tools that a model asks for.
        first: Between the time to the first token and the whole.
        more: Where something is cut.
        spinner: What turns while something runs.
        dot: Between the parts of a sum; `under`: between the names of a chain; `least`: at least; `unknown`.
    """

    kinds: Mapping[str, str]
    branch: str = "├─"
    last: str = "└─"
    bar: str = "│ "
    blank: str = "  "
    beside: str = "╠═"
    beside_last: str = "╚═"
    beside_bar: str = "║ "
    good: str = "✓"
    bad: str = "✗"
    sum: str = "Σ "
    to: str = "→"
    asks: str = "→"
    first: str = "▸"
    more: str = "…"
    spinner: str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
    dot: str = " · "
    under: str = " › "  # noqa: RUF001 - the sign it is
    least: str = "≥ "
    unknown: str = "—"


def _by_kind(signs: str) -> Mapping[str, str]:
    return dict(zip(_KINDS, signs, strict=True))


UNICODE = Signs(_by_kind("◆■○●ƒ≈≡·→•"))

# Only what the fonts of old Windows consoles have
LEGACY = replace(UNICODE, kinds=_by_kind("◊■○●ƒ≈≡·→•"), good="√", bad="×", first="►", spinner="|/-\\")

ASCII = Signs(
    _by_kind("AWNMTRE->*"),
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
    """How lines look in one place.

    Args:
        width: Cells of a line, at least 20.
        height: Lines of the screen.
        signs: What they are made of.
        colour: Whether they have any.
        moving: Whether the cursor can be moved, so that lines can be drawn again.
        encoding: What the place can show; letters that it cannot are written as Python's escapes.
    """

    width: int = 100
    height: int = 24
    signs: Signs = field(default=UNICODE)
    colour: bool = False
    moving: bool = False
    encoding: str = "utf-8"

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
    """Find out how lines look in a stream.

    Args:
        stream: Where they go.
        ascii: Whether only ASCII signs are wanted.
        plain: Whether neither colours nor movement are wanted.
        environ: `NO_COLOR`, `FORCE_COLOR`, `TERM` and `COLUMNS` are obeyed.
    """
    terminal = is_terminal(stream)
    dumb = environ.get("TERM") == "dumb"
    old = terminal and sys.platform == "win32" and _is_old_console()
    signs = ASCII if ascii or plain else LEGACY if old else UNICODE
    encoding = _encoding_of(stream)
    width, height = size_of(stream, environ)
    return Look(
        width=width,
        height=height,
        signs=signs if _can_show(signs, encoding) else ASCII,
        colour=not plain and not old and _wants_colour(environ, terminal=terminal and not dumb),
        moving=terminal and not dumb and not plain and not old,
        encoding=encoding,
    )


def _encoding_of(stream: IO[str] | None) -> str:
    """Return the one name of a stream's encoding."""
    try:
        return codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name
    except LookupError:
        return "ascii"


def is_terminal(stream: IO[str] | None) -> bool:
    """Return whether somebody watches a stream."""
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
    said = environ.get("COLUMNS", "")
    if said.isdecimal() and int(said) > 0:
        width = int(said)
    return max(20, width), max(5, height)


def _wants_colour(environ: Mapping[str, str], *, terminal: bool) -> bool:
    if environ.get("NO_COLOR"):
        return False
    return terminal if environ.get("FORCE_COLOR", "") in ("", "0") else True


def _can_show(signs: Signs, encoding: str) -> bool:
    every = "".join((*signs.kinds.values(), signs.branch, signs.beside, signs.good, signs.bad, signs.sum, signs.first))
    try:
        (every + signs.spinner).encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _is_old_console() -> bool:
    from rich.console import detect_legacy_windows

    return detect_legacy_windows()


_WIDE, _NARROW = 90, 50  # columns: below the first, tokens and cost go; below the second, the preview too

# Cells of the columns; the last: of a time without the one to the first token
_TOKENS, _COST, _TIME, _TIME_ALONE = 13, 9, 15, 6

# Styles, as rich names them: red for failures and nothing else, amber for outcomes
RED, BAD, AMBER, GREY, PLAIN = "red", "bold red", "yellow", "bright_black", ""

# By kind: how its sign is coloured
HUES = {
    "agent": "magenta",
    "workflow": "cyan",
    "node": GREY,
    "llm": "blue",
    "tool": "yellow",
    "retriever": "cyan",
    "embedding": "cyan",
    "chain": GREY,
    "http": GREY,
    "other": GREY,
}

Piece = tuple[str, str]  # a text and its style


@dataclass(frozen=True, slots=True)
class Row:
    """What a line says; texts in it can be shown as they are.

    Args:
        kind: What the span is.
        title: Its name, without its kind.
        title_style: How that is coloured.
        guides: What leads to it.
        tags: What is said of it: each with its style.
        preview: What was said in it, or why it failed; this is what is cut.
        preview_style: How that is coloured.
        tokens: Its tokens, or the sum of those below.
        cost: Its cost, or the sum of those below.
        first: The time to the first token.
        time: The time that it took.
        running: Which turn of the spinner stands behind it; None: it has ended.
    """

    kind: str
    title: str
    title_style: str = PLAIN
    guides: str = ""
    tags: tuple[Piece, ...] = ()
    preview: str = ""
    preview_style: str = GREY
    tokens: str = ""
    cost: str = ""
    first: str = ""
    time: str = ""
    running: int | None = None


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
    """Return what stands on the left, in so many cells: structure first, then names, then what is left for the rest."""
    guides = row.guides if cells(row.guides) <= room - 8 else _shortened(row.guides, room - 8, look)
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
    if row.preview and look.width >= _NARROW and left >= 4:  # noqa: PLR2004 - fewer say nothing
        pieces.append((" " + cut(row.preview, left, look), row.preview_style))
    return pieces


def _shortened(guides: str, room: int, look: Look) -> str:
    """Return guides of what is deeper than the place is wide: how deep it is, in place of what does not fit."""
    depth = len(guides) // 2
    return cut(f"{look.signs.more}{depth} {guides[-2:]}", room, look)


def _numbers(row: Row, look: Look) -> list[Piece]:
    turn = "" if row.running is None else look.signs.spinner[row.running % len(look.signs.spinner)]
    turning: Piece = (f" {turn}" if turn else "  ", "cyan")
    if look.width < _NARROW:
        return [("  " + _right(row.time, _TIME_ALONE), PLAIN), turning]
    time: Piece = (f"{row.first} {look.signs.first} " if row.first else "", GREY)
    shown = _right("", _TIME - cells(time[0]) - cells(row.time))
    columns: list[Piece] = [("  " + shown, PLAIN), time, (row.time, PLAIN), turning]
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
    room -= cells(sign)
    if room < 0:
        return sign[: max(0, room + cells(sign))]
    found: list[str] = []
    for letter in text:
        room -= cells(letter)
        if room < 0:
            break
        found.append(letter)
    return "".join(found).rstrip() + sign


def cells(text: str) -> int:
    """Return the width of a text."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # rich comes with the extra `cli`, and only who shows lines pays for it

    return cell_len(text)


def painted(pieces: Iterable[Piece], look: Look) -> str:
    """Return pieces as one text, in colours where there are any."""
    if not look.colour:
        return "".join(text for text, _ in pieces)
    return "".join(_coloured(text, style) for text, style in pieces)


def _coloured(text: str, style: str) -> str:
    if not style or not text.strip():
        return text
    before, after = _codes(style)
    return f"{before}{text}{after}"


@lru_cache(maxsize=32)
def _codes(style: str) -> tuple[str, str]:
    """Return what turns a style on, and off again."""
    from rich.color import ColorSystem
    from rich.style import Style

    before, _, after = Style.parse(style).render("|", color_system=ColorSystem.STANDARD).partition("|")
    return before, after
