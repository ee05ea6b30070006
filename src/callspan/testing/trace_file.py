"""Read a trace file: OTLP JSON, one export of spans a line, as the JSON-file exporter writes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from callspan.testing.span_record import SpanRecord

# JSON has no number for these three; protobuf's mapping writes them as text.
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")


class TraceFileError(ValueError):
    """A trace file has lines that are no spans; nothing that could be read is lost.

    Args:
        faults: What is wrong, one text for each bad line, with the file and the line number.
        spans: All spans that could be read, also those after a bad line.
    """

    def __init__(self, faults: list[str], spans: list[SpanRecord]) -> None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(faults[0] + more)
        self.faults = faults
        self.spans = spans


def read_trace_file(path: str | PathLike[str]) -> list[SpanRecord]:
    """Read all spans of a trace file, in the order in which they were written.

    Args:
        path: The file.

    Raises:
        TraceFileError: A line was cut or holds something else; the error has every span that could be read.
        OSError: The file cannot be opened.
    """
    spans: list[SpanRecord] = []
    faults: list[str] = []
    # Bytes: a file cut within a letter must not fail as a whole, and nothing but "\n" ends a line.
    with Path(path).open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                # One by one, so that a bad span in mid-line takes none of those before it away.
                for span in _spans(line):
                    spans.append(span)  # noqa: PERF402
            except ValueError as error:
                faults.append(f"{path}, line {number}: {error}")
    if faults:
        raise TraceFileError(faults, spans)
    return spans


def _spans(line: bytes) -> Iterator[SpanRecord]:
    try:
        export = json.loads(line)
    except (ValueError, RecursionError) as error:
        ended = "" if line.endswith(b"\n") else ", and the line has no end"
        raise ValueError(f"not JSON{ended}: {error}") from error
    if not isinstance(export, dict) or "resourceSpans" not in export:
        raise ValueError("no export of spans: it has no 'resourceSpans'")
    for resource in _objects(export, "resourceSpans"):
        for scope in _objects(resource, "scopeSpans"):
            for span in _objects(scope, "spans"):
                yield _record(span)


def _record(span: Mapping[str, Any]) -> SpanRecord:
    status = span.get("status") or {}
    if not isinstance(status, dict):
        raise ValueError("'status' is not an object")
    return SpanRecord(
        name=_text(span, "name"),
        trace_id=_id(span, "traceId", 32),
        span_id=_id(span, "spanId", 16),
        # A root has no parent, an empty one, or one of zeros: all three are written.
        parent_id=_id(span, "parentSpanId", 16) if _text(span, "parentSpanId").strip("0") else None,
        start=_time(span, "startTimeUnixNano") or 0,
        end=_time(span, "endTimeUnixNano"),
        attributes=_attributes(span, "attributes"),
        failed=status.get("code") in (2, "STATUS_CODE_ERROR"),
    )


def _objects(owner: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = owner.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError(f"'{key}' is not a list of objects")
    return value


def _text(span: Mapping[str, Any], key: str) -> str:
    value = span.get(key) or ""
    if not isinstance(value, str):
        raise ValueError(f"'{key}' is not a text: {value!r}")
    return value


def _id(span: Mapping[str, Any], key: str, digits: int) -> str:
    value = _text(span, key).lower()
    if len(value) != digits or not set(value) <= set("0123456789abcdef"):
        raise ValueError(f"'{key}' is not {digits} hex digits: {value!r}")
    return value


def _time(span: Mapping[str, Any], key: str) -> int | None:
    return _number(span[key]) if span.get(key) is not None else None


def _attributes(owner: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {_text(pair, "key"): _value(pair.get("value")) for pair in _objects(owner, key)}


def _value(value: object) -> Any:
    """Read one `AnyValue`: an object with one field that names its type, or with none for null."""
    if not isinstance(value, dict):
        raise ValueError(f"an attribute has no typed value: {value!r}")
    for kind, content in value.items():
        if kind not in _VALUES:
            raise ValueError(f"an attribute has a value of an unknown type: {kind!r}")
        return _VALUES[kind](content)
    return None


def _number(content: Any) -> int:
    # 64-bit integers are text in OTLP JSON; some writers leave them numbers.
    if isinstance(content, bool) or not isinstance(content, int | str):
        raise ValueError(f"not a whole number: {content!r}")
    return int(content)


def _fraction(content: Any) -> float:
    if isinstance(content, bool) or not (isinstance(content, int | float) or content in _NO_NUMBERS):
        raise ValueError(f"not a number: {content!r}")
    return float(content)


def _array(content: Any) -> tuple[Any, ...]:
    if not isinstance(content, dict):
        raise ValueError(f"not an array: {content!r}")
    return tuple(_value(item) for item in _objects(content, "values"))


def _map(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"not a map: {content!r}")
    return _attributes(content, "values")


_VALUES: dict[str, Callable[[Any], Any]] = {
    "stringValue": str,
    "boolValue": bool,
    "intValue": _number,
    "doubleValue": _fraction,
    "arrayValue": _array,
    "kvlistValue": _map,
    "bytesValue": str,
}
