"""How what is too long for an attribute is made shorter: inside its texts first, then by leaving out items.

What is left has the shape that readers of it want: a message is still a message, and says what it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from callspan.core.text import cut

DEPTH = 32
"""How deep a structure is written; what is deeper is named by its type."""

ITEMS = 4096
"""How many items of one list or object are written at most."""

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


def missing(count: int) -> str:
    """Say how much is missing."""
    return f"… [{count} characters cut]"


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
