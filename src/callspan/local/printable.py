"""Text that a terminal shows as it stands: what programs and models say must not steer it."""

from __future__ import annotations

import re
import unicodedata

_SPACES = "\t\n\v\f\r\x85\u2028\u2029"
# Joiners and selectors of pictures: terminals disagree about the width of what they make
_DROPPED = "\u200d\ufe0e\ufe0f"

# Unicode categories of what is not seen, or means something to a terminal
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def one_line(text: str, limit: int = 400) -> str:
    """Return the beginning of a text as one line in which everything is visible and nothing moves the cursor."""
    words = " ".join(text[: 4 * limit].split())
    if words.isascii() and words.isprintable():
        return words[:limit]
    return "".join(map(_seen, words[:limit]))


def _seen(letter: str) -> str:
    if letter in _SPACES:
        return " "
    if letter in _DROPPED:
        return ""
    return f"U+{ord(letter):04X}" if unicodedata.category(letter) in _HIDDEN else letter


# How a cell begins that a spreadsheet takes for a formula; some take the wide signs too
_FORMULA = re.compile(r"[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def cell(text: str) -> str:
    """Return a text as the cell of a spreadsheet: never a formula, and every character visible."""
    mark = "'" if _FORMULA.match(text) else ""
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_visible, text))
    return mark + text


def _visible(letter: str) -> str:
    hidden = letter not in _DROPPED and unicodedata.category(letter) in _HIDDEN
    return f"U+{ord(letter):04X}" if hidden else letter


_ASCII = str.maketrans({"−": "-", "—": "-", "→": ">", "≥": ">=", "Δ": "d", "×": "x", "…": "~"})


def fitting(text: str, encoding: str) -> str:
    """Return a text with signs that an encoding has, as like to the ones it lacks as can be."""
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        plain = text.translate(_ASCII)
        try:
            return plain.encode(encoding, "replace").decode(encoding)
        except LookupError:
            return plain.encode("ascii", "replace").decode("ascii")
    return text
