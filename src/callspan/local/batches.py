"""The spans of a trace file in batches that a server can take, each span as it was written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from callspan.local.otlp import Refuse, spans_of

_SPANS = 1000
_BYTES = 1024 * 1024
"""A batch ends before it has more; servers take 4 MB by default, some less. A larger span is one of its own."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a trace file, between two spans.

    Args:
        offset: The byte at which a line begins.
        lines: How many lines come before it.
        spans: How many spans, from there on, come before the place.
    """

    offset: int = 0
    lines: int = 0
    spans: int = 0


Written = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
"""A span as it was written; its scope, without spans; its resource, without scopes."""


@dataclass(frozen=True, slots=True)
class Item:
    """A span on its way.

    Args:
        written: The span, and what stands around it.
        size: About how many bytes it has.
        line: The line it stands in, from 1.
        place: Where the file goes on behind it.
    """

    written: Written
    size: int
    line: int
    place: Place


def written_in(export: Any, refuse: Refuse) -> Iterator[Written]:
    """Give what of an export is a span, as it was written.

    Args:
        export: The export.
        refuse: Is told what is no span, and why.
    """
    faults: list[str] = []
    whole = sum(1 for _ in spans_of(export, faults.append))
    if not faults:
        yield from _written(export)
        return
    for fault in faults:
        refuse(fault)
    if not whole:
        return
    for span, scope, resource in _written(export):
        alone = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        if any(True for _ in spans_of(alone, lambda why: None)):
            yield span, scope, resource


def _written(export: dict[str, Any]) -> Iterator[Written]:
    for resource in _objects(export.get("resourceSpans")):
        around = _without(resource, "scopeSpans")
        for scope in _objects(resource.get("scopeSpans")):
            within = _without(scope, "spans")
            for span in _objects(scope.get("spans")):
                yield _finite(span), within, around


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def size_of(span: dict[str, Any], line: int, spans: int) -> int:
    """Give about how many bytes a span has.

    Args:
        span: The span.
        line: The bytes of its line; 0 if nobody knows.
        spans: How many spans the line has.
    """
    return line // max(1, spans) if 0 < line <= _BYTES else len(json.dumps(span))


def batches_of(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Put spans together, in their order.

    Args:
        items: The spans.
    """
    batch: list[Item] = []
    size = 0
    for item in items:
        if batch and (len(batch) >= _SPANS or size + item.size > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield batch


def export_of(batch: Sequence[Item]) -> dict[str, Any]:
    """Give a batch as one export request; what has the same resource and scope in turn shares it.

    Args:
        batch: The spans.
    """
    resources: list[dict[str, Any]] = []
    last: Written | None = None
    for span, scope, resource in (item.written for item in batch):
        if last is None or resource != last[2]:
            resources.append({**resource, "scopeSpans": []})
            last = None
        if last is None or scope != last[1]:
            resources[-1]["scopeSpans"].append({**scope, "spans": []})
        resources[-1]["scopeSpans"][-1]["spans"].append(span)
        last = span, scope, resource
    return {"resourceSpans": resources}


def _without(owner: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: _finite(value) for name, value in owner.items() if name != key}


def _finite(value: Any) -> Any:
    """Give what JSON has as JSON may have it: Python also reads numbers that are none, and servers do not."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124
    return value
