"""What was said, as text of one attribute: JSON that stays valid however much of it is cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from hashlib import sha256
from itertools import islice
from typing import Any

from callspan.text import encodable

_DEPTH = 32
"""How deep a structure is written; what is deeper is named by its type."""

_ITEMS = 4096
"""How many items of one list or object are written at most."""

_NODES = 100_000
"""How many values are read of one at most: fewer bytes than an attribute may have hold no more."""

_LONG = 1024
"""Characters from which a text may be something else."""

_BITS = 1024
"""Of a number: a longer one is none that anybody counts with, and Python itself refuses to print it."""

_LEVELS = ((_ITEMS, _DEPTH), (256, _DEPTH), (64, 16), (16, 8), (4, 6), (2, 5))
"""How much is kept when an attribute is too long, ever less: items of one list or object, and depth."""

_SHORTEST = 32
"""Texts are not cut to fewer characters than this before items are left out."""


Known = Callable[[Any], Any]
"""Takes an object that JSON does not have, or a dict or a long text; gives what stands for it, or `UNKNOWN`."""

UNKNOWN: Any = object()


def plain(value: Any, known: Known | None = None) -> Any:
    """Give a value as JSON can hold it; objects are named by their type, for their `repr` is the user's code.

    Binary data is its size and digest, never itself. Whatever the value is, this ends and does not raise.

    Args:
        value: Anything.
        known: What knows some objects better.
    """
    if type(value) is str:
        return encodable(value) if known is None or len(value) < _LONG else _Reading(known).read(value, 0)
    return _Reading(known).read(value, 0)


class _Reading:
    """Reads one value, of which there may be no end: it may hold itself, or one thing many times.

    Args:
        known: What knows some objects better.
    """

    def __init__(self, known: Known | None) -> None:
        self.known = known
        self.left = _NODES

    def read(self, value: Any, depth: int) -> Any:
        """Give one value in it."""
        try:
            return self._read(value, depth)
        except Exception:  # noqa: BLE001 - the user's objects, or one that another thread changes: it costs this value
            return _name(value)

    def _read(self, value: Any, depth: int) -> Any:  # noqa: PLR0911 - one line for each type
        self.left -= 1
        cls: Any = type(value)
        if cls is str and (self.known is None or len(value) < _LONG):
            return encodable(value)
        if value is None or cls is bool:
            return value
        if issubclass(cls, Enum):
            return self.read(value._value_, depth + 1)
        if issubclass(cls, (int, float)):
            return _number(value)
        if depth >= _DEPTH or self.left <= 0:
            return _name(value)
        if issubclass(cls, (bytes, bytearray, memoryview)):
            return binary(bytes(value))
        if self.known is not None and (found := self.known(value)) is not UNKNOWN:
            return self.read(found, depth + 1)
        return encodable(value) if issubclass(cls, str) else self._inside(value, cls, depth)

    def _inside(self, value: Any, cls: type, depth: int) -> Any:
        if issubclass(cls, Mapping):
            items = dict.items(value) if issubclass(cls, dict) else value.items()
            return {_key(key): self.read(one, depth + 1) for key, one in islice(tuple(items), min(_ITEMS, self.left))}
        if issubclass(cls, (list, tuple, set, frozenset)):
            return [self.read(one, depth + 1) for one in tuple(value)[: max(0, min(_ITEMS, self.left))]]
        return _of_object(value)


def _number(value: Any) -> Any:
    if isinstance(value, int):
        number = int.__int__(value)
        return number if number.bit_length() <= _BITS else f"<int of {number.bit_length()} bits>"
    real = float.__float__(value)
    return real if real - real == 0 else float.__repr__(real)  # JSON has no NaN


def _name(value: Any) -> str:
    return encodable(f"<{type(value).__name__}>")


def _of_object(value: Any) -> str:
    """Give the text of one of the standard library's values, and the type of anything else."""
    cls = type(value)
    return encodable(str(value)) if cls.__module__ in _VALUES else _name(value)


_VALUES = ("uuid", "datetime", "decimal", "fractions")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return encodable(key)
    if isinstance(key, (int, float)):
        return str(_number(key))
    return str(key) if key is None or type(key).__module__ in _VALUES else _name(key)


def binary(data: bytes) -> dict[str, Any]:
    """Describe binary data: its size and digest."""
    return {"size": len(data), "sha256": sha256(data).hexdigest()}


def written(value: Any, limit: int) -> str:
    """Give a plain value as JSON of at most so many bytes; what is too long is cut inside it, and says so.

    Args:
        value: What `plain` gave.
        limit: Bytes of the text.
    """
    text = _dumps(value)
    if _fits(text, limit):
        return text
    for items, depth in _LEVELS:
        text = _dumps(_shortened(value, _SHORTEST, items, depth))
        if not _fits(text, limit):
            continue
        low, high = _SHORTEST, limit  # the longest texts that fit, to within an eighth
        while high - low > max(low // 8, 1):
            length = (low + high) // 2
            longer = _dumps(_shortened(value, length, items, depth))
            if _fits(longer, limit):
                low, text = length, longer
            else:
                high = length
        return text
    return _dumps(_nothing_of(value))


def cut_text(text: str, limit: int) -> str:
    """Give a text of at most so many bytes, which says how much of it is missing."""
    if _fits(text, limit):
        return text
    kept = text.encode("utf-8", "replace")[: limit - 48].decode("utf-8", "ignore")
    return f"{kept}{_missing(len(text) - len(kept))}"


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _fits(text: str, limit: int) -> bool:
    if len(text) * 4 <= limit:
        return True
    return len(text) <= limit and (text.isascii() or len(text.encode("utf-8", "replace")) <= limit)


def _missing(count: int) -> str:
    return f"… [{count} characters cut]"


def _shortened(value: Any, length: int, items: int, depth: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= length else f"{value[:length]}{_missing(len(value) - length)}"
    if isinstance(value, dict):
        if depth <= 0:
            return {"…": f"{len(value)} keys cut"}
        pairs = list(value.items())
        kept = {
            _shortened(key, length, items, 0): _shortened(one, length, items, depth - 1) for key, one in pairs[:items]
        }
        if len(pairs) > items:
            kept["…"] = f"{len(pairs) - items} keys cut"
        return kept
    if isinstance(value, list):
        if depth <= 0:
            return _nothing_of(value)
        return list(_some(value, length, items, depth))
    return value


def _some(value: list[Any], length: int, items: int, depth: int) -> Iterator[Any]:
    """Give the first items and the last ones: the question is at one end, the answer at the other."""
    left_out = len(value) - items
    first = len(value) if left_out <= 0 else items // 2
    for one in value[:first]:
        yield _shortened(one, length, items, depth - 1)
    if left_out > 0:
        yield _mark(value[first], left_out)
        for one in value[first + left_out :]:
            yield _shortened(one, length, items, depth - 1)


def _nothing_of(value: Any) -> Any:
    if isinstance(value, list):
        return [_mark(value[0], len(value))] if value else []
    return {"…": "cut"} if isinstance(value, dict) else "… [cut]"


def _mark(sample: Any, count: int) -> Any:
    """Give what stands for items that are left out: an item of the same shape."""
    said = f"… [{count} cut]"
    if not isinstance(sample, dict):
        return said
    if "role" in sample:
        return {"role": "system", "parts": [{"type": "text", "content": said}], "finish_reason": ""}
    if "type" in sample:
        return {"type": "cut", "name": "cut", "content": said}
    return {"id": "cut", "score": 0.0, "content": said} if "score" in sample else {"…": said}
