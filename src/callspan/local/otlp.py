"""Spans as OTLP JSON has them: whatever stands in a file, what is a span of it is read, and the rest is refused.

Source: the OTLP specification's JSON mapping; ids are hex there, and 64-bit numbers are texts.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from callspan.text import encodable

_DEPTH = 64
"""How deep a value is read; what is deeper is left out."""


@dataclass(slots=True)
class Event:
    """An event of a span.

    Args:
        name: Its name.
        time: When it was, in nanoseconds since 1970.
        attributes: Its attributes.
    """

    name: str
    time: int
    attributes: dict[str, Any]


@dataclass(slots=True)
class Link:
    """A link of a span.

    Args:
        trace_id: The other span's trace.
        span_id: The other span.
        attributes: What is said of the link.
    """

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


@dataclass(slots=True)
class RawSpan:
    """A span as a file has it.

    Args:
        trace_id: Its trace, as 32 hex digits.
        span_id: Its id, as 16 hex digits.
        parent_id: The id of its parent; None for a root.
        name: Its name.
        start: When it started, in nanoseconds since 1970.
        end: When it ended, in nanoseconds since 1970; None if it did not.
        attributes: Its attributes: texts, numbers, bools, lists, dicts and None.
        failed: Whether its status is ERROR.
        message: What its status says.
        events: Its events.
        links: Its links.
        scope: Who wrote it.
        service: What it runs in; None if nobody says.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start: int
    end: int | None
    attributes: dict[str, Any]
    failed: bool = False
    message: str = ""
    events: list[Event] = field(default_factory=list[Event])
    links: list[Link] = field(default_factory=list[Link])
    scope: str = ""
    service: str | None = None


def spans_of(export: Any) -> Iterator[RawSpan]:
    """Give the spans of one export, in their order.

    Args:
        export: What JSON has, of any shape.

    Raises:
        ValueError: It is no export of spans, or a part of it is none; the spans before that were given.
    """
    if not isinstance(export, dict) or "resourceSpans" not in export:
        raise ValueError("no export of spans: it has no 'resourceSpans'")
    for resource in _objects(export, "resourceSpans"):
        said = resource.get("resource")
        service = _attributes(said, "attributes").get("service.name") if isinstance(said, dict) else None
        for scope in _objects(resource, "scopeSpans"):
            owner = scope.get("scope")
            name = _text(owner, "name") if isinstance(owner, dict) else ""
            for span in _objects(scope, "spans"):
                yield _span(span, name, service if isinstance(service, str) else None)


def _span(span: dict[str, Any], scope: str, service: str | None) -> RawSpan:
    status = span.get("status")
    status = status if isinstance(status, dict) else {}
    return RawSpan(
        trace_id=_id(span, "traceId", 32),
        span_id=_id(span, "spanId", 16),
        # A root has no parent, an empty one, or one of zeros: all three are written.
        parent_id=_id(span, "parentSpanId", 16) if _text(span, "parentSpanId").strip("0") else None,
        name=_text(span, "name"),
        start=_time(span, "startTimeUnixNano") or 0,
        end=_time(span, "endTimeUnixNano") or None,
        attributes=_attributes(span, "attributes"),
        failed=status.get("code") in (2, "STATUS_CODE_ERROR"),
        message=_text(status, "message"),
        events=[
            Event(_text(event, "name"), _time(event, "timeUnixNano") or 0, _attributes(event, "attributes"))
            for event in _objects(span, "events")
        ],
        links=[
            Link(_id(link, "traceId", 32), _id(link, "spanId", 16), _attributes(link, "attributes"))
            for link in _objects(span, "links")
        ],
        scope=scope,
        service=service,
    )


def _objects(owner: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = owner.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError(f"'{key}' is not a list of objects")
    return value


def _text(owner: Mapping[str, Any], key: str) -> str:
    value = owner.get(key) or ""
    if not isinstance(value, str):
        raise ValueError(f"'{key}' is not a text")
    return encodable(value)


def _id(owner: Mapping[str, Any], key: str, digits: int) -> str:
    value = _text(owner, key)
    if len(value) != digits:
        value = _from_base64(value)
    value = value.lower()
    if len(value) != digits or not set(value) <= set("0123456789abcdef"):
        raise ValueError(f"'{key}' is not {digits} hex digits")
    return value


def _from_base64(value: str) -> str:
    """Give the hex digits of an id that protobuf's own mapping wrote, as some tools do."""
    try:
        return base64.b64decode(value, validate=True).hex()
    except (binascii.Error, ValueError):
        return value


_LATEST = 2**63
"""What is larger is no number of 64 bits; nor is it a time, in nanoseconds since 1970."""


def _time(owner: Mapping[str, Any], key: str) -> int | None:
    value = owner.get(key)
    if value is None:
        return None
    number = _whole(value)
    if number is None or number < 0:
        raise ValueError(f"'{key}' is no time")
    return number


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and len(value) < 40:  # noqa: PLR2004 - more digits than any number of 64 bits has
        try:
            value = int(value)
        except ValueError:
            return None
    return value if type(value) is int and -_LATEST <= value < _LATEST else None


def _attributes(owner: Mapping[str, Any], key: str, depth: int = 0) -> dict[str, Any]:
    return {
        encodable(name): _value(pair.get("value"), depth)
        for pair in _objects(owner, key)
        if isinstance(name := pair.get("key"), str)
    }


def _value(value: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - one line for each type
    """Read one `AnyValue`: an object with one field that names its type, or with none for null."""
    if not isinstance(value, dict) or depth > _DEPTH:
        return None
    for kind, content in value.items():
        if kind == "stringValue":
            return encodable(content) if isinstance(content, str) else None
        if kind == "intValue":
            return _whole(content)
        if kind == "boolValue":
            return content if isinstance(content, bool) else None
        if kind == "doubleValue":
            return _fraction(content)
        if kind == "bytesValue":
            return encodable(content) if isinstance(content, str) else None
        if kind == "arrayValue":
            return (
                [_value(item, depth + 1) for item in _objects(content, "values")] if isinstance(content, dict) else None
            )
        if kind == "kvlistValue":
            return _attributes(content, "values", depth + 1) if isinstance(content, dict) else None
    return None


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
