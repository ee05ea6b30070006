"""One line, which is one span: guides, sign, title, tags, preview; and numbers in columns of their own.

Every line of the terminal is made here, whoever shows it: a file's tree, one that still grows, a callback.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from callspan.local.tree_look import Look

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
