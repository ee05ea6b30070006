"""Content within a limit: JSON that stays valid however much of it is cut, and says what is missing.

Texts are shortened first, then items are left out. What is left keeps its shape: a message is still a message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from callspan.capture.serialize import DEPTH, ITEMS, missing, name_of
from callspan.core.text import cut

Kept = tuple[int, int, int]
"""Of a value that is cut: characters of a text, items of a list or object, and depth."""

LEVELS = ((ITEMS, DEPTH, 32), (256, DEPTH, 32), (64, 16, 32), (16, 8, 32), (4, 6, 32), (2, 5, 16), (1, 5, 8))
"""How much is kept at least when an attribute is too long, ever less: items of one list or object, depth, and
characters of a text."""


def lengths(value: Any) -> Iterator[int]:
    """Give the lengths of all texts in a plain value."""
    if isinstance(value, str):
        yield len(value)
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from lengths(one)


def shortened(value: Any, length: int, items: int, depth: int) -> Any:
    """Give a plain value with less in it.

    Args:
        value: What is too long.
        length: Characters of one text that are kept.
        items: Items of one list or object that are.
        depth: How deep it may go.
    """
    if isinstance(value, str):
        return value if len(value) <= length else f"{value[:length]}{missing(len(value) - length)}"
    if isinstance(value, dict):
        return _shorter_object(value, length, items, depth)
    if isinstance(value, list):
        return list(_some(value, length, items, depth)) if depth > 0 else nothing_of(value)
    return value


def _shorter_object(value: dict[str, Any], length: int, items: int, depth: int) -> dict[str, Any]:
    """Give the first keys, and all that make it what it is."""
    keys = list(value)
    if depth <= 0:
        keys = [key for key in keys if key == "type"]
    elif len(keys) > items:
        keys = [key for place, key in enumerate(keys) if place < items or key in _SHAPE]
    found = {cut(key, length): shortened(value[key], length, items, depth - 1) for key in keys}
    if len(keys) < len(value):
        found["…"] = f"{len(value) - len(keys)} keys cut"
    return found


_SHAPE = frozenset(
    {
        *("role", "parts", "finish_reason", "type", "name", "id", "content", "response", "modality", "uri", "file_id"),
        *("server_tool_call", "server_tool_call_response", "score"),
    }
)
"""Keys that a message, a part or a document must have, or is known by."""


def _some(value: list[Any], length: int, items: int, depth: int) -> Iterator[Any]:
    """Give the first items and the last ones: the question is at one end, the answer at the other."""
    left_out = len(value) - items
    first = len(value) if left_out <= 0 else items // 2
    for one in value[:first]:
        yield shortened(one, length, items, depth - 1)
    if left_out > 0:
        yield _mark(value[first], left_out)
        for one in value[first + left_out :]:
            yield shortened(one, length, items, depth - 1)


def nothing_of(value: Any) -> Any:
    """Give what stands for a value of which nothing is kept."""
    if isinstance(value, list):
        return [_mark(value[0], len(value))] if value else []
    return {"…": "cut"} if isinstance(value, dict) else "… [cut]"


def _mark(sample: Any, count: int) -> Any:
    """Give what stands for items that are left out: an item of the same shape."""
    said = f"… [{count} cut]"
    if not isinstance(sample, dict):
        return said
    if "role" in sample and "parts" in sample:
        mark = {"role": sample["role"], "parts": [{"type": "text", "content": said}]}
        return {**mark, "finish_reason": ""} if "finish_reason" in sample else mark
    if "type" in sample:
        return {"type": "cut", "name": "cut", "content": said}
    return {"id": "cut", "score": 0.0, "content": said} if "score" in sample else {"…": said}


def to_json(value: Any, limit: int) -> str:
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
    return value if _fits(_dumps(value), limit) else json.loads(to_json(value, limit))


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


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=name_of)


def _fits(text: str, limit: int) -> bool:
    return len(text) * 4 <= limit or (len(text) <= limit and _size(text) <= limit)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
