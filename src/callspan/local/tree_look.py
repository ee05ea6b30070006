"""How lines look where they are shown: signs, colours, width."""

from __future__ import annotations

import codecs
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
