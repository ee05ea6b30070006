"""What was said, as text of one attribute: JSON that stays valid however much of it is cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from itertools import islice
from typing import Any

from callspan.blobs import binary, without_blobs
from callspan.shortening import DEPTH, ITEMS, LEVELS, lengths, missing, nothing_of, shortened
from callspan.text import cut, encodable

_NODES = 100_000
"""How many values are written at most: what holds itself, or the same things again and again, has no end."""

_LONGEST = 1_000_000
"""Characters of one text, whatever the limit is."""


def _unknown(value: Any) -> Any:
    return None


def plain(value: Any, known: Callable[[Any], Any] = _unknown) -> Any:
    """Give a value as JSON can hold it; objects are named by their type, for their `repr` is the user's code.

    Binary data is its size and digest, never itself, also where it stands in a text.

    Args:
        value: The value.
        known: Gives, in plain values, those objects that it knows; None for the others.
    """
    return text_of(value) if type(value) is str else _Walk(known).plain(value, 0)


def text_of(text: str) -> str:
    """Give a text as UTF-8 can carry it, without binary data; what is absurdly long is cut."""
    if len(text) > _LONGEST:
        end = max(text.rfind(" ", _LONGEST - 1000, _LONGEST), _LONGEST - 1000)  # no half of a word: it may be a secret
        text = f"{text[:end]}{missing(len(text) - end)}"
    return encodable(without_blobs(text))


class _Walk:
    """One walk through a value, which ends however often that holds itself."""

    def __init__(self, known: Callable[[Any], Any]) -> None:
        self._known, self._left = known, _NODES

    def plain(self, value: Any, depth: int) -> Any:  # noqa: PLR0911 - one line for each type
        self._left -= 1
        if isinstance(value, Enum):
            value = value.value
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return text_of(str.__str__(value))
        if isinstance(value, int):
            number = int.__int__(value)
            return number if number in _INT_RANGE else _of_number(number)
        if isinstance(value, float):
            real = float.__float__(value)
            return real if real - real == 0 else float.__repr__(real)  # JSON has no NaN
        if isinstance(value, (bytes, bytearray, memoryview)):
            return binary(bytes(value))
        if depth >= DEPTH or self._left <= 0:
            return _name_of(value)
        if isinstance(value, Mapping):
            return self._object(value, depth + 1)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._list(value, depth + 1)
        return _of_object(value) if (found := self._known(value)) is None else found

    def _object(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        pairs = list(islice(value.items(), ITEMS))  # at once: another thread may change it
        found = {_key(key): self.plain(one, depth) for key, one in pairs}
        if len(value) > len(pairs):
            found["…"] = f"{len(value) - len(pairs)} keys cut"
        return found

    def _list(self, value: Collection[Any], depth: int) -> list[Any]:
        items = list(islice(value, ITEMS))
        found = [self.plain(one, depth) for one in items]
        if len(value) > len(items):
            found.append(f"… [{len(value) - len(items)} cut]")
        return found


def _name_of(value: Any) -> str:
    return f"<{encodable(type(value).__name__)}>"


_INT_RANGE = range(-(2**63), 2**63)

_DIGITS = 1024
"""Bits of a number that is written."""


def _of_number(number: int) -> str:
    """Give a number that readers would not take as one as a text; Python refuses to print really long ones."""
    return str(number) if number.bit_length() <= _DIGITS else f"<int of {number.bit_length()} bits>"


def _of_object(value: Any) -> str:
    """Give the text of one of the standard library's values, and the type of anything else."""
    cls = type(value)
    return text_of(str(value)) if cls.__module__ in _VALUES else _name_of(value)


_VALUES = ("uuid", "datetime", "decimal", "fractions")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return text_of(cut(str.__str__(key), _KEY_LIMIT))
    return str(key) if isinstance(key, float) or key is None else str(_Walk(_unknown).plain(key, DEPTH))


_KEY_LIMIT = 1024


def written(value: Any, limit: int) -> str:
    """Give a plain value as JSON of at most so many bytes; what is too long is cut inside it, and says so.

    Args:
        value: What `plain` gave.
        limit: Bytes of the text.
    """
    text = _dumps(value)
    if _fits(text, limit):
        return text
    for items, depth, shortest in LEVELS:
        least = _dumps(shortened(value, shortest, items, depth))
        if _fits(least, limit):
            return _roomier(value, least, limit, (shortest, items, depth))
    return _dumps(nothing_of(value))


def within(value: Any, limit: int) -> Any:
    """Give a plain value, or as much of it as is written in so many bytes."""
    if isinstance(value, str):
        return cut_text(value, limit)
    return value if _fits(_dumps(value), limit) else json.loads(written(value, limit))


def _roomier(value: Any, least: str, limit: int, kept: tuple[int, int, int]) -> str:
    """Give a text with more of each text in it, as much as there is room for: the short ones are whole first."""
    shortest, items, depth = kept
    size = _size(least)
    room = (limit - size) * len(least) / size  # characters, if all are as wide as these
    longer, length = sorted(lengths(value)), float(shortest)
    for place, one in enumerate(longer):
        share = room / (len(longer) - place)
        if one - length > share:
            length += max(share, 0)
            break
        room -= max(one - length, 0) * (len(longer) - place)
        length = max(length, one)
    for part in (1.0, 0.9, 0.7, 0.5, 0.25):
        if (whole := int(length * part)) <= shortest:
            break
        text = _dumps(shortened(value, whole, items, depth))
        if _fits(text, limit):
            return text
    return least


def cut_text(text: str, limit: int) -> str:
    """Give a text of at most so many bytes, which says how much of it is missing."""
    if _fits(text, limit):
        return text
    kept = text.encode("utf-8", "replace")[: limit - 48].decode("utf-8", "ignore")
    return f"{kept}{missing(len(text) - len(kept))}"


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_name_of)


def _fits(text: str, limit: int) -> bool:
    return len(text) * 4 <= limit or (len(text) <= limit and _size(text) <= limit)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
