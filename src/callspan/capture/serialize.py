"""What was said, as text of one attribute: JSON that stays valid however much of it is cut."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from numbers import Integral, Real
from typing import Any

from callspan.capture.blobs import binary
from callspan.capture.shortening import DEPTH, ITEMS, LEVELS, lengths, missing, nothing_of, shortened
from callspan.core.sealed import SIGNS, unsealed
from callspan.core.signals import is_from_handler
from callspan.core.text import encodable

_NODES = 100_000
"""How many values are read of one at most: fewer bytes than an attribute may have hold no more."""

_CHARACTERS = 8_000_000
"""How many of them are read of all texts of one value; of further ones only the beginning."""

_KEPT = 100

_BITS = 1024
"""Of a number: a longer one is none that anybody counts with, and Python itself refuses to print it."""

Known = Callable[[Any], Any]
"""Takes an object that JSON does not have, or a dict or a list; gives what stands for it, or `UNKNOWN`."""

UNKNOWN: Any = object()

Kept = tuple[int, int, int]
"""Of a value that is cut: characters of a text, items of a list or object, and depth."""


class Message(dict[str, Any]):
    """A message in the conventions' words; a dict of the program's that looks like one is none."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """What stands for an object, and is plain already.

    Args:
        value: A plain value.
    """

    value: Any


def plain(value: Any, known: Known | None = None) -> Any:
    """Give a value as JSON can hold it; objects are named by their type, for their `repr` is the user's code.

    Binary data is its size and digest, never itself. Whatever the value is, this ends and does not raise.

    Args:
        value: Anything.
        known: What knows some objects better.
    """
    if type(value) is str:  # nearly all of them
        return value if value.isascii() else encodable(value)
    return _Reading(known).read(value, 0)


class _Reading:
    """Reads one value, of which there may be no end: it may hold itself, or one thing many times.

    Args:
        known: What knows some objects better.
    """

    def __init__(self, known: Known | None) -> None:
        self.known = known
        self.left = _NODES
        self.room = _CHARACTERS
        self.around: set[int] = set()  # what holds the value that is read

    def read(self, value: Any, depth: int) -> Any:
        """Give one value in it."""
        self.left -= 1
        cls: Any = type(value)
        if cls is str:  # nearly all of them
            self.room -= len(value)
            return self._text(value) if self.room < 0 or not value.isascii() else value
        if value is None or cls is bool:
            return value
        try:
            return self._read(value, cls, depth)
        except Exception as error:  # the user's objects, or one that another thread changes: it costs this value
            if is_from_handler(error):
                raise
            return _name(value)

    def _text(self, value: str) -> str:
        if self.room < 0:
            value = f"{value[:_KEPT]}{missing(len(value) - _KEPT)}" if len(value) > 2 * _KEPT else value
        return encodable(value)

    def _read(self, value: Any, cls: Any, depth: int) -> Any:  # noqa: PLR0911 - one line for each type
        if issubclass(cls, Enum):
            return self.read(value._value_, depth + 1)
        if issubclass(cls, (int, float)):
            return _number(value)
        if depth >= DEPTH or self.left <= 0:
            return _name(value)
        if issubclass(cls, str):
            self.room -= len(value)
            return self._text(value)
        if issubclass(cls, (bytes, bytearray, memoryview)):
            return binary(bytes(value))
        if id(value) in self.around:
            return _name(value)
        self.around.add(id(value))
        try:
            if self.known is not None and (found := self.known(value)) is not UNKNOWN:
                return found.value if type(found) is Ready else self.read(found, depth + 1)
            return self._inside(value, cls, depth)
        finally:
            self.around.discard(id(value))

    def _inside(self, value: Any, cls: type, depth: int) -> Any:
        most = max(0, min(ITEMS, self.left))
        if issubclass(cls, Mapping):
            of_dict = issubclass(cls, dict)  # what a subclass defines is the user's code
            items = tuple(islice(dict.items(value) if of_dict else value.items(), most))
            said = {_key(key): self.read(one, depth + 1) for key, one in items}
            if (more := (dict.__len__(value) if of_dict else len(value)) - len(items)) > 0:
                said["…"] = f"{more} keys cut"
            return said if SIGNS.isdisjoint(said) else unsealed(said)
        if issubclass(cls, _LISTS) or (cls.__module__ == "numpy" and cls.__name__ == "ndarray" and value.ndim):
            every = tuple(islice(value, most))
            more = len(value) - len(every)
            return [*(self.read(one, depth + 1) for one in every), *([f"… [{more} cut]"] if more > 0 else ())]
        return _of_object(value)


_NOTHING: dict[Any, Any] = {}

_LISTS = (
    list,
    tuple,
    set,
    frozenset,
    deque,
    range,
    type(_NOTHING.keys()),
    type(_NOTHING.values()),
    type(_NOTHING.items()),
)


_NUMBERS = range(-(2**63), 2**63)
"""Those that OpenTelemetry can carry; others are texts."""


def _number(value: Any) -> Any:
    if isinstance(value, int):
        number = int.__int__(value)
        if number in _NUMBERS:
            return number
        return str(number) if number.bit_length() <= _BITS else f"<int of {number.bit_length()} bits>"
    real = float.__float__(value)
    return real if real - real == 0 else float.__repr__(real)  # JSON has no NaN


def _name(value: Any) -> str:
    return encodable(f"<{type(value).__name__}>")


def _of_object(value: Any) -> Any:
    """Return another library's number as Python's own, the text of a standard value, or the type of anything else."""
    base: Any
    for base in type(value).__mro__:  # pandas' timestamps are datetimes
        if base.__module__.partition(".")[0] in _VALUES:
            return encodable(str(base.__str__(value)))
    number = _other_number(value)
    return _name(value) if number is None else number


_VALUES = ("uuid", "datetime", "decimal", "fractions", "pathlib", "ipaddress")


def _other_number(value: Any) -> Any:
    """Return a scalar of numpy, or of a library that registers its numbers, as JSON can hold it; None if it is none."""
    if isinstance(value, Integral):
        return _number(int(value))
    if isinstance(value, Real):
        return _number(float(value))
    cls = type(value)
    if cls.__module__ != "numpy":
        return None
    if cls.__name__ == "ndarray":  # without dimensions: one value
        return _other_number(value[()]) if value.dtype.kind in "biuf" else None
    if cls.__name__ in ("bool", "bool_"):
        return bool(value)
    return encodable(str(value)) if cls.__name__ in ("datetime64", "timedelta64") else None


def _key(key: Any) -> str:
    if isinstance(key, str):
        return encodable(key)
    if isinstance(key, (int, float)):
        return str(_number(key))
    if isinstance(key, tuple):
        return f"({', '.join(map(_key, tuple.__iter__(key)))})"
    return str(None if key is None else _of_object(key))


def written(value: Any, limit: int) -> str:
    """Give a plain value as JSON of at most so many bytes; what is too long is cut inside it, and says so.

    Args:
        value: What `plain` gave.
        limit: Bytes of the text.
    """
    text = _dumps(value)
    if _fits(text, limit):
        return text
    more = 0  # items, of which so many were too many
    for items, depth, shortest in LEVELS:
        least = _dumps(shortened(value, shortest, items, depth))
        if _fits(least, limit):
            return _roomier(value, *_fuller(value, least, limit, (shortest, items, depth), more))
        more = items
    return _dumps(nothing_of(value))


def _fuller(value: Any, least: str, limit: int, kept: Kept, more: int) -> tuple[str, int, Kept]:
    """Give a text with more items in it: their number is between one that fits and one that does not."""
    shortest, items, depth = kept
    for _ in range(_HALVINGS if more > items else 0):
        middle = (items + more) // 2
        if middle == items:
            break
        text = _dumps(shortened(value, shortest, middle, depth))
        if _fits(text, limit):
            least, items = text, middle
        else:
            more = middle
    return least, limit, (shortest, items, depth)


_HALVINGS = 5


def within(value: Any, limit: int) -> Any:
    """Give a plain value, or as much of it as is written in so many bytes."""
    if isinstance(value, str):
        return cut_text(value, limit)
    return value if _fits(_dumps(value), limit) else json.loads(written(value, limit))


def _roomier(value: Any, least: str, limit: int, kept: Kept) -> str:
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
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_name)


def _fits(text: str, limit: int) -> bool:
    return len(text) * 4 <= limit or (len(text) <= limit and _size(text) <= limit)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
