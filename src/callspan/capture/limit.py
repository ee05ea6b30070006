"""Content within a limit: JSON that stays valid however much of it is cut, and says what is missing.

Texts are shortened first, then items are left out. What is left keeps its shape: a message is still a message.
"""

from __future__ import annotations

import json
from typing import Any

from callspan.capture.serialize import DEPTH, ITEMS, JsonText, Message, cut_between_words, missing, name_of, split_note
from callspan.core.text import cut

# What is kept at least, ever less: characters of a text, items of one list or object, and depth.
_LEVELS = (
    *((32, ITEMS, DEPTH), (32, 1024, DEPTH), (32, 512, DEPTH), (32, 256, DEPTH), (32, 128, DEPTH), (32, 64, 16)),
    *((32, 32, 16), (32, 16, 8), (32, 8, 8), (32, 4, 6), (16, 2, 5), (8, 1, 5)),
)
_WHOLE = 2**40  # characters: no text is cut
_PER_TEXT = 128  # bytes that are needed for a text at least: its beginning, a note and the object around it
_ATTEMPTS = 3
_SLACK = 2048  # characters of a text that are searched for secrets beyond those that there is room for


def to_json(value: Any, limit: int) -> str:
    """Return a plain value as JSON of at most so many bytes."""
    return _fitted(value, limit)[1]


def within(value: Any, limit: int) -> Any:
    """Return a plain value, or as much of it as fits into so many bytes of JSON."""
    return cut_text(value, limit) if isinstance(value, str) else _fitted(value, limit)[0]


def cut_text(text: str, limit: int) -> str:
    """Return a text of at most so many bytes that says how much of it is missing."""
    if _fits(text, limit):
        return text
    kept = text.encode("utf-8", "replace")[: limit - 48].decode("utf-8", "ignore")
    return _shorter(text, len(kept))


def roughly_within(value: Any, limit: int) -> Any:
    """Return a value without most of what its limit has no room for: secrets are searched in the rest only.

    Its texts are cut between words, and later than `to_json` cuts them, so that no secret is left half.
    """
    sizes = _sizes(value)
    if sum(sizes) <= limit:
        return value
    length = _share(sizes, 0, limit) + _SLACK
    return _rough(value, length) if length < max(sizes) else value


def _rough(value: Any, length: int) -> Any:
    if isinstance(value, str):
        return cut_between_words(value, length)
    if isinstance(value, dict):
        inside = {
            key: one if type(one) is str and len(one) <= length else _rough(one, length) for key, one in value.items()
        }
        return Message(inside) if isinstance(value, Message) else inside
    if isinstance(value, list):
        return [_rough(one, length) for one in value]
    return JsonText(_rough(value.value, length)) if isinstance(value, JsonText) else value


def _fitted(value: Any, limit: int) -> tuple[Any, str]:
    """Return as much of a value as fits, and its JSON: one encoding, or more if much of it is escaped."""
    sizes = _sizes(value)
    if sum(sizes) <= limit:
        text = _dumps(value)
        if _size(text) <= limit:
            return value, text
    used = _PER_TEXT * len(sizes)
    found = _filled(value, sizes, limit, used, _LEVELS[0]) if used < limit // 2 else None
    if found is not None:
        return found
    for level in _LEVELS:
        least = shortened(value, *level)
        text = _dumps(least)
        if (used := _size(text)) <= limit:
            kept = sizes if level is _LEVELS[0] else _sizes(shortened(value, _WHOLE, *level[1:]))
            return _filled(value, kept, limit, used, level) or (least, text)
    nothing = nothing_of(value)
    return nothing, _dumps(nothing)


def _filled(value: Any, sizes: list[int], limit: int, used: int, level: tuple[int, int, int]) -> tuple[Any, str] | None:
    """Return a value with as much of each text as there is room for beside the bytes used, or None."""
    characters = 0.97 * (limit - used)
    for _ in range(_ATTEMPTS):
        found = shortened(value, _share(sizes, level[0], characters), *level[1:])
        text = _dumps(found)
        size = _size(text)
        if size <= limit:
            return found, text
        characters *= 0.95 * (limit - used) / max(size - used, 1)
    return None


