"""Text that a terminal shows as it stands: what programs and models say must not steer it."""

from __future__ import annotations

import re

# Controls, and what turns the direction of writing round: a name must not rewrite the lines around it.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def one_line(text: str) -> str:
    """Give a text without anything that steers a terminal, each such piece as one space.

    Args:
        text: The text.
    """
    return _STEERING.sub(" ", text).strip()


_ASCII = str.maketrans({"−": "-", "—": "-", "→": ">", "≥": ">=", "Δ": "d", "×": "x", "…": "~"})


def fitting(text: str, encoding: str) -> str:
    """Give a text with signs that an encoding has, as like to the ones it lacks as can be.

    Args:
        text: The text.
        encoding: The encoding's name.
    """
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        plain = text.translate(_ASCII)
        try:
            return plain.encode(encoding, "replace").decode(encoding)
        except LookupError:
            return plain.encode("ascii", "replace").decode("ascii")
    return text
