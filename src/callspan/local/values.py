"""Values as OTLP JSON has them, each under the name of its type: whatever stands there, a plain value comes out.

Source: the OTLP specification's JSON mapping; 64-bit numbers are texts there.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from callspan.core.text import encodable

_DEPTH = 64  # how deep a value is read; what is deeper is left out


_OBJECTS = frozenset({dict})


def objects_of(owner: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a list of objects; an empty one where nothing stands.

    Raises:
        ValueError: It is none.
    """
    value = owner.get(key) or []
    if not isinstance(value, list) or not _OBJECTS.issuperset(map(type, value)):
        raise ValueError(f"'{key}' is not a list of objects")
    return value


def whole(value: Any) -> int | None:
    """Return a whole number, which may be written as a text; None if it is none."""
    if isinstance(value, str) and len(value) < 40:  # noqa: PLR2004 - more digits than any number of 64 bits has
        try:
            return int(value)
        except ValueError:
            return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def attributes_of(
    owner: Mapping[str, Any], key: str, depth: int = 0, without: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return attributes by their names.

    Raises:
        ValueError: They are no list of objects.
    """
    # The names are the same in every span: kept once, they take no memory.
    return {
        sys.intern(encodable(name)): _value(pair.get("value"), depth)
        for pair in objects_of(owner, key)
        if isinstance(name := pair.get("key"), str) and name not in without
    }


def _value(value: Any, depth: int = 0) -> Any:
    """Read one `AnyValue`: an object with one field that names its type, or with none for null."""
    if not isinstance(value, dict):
        return None
    for kind, content in value.items():
        reader = _SINGLE.get(kind)
        if reader is not None:
            return reader(content)
        if not isinstance(content, dict) or depth > _DEPTH:
            return None
        if kind == "arrayValue":
            return [_value(item, depth + 1) for item in objects_of(content, "values")]
        return attributes_of(content, "values", depth + 1) if kind == "kvlistValue" else None
    return None


# Characters of a text that is likely to stand in any other span, and of one that may stand in the next ones
_SHORT, _LONG = 32, 256


def _kept(content: Any) -> str | None:
    if not isinstance(content, str):
        return None
    if len(content) <= _SHORT:
        return sys.intern(encodable(content))
    return _same(encodable(content)) if len(content) <= _LONG else encodable(content)


@lru_cache(maxsize=4096)
def _same(text: str) -> str:
    """Return the very object that was given for this text before: ids of conversations take no memory for each span."""
    return text


_BEYOND = 2**63


def _within_64_bits(content: Any) -> int | None:
    number = whole(content)
    return number if number is not None and -_BEYOND <= number < _BEYOND else None


def _fraction(content: Any) -> Any:
    """Read a number that may be none: JSON has no name for those, so they are texts, and stay such."""
    if isinstance(content, bool):
        return None
    if isinstance(content, (int, float)):
        try:
            number = float(content)
        except OverflowError:
            return None
        return number if math.isfinite(number) else str(number)
    return content if content in ("NaN", "Infinity", "-Infinity") else None


def _truth(content: Any) -> bool | None:
    return content if isinstance(content, bool) else None


# By type: how a value that holds no other is read
_SINGLE: dict[str, Callable[[Any], Any]] = {
    "stringValue": _kept,
    "intValue": _within_64_bits,
    "boolValue": _truth,
    "doubleValue": _fraction,
    "bytesValue": _kept,
}
