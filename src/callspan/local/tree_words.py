"""Numbers and texts as a line has them: short, of known width, and unable to move the cursor."""

from __future__ import annotations

import unicodedata

_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE

_SPACES = "\t\n\v\f\r\x85\u2028\u2029"
_DROPPED = "\u200d\ufe0e\ufe0f"
"""Joiners and selectors of pictures: terminals disagree about the width of what they make."""

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of what is not seen, or means something to a terminal."""


def duration(microseconds: int) -> str:
    """Give a time in three digits.

    Args:
        microseconds: The time.
    """
    if microseconds < 1000:  # noqa: PLR2004 - a millisecond
        return "<1ms" if microseconds > 0 else "0ms"
    if microseconds < 999_500:  # noqa: PLR2004 - what is rounded to a second
        return f"{microseconds / 1000:.0f}ms"
    if microseconds < _MINUTE:
        return _digits(microseconds / _SECOND) + "s"
    whole = round(microseconds / _SECOND)
    if microseconds < _HOUR:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def running_for(microseconds: int) -> str:
    """Give the time that something has taken so far: with fewer digits, as they change all the time.

    Args:
        microseconds: The time.
    """
    return f"{max(0, microseconds) / _SECOND:.1f}s" if microseconds < _MINUTE else duration(microseconds)


def _digits(number: float) -> str:
    return f"{number:.2f}" if number < 10 else f"{number:.1f}"  # noqa: PLR2004 - three digits


def count(number: int) -> str:
    """Give a number of tokens: 412, 1.1k, 193k.

    Args:
        number: The number.
    """
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            found = number / size
            return f"{found:.1f}{unit}" if found < 99.95 else f"{found:.0f}{unit}"  # noqa: PLR2004 - three digits
    return str(number)


def money(dollars: float) -> str:
    """Give a cost to the precision that says something.

    Args:
        dollars: US dollars.
    """
    if dollars >= 1 or dollars == 0:
        return f"${dollars:,.2f}"
    if dollars >= 0.0001:  # noqa: PLR2004 - what four digits show
        return f"${dollars:.4f}"
    return f"${dollars:.6f}" if dollars >= 0.000001 else "<$0.000001"  # noqa: PLR2004 - what six digits show


def one_line(text: str, limit: int = 400) -> str:
    """Give the beginning of a text as one line in which everything is seen and nothing moves the cursor.

    Args:
        text: The text, whoever wrote it.
        limit: Its characters.
    """
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
