"""What users give to handlers, checked when those are made: a mistake names the keyword, the value, what is allowed."""

from __future__ import annotations

import math
from typing import Any

from callspan.callback.checks import accepts


def whole(word: str, given: Any, least: int = 1) -> int:
    """Return a number that a keyword was given.

    Args:
        word: The keyword.
        given: Its value.
        least: The smallest number that is allowed.

    Raises:
        ValueError: It is no whole number, or too small.
    """
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        allowed = "a positive whole number" if least == 1 else f"a whole number, not below {least}"
        raise ValueError(f"{word}={given!r} is not allowed: {allowed}")
    return given


def seconds(word: str, given: Any) -> float:
    """Return a time that a keyword was given.

    Raises:
        ValueError: It is no number, or below 0.
    """
    if isinstance(given, bool) or not isinstance(given, (int, float)) or math.isnan(given) or given < 0:
        raise ValueError(f"{word}={given!r} is not allowed: seconds, not below 0")
    return given


def function(word: str, given: Any, gets: str) -> Any:
    """Return a function that a keyword was given.

    Args:
        word: What it is: the keyword, or more.
        given: Its value.
        gets: What the function is called with: one argument.

    Raises:
        TypeError: It is no function, or takes other arguments.
    """
    if not callable(given):
        raise TypeError(f"{word}={given!r} is not allowed: a function that gets the {gets}")
    if not accepts(given, 1):
        raise TypeError(f"{word}={given!r} is not allowed: it is called with one argument, the {gets}")
    return given
