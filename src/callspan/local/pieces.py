"""Spans out of a document that is cut, or too large for memory: each by itself, as soon as it is whole."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

_LONGEST = 16 * 1024 * 1024
"""Characters of one span, or of a resource: what is longer is refused, as it would not fit into memory as objects."""

_NEXT = re.compile(r'"(resource|scope|spans)"\s*:\s*(?=[\[{])')
"""What comes before a part that matters. In a text each of these quotes would have a backslash before it."""

_KEY = 64
"""Characters that are kept when nothing was found in them: a key may begin there."""

_BETWEEN = re.compile(r"[\s,]*")

_FAULTS = 100
"""Parts that cannot be read; after so many the rest is not looked at: each may cost as much as a whole one."""

_NEAR = 16
"""Characters from the end: a fault there is that of a part that is not there yet."""

_MALFORMED, _CUT = "no JSON", "cut short: a span has no end"

_DECODER = json.JSONDecoder()


class Pieces:
    """The parts of one document.

    Args:
        more: Gives more of it, so many megabytes if there are, and none at the end.
        refuse: Is told what could not be read: how many lines are before it, and why.
    """

    def __init__(self, more: Callable[[int], str], refuse: Callable[[int, str], Any]) -> None:
        self._more, self._refuse = more, refuse
        self._text, self._at = "", 0
        self._ended = False
        self._faults = 0
        self.lines = 0
        self._said: dict[str, Any] = {}

    def exports(self) -> Iterator[dict[str, Any]]:
        """Return each span as an export of its own, with its resource and its scope."""
        while self._faults < _FAULTS and (found := self._find()) is not None:
            if found != "spans":
                self._said[found] = self._part()
                if found == "resource":
                    self._said.pop("scope", None)
                continue
            self._at += 1
            while (span := self._element()) is not None:
                about = {"scope": self._said.get("scope"), "spans": [span]}
                yield {"resourceSpans": [{"resource": self._said.get("resource"), "scopeSpans": [about]}]}
        self._advance(len(self._text))

    def _find(self) -> str | None:
        """Go to the next part that matters, and give its name."""
        while True:
            found = _NEXT.search(self._text, self._at)
            if found is not None:
                self._at = found.end()
                return found[1]
            self._at = max(self._at, len(self._text) - _KEY)
            if not self._fill(1):
                return None

    def _element(self) -> Any:
        """Return the next object of a list; None at its end, or where it cannot be read."""
        while True:
            between = _BETWEEN.match(self._text, self._at)
            self._at = between.end() if between else self._at
            if self._at < len(self._text):
                return self._part() if self._text[self._at] == "{" else None
            if not self._fill(1):
                self._refuse(self._line(), "cut short: a list has no end")
                return None

    def _part(self) -> Any:
        """Read one value, from here on; None if it cannot be read."""
        wanted = 1
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                return self._give_up("nested too deep")
            except json.JSONDecodeError as error:
                fault = error
            except ValueError as error:  # a number with more digits than Python reads
                return self._give_up(f"{_MALFORMED}: {error}")
            else:
                return value
            if fault.pos < len(self._text) - _NEAR and not fault.msg.startswith("Unterminated string"):
                return self._give_up(f"{_MALFORMED}: {fault.msg}")
            if len(self._text) - self._at > _LONGEST:
                return self._give_up(f"longer than {_LONGEST // 1024 // 1024} MB")
            wanted *= 2  # a long one shall not be looked at again for each piece of it
            if not self._fill(wanted):
                return self._give_up(_CUT)

    def _give_up(self, why: str) -> None:
        self._refuse(self._line(), why)
        self._faults += 1
        if self._faults == _FAULTS:
            self._refuse(self._line(), "too much that cannot be read: the rest is not looked at")
        self._at = min(self._at + 1, len(self._text))

    def _line(self) -> int:
        return self.lines + self._text.count("\n", 0, self._at)

    def _fill(self, pieces: int) -> bool:
        """Read more text, and release what has been read."""
        if self._ended:
            return False
        self._advance(self._at)
        added = self._more(pieces)
        self._ended = not added
        self._text += added
        return bool(added)

    def _advance(self, by: int) -> None:
        self.lines += self._text.count("\n", 0, by)
        self._text, self._at = self._text[by:], 0
