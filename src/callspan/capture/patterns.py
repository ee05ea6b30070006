"""Patterns that are compiled when they are first used: many are, and most programs need few."""

from __future__ import annotations

import re
from typing import Any, cast


class _Pattern:
    """Stands for a pattern until one of its methods is asked for; from then on it has the pattern's own."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._given = pattern, flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # asked by `copy` and its like
            raise AttributeError(name)
        compiled = re.compile(*self._given)
        for method in ("search", "match", "fullmatch", "finditer", "sub"):
            self.__dict__[method] = getattr(compiled, method)
        return getattr(compiled, name)


def lazily(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return a pattern that is compiled at its first use."""
    return cast("re.Pattern[str]", _Pattern(pattern, flags))
