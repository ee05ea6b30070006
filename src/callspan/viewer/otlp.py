"""Spans as OTLP JSON has them: each span of a file is read, and what is none is refused with its reason.

Source: the OTLP specification's JSON mapping; ids are hex there, and 64-bit numbers are texts.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callspan.core.text import encodable

_DEPTH = 64  # how deep a value is read; what is deeper is left out
_OBJECTS = frozenset({dict})
_REPEATED = 256  # characters of a text that other spans may have too, an id say: it is in memory once
_BEYOND = 2**63
_REMOTE = 0x300  # the flags that say: it is known where the parent is, and it is in another process
_LATEST = 2**63  # nanoseconds since 1970: what is later is no time
_HEX = re.compile("[0-9a-f]+").fullmatch


def objects_of(owner: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a list of objects; an empty one if it is missing.

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


def _text_value(content: Any) -> str | None:
    if not isinstance(content, str):
        return None
    text = encodable(content)
    return sys.intern(text) if len(text) <= _REPEATED else text


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


# By type: how a value that holds no other is read
_SINGLE: dict[str, Callable[[Any], Any]] = {
    "stringValue": _text_value,
    "intValue": _within_64_bits,
    "boolValue": lambda content: content if isinstance(content, bool) else None,
    "doubleValue": _fraction,
    "bytesValue": _text_value,
}


@dataclass(slots=True)
class Event:
    """An event of a span."""

    name: str
    time: int  # in nanoseconds since 1970
    attributes: dict[str, Any]


@dataclass(slots=True)
class Link:
    """A link to another span."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


@dataclass(slots=True)
class RawSpan:
    """A span as a file has it."""

    trace_id: str  # 32 hex digits
    span_id: str  # 16 hex digits
    parent_id: str | None  # None for a root
    name: str
    start: int  # in nanoseconds since 1970
    end: int | None  # None if it did not
    attributes: dict[str, Any]  # texts, numbers, bools, lists, dicts and None
    failed: bool = False  # whether its status is ERROR
    message: str = ""  # of its status
    events: Sequence[Event] = ()
    links: Sequence[Link] = ()
    scope: str = ""  # the instrumentation that wrote it
    service: str | None = None  # of its resource
    is_remote: bool = False  # whether its parent is in another process


Refuse = Callable[[str], Any]  # receives the reason why something is no span


def spans_of(export: Any, refuse: Refuse, without: frozenset[str] = frozenset()) -> Iterator[RawSpan]:
    """Return the spans of one export, in their order; what is no span costs none of the others."""
    if not is_export(export, refuse):
        return
    for resource in members_of(export, "resourceSpans", refuse):
        service = _service(resource.get("resource"))
        for scope in members_of(resource, "scopeSpans", refuse):
            owner = scope.get("scope")
            name = owner.get("name") if isinstance(owner, dict) else None
            for span in members_of(scope, "spans", refuse):
                try:
                    yield _span(span, sys.intern(name) if isinstance(name, str) else "", service, without)
                except ValueError as error:
                    refuse(str(error))


def is_export(export: Any, refuse: Refuse) -> bool:
    """Return whether this may have spans."""
    if isinstance(export, dict) and "resourceSpans" in export:
        return True
    refuse("no export of spans: it has no 'resourceSpans'")
    return False


def members_of(owner: Mapping[str, Any], key: str, refuse: Refuse) -> Iterator[dict[str, Any]]:
    """Return the objects of a list, or the one object in its place."""
    members = owner.get(key) or []
    for member in members if isinstance(members, list) else [members]:
        if isinstance(member, dict):
            yield member
        else:
            refuse(f"'{key}' has something that is no object")


def _service(resource: Any) -> str | None:
    try:
        name = attributes_of(resource, "attributes").get("service.name") if isinstance(resource, dict) else None
    except ValueError:
        return None
    return sys.intern(name) if isinstance(name, str) else None


def _span(span: dict[str, Any], scope: str, service: str | None, without: frozenset[str]) -> RawSpan:
    status = span.get("status")
    status = status if isinstance(status, dict) else {}
    flags = whole(span.get("flags")) or 0
    return RawSpan(
        trace_id=_id(span, "traceId", 32),
        span_id=_id(span, "spanId", 16),
        # A root has no parent, an empty one, or one of zeros: all three are written.
        parent_id=_id(span, "parentSpanId", 16) if _text(span, "parentSpanId").strip("0") else None,
        name=sys.intern(_text(span, "name")),
        start=_time(span, "startTimeUnixNano") or 0,
        end=_time(span, "endTimeUnixNano") or None,
        attributes=attributes_of(span, "attributes", without=without),
        failed=status.get("code") in (2, "STATUS_CODE_ERROR"),
        message=_text(status, "message"),
        events=[
            Event(
                name=_text(event, "name"),
                time=_time(event, "timeUnixNano") or 0,
                attributes=attributes_of(event, "attributes", without=without),
            )
            for event in objects_of(span, "events")
        ]
        or (),
        links=[
            Link(_id(link, "traceId", 32), _id(link, "spanId", 16), attributes_of(link, "attributes"))
            for link in objects_of(span, "links")
        ]
        or (),
        scope=scope,
        service=service,
        is_remote=flags & _REMOTE == _REMOTE,
    )


def _text(owner: Mapping[str, Any], key: str) -> str:
    value = owner.get(key) or ""
    if not isinstance(value, str):
        raise ValueError(f"'{key}' is not a text")
    return encodable(value)


def _id(owner: Mapping[str, Any], key: str, digits: int) -> str:
    value = owner.get(key)
    if not isinstance(value, str) or len(value) != digits or _HEX(value) is None:
        value = _text(owner, key)
        value = (value if len(value) == digits else _from_base64(value)).lower()
        if len(value) != digits or _HEX(value) is None:
            raise ValueError(f"'{key}' is not {digits} hex digits")
    return sys.intern(value)  # several spans have each


def _from_base64(value: str) -> str:
    """Return the hex digits of an id that protobuf's own mapping wrote, as some tools do."""
    try:
        return base64.b64decode(value, validate=True).hex()
    except (binascii.Error, ValueError):
        return value


def _time(owner: Mapping[str, Any], key: str) -> int | None:
    value = owner.get(key)
    if value is None:
        return None
    number = whole(value)
    if number is None or not 0 <= number < _LATEST:
        raise ValueError(f"'{key}' is no time")
    return number
