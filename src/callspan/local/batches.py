"""The spans of a trace file in batches that a server can take, each span as it was written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from callspan.local.otlp import spans_of
from callspan.local.read import Line

_SPANS = 1000
_BYTES = 1024 * 1024
"""A batch ends before it has more; servers take 4 MB by default, some less. A larger span is one of its own."""


@dataclass(frozen=True, slots=True)
class Item:
    """A span as a file has it, with what stands around it.

    Args:
        span: The span.
        scope: What its scope says of it, without spans.
        resource: What its resource says of it, without scopes.
        size: About how many bytes it has.
        number: The line it stands in, from 1.
        offset: Where the next line to be sent begins, once it has been.
        lines: How many lines come before that.
        spans: How many spans of that have been sent, then.
    """

    span: dict[str, Any]
    scope: dict[str, Any]
    resource: dict[str, Any]
    size: int
    number: int
    offset: int
    lines: int
    spans: int


def items_of(line: Line, start: int, end: int) -> tuple[list[Item], str]:
    """Give the spans of a line, and why others of it are none.

    Args:
        line: The line.
        start: Where it begins.
        end: Where the next one does.

    Raises:
        ValueError: It is no export of spans.
    """
    whole = _fault(line.export)
    every = list(_objects(line.export))
    share = len(line.text) // max(1, len(every))
    found: list[Item] = []
    why = ""
    for done, (span, scope, resource) in enumerate(every, start=1):
        if whole and (fault := _fault({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})):
            why = why or fault
            continue
        size = share if len(line.text) <= _BYTES else len(json.dumps(span))
        place = (end, line.number, 0) if done == len(every) else (start, line.number - 1, done)
        found.append(Item(span, scope, resource, size, line.number, *place))
    return found, why


def _fault(export: Any) -> str:
    try:
        for _ in spans_of(export):
            pass
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""


def _objects(export: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    if not isinstance(export, dict) or "resourceSpans" not in export:
        raise ValueError("no export of spans: it has no 'resourceSpans'")
    for resource in _list(export, "resourceSpans"):
        around = _without(resource, "scopeSpans")
        for scope in _list(resource, "scopeSpans"):
            within = _without(scope, "spans")
            for span in _list(scope, "spans"):
                yield _finite(span), within, around


def _list(owner: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = owner.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError(f"'{key}' is not a list of objects")
    return value


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
    last: Item | None = None
    for item in batch:
        if last is None or item.resource != last.resource:
            resources.append({**item.resource, "scopeSpans": []})
            last = None
        if last is None or item.scope != last.scope:
            resources[-1]["scopeSpans"].append({**item.scope, "spans": []})
        resources[-1]["scopeSpans"][-1]["spans"].append(item.span)
        last = item
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