def _sizes(value: Any) -> list[int]:
    """Return the lengths of the texts in a plain value."""
    found: list[int] = []
    values = [value]
    for one in values:  # grows while it is read
        if type(one) is Message:  # most are one text; the role is short
            for part in one["parts"]:
                if isinstance(part, dict) and type(content := part.get("content")) is str:
                    found.append(len(content))
                else:
                    values.append(part)
        elif isinstance(one, str):
            found.append(len(one))
        elif isinstance(one, dict):
            values.extend(one.values())
        elif isinstance(one, list):
            values.extend(one)
        elif isinstance(one, JsonText):
            values.append(one.value)
    return found


def _share(sizes: list[int], shortest: int, characters: float) -> int:
    """Return the length that texts of these sizes are cut to if so many characters more than the shortest are kept."""
    length = shortest
    longer = sorted(size for size in sizes if size > shortest)
    for place, size in enumerate(longer):
        share = characters / (len(longer) - place)
        if size - length > share:
            return int(length + max(share, 0))
        characters -= (size - length) * (len(longer) - place)
        length = size
    return length


def shortened(value: Any, length: int, items: int, depth: int) -> Any:
    """Return a plain value with at most so many characters in a text, items in a list or object, and levels."""
    if isinstance(value, str):
        return value if len(value) <= length else _shorter(value, length)
    if isinstance(value, dict):
        return _shorter_object(value, length, items, depth)
    if isinstance(value, list):
        return _shorter_list(value, length, items, depth) if depth > 0 else nothing_of(value)
    return value


def _shorter(text: str, length: int) -> str:
    """Return the beginning of a text, and how much of it is missing; it may lack something already."""
    whole, lost = split_note(text)
    kept = whole[:length]
    return f"{kept}{missing(len(whole) - len(kept) + lost)}"


def _shorter_object(value: dict[str, Any], length: int, items: int, depth: int) -> dict[str, Any]:
    """Return the first keys, and all that make an object what it is."""
    keys = list(value)
    if depth <= 0:
        keys = [key for key in keys if key == "type"]
    elif len(keys) > items:
        keys = [key for place, key in enumerate(keys) if place < items or key in _SHAPE]
    found: dict[str, Any] = {}
    for key in keys:
        one = value[key]
        is_short = type(one) is str and len(one) <= length
        found[cut(key, length)] = one if is_short else shortened(one, length, items, depth - 1)
    if len(keys) < len(value):
        found["…"] = f"{len(value) - len(keys)} keys cut"
    return found


# Keys that a message, a part or a document must have, or is known by.
_SHAPE = frozenset(
    {
        *("role", "parts", "finish_reason", "type", "name", "id", "content", "response", "modality", "uri", "file_id"),
        *("server_tool_call", "server_tool_call_response", "score"),
    }
)


def _shorter_list(value: list[Any], length: int, items: int, depth: int) -> list[Any]:
    """Return the first items and the last ones: the question is at one end, the answer at the other."""
    left_out = len(value) - items
    if left_out <= 0:
        return [shortened(one, length, items, depth - 1) for one in value]
    first = items // 2
    kept = [shortened(one, length, items, depth - 1) for one in (*value[:first], *value[first + left_out :])]
    return [*kept[:first], _mark(value[first], left_out), *kept[first:]]


def nothing_of(value: Any) -> Any:
    """Return what stands for a value of which nothing is kept."""
    if isinstance(value, list):
        return [_mark(value[0], len(value))] if value else []
    return {"…": "cut"} if isinstance(value, dict) else "… [cut]"


def _mark(sample: Any, count: int) -> Any:
    """Return what stands for items that are left out: an item of the same shape."""
    note = f"… [{count} cut]"
    if not isinstance(sample, dict):
        return note
    if "role" in sample and "parts" in sample:
        mark = {"role": sample["role"], "parts": [{"type": "text", "content": note}]}
        return {**mark, "finish_reason": ""} if "finish_reason" in sample else mark
    if "type" in sample:
        return {"type": "cut", "name": "cut", "content": note}
    return {"id": "cut", "score": 0.0, "content": note} if "score" in sample else {"…": note}


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=name_of)
_dumps = _ENCODER.encode


def _fits(text: str, limit: int) -> bool:
    return len(text) * 4 <= limit or (len(text) <= limit and _size(text) <= limit)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
