"""The spans of a trace file in batches that a server can take, each span as it was written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
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


@dataclass(frozen=True, slots=True)
class Written:
    """A span as it was written, as JSON in ASCII.

    Args:
        span: The span.
        scope: What stands around it there, without spans.
        resource: What stands around that, without scopes.
    """

    span: str
    scope: str
    resource: str


@dataclass(frozen=True, slots=True)
class Item:
    """A span on its way.

    Args:
        written: The span, and what stands around it.
        line: The line it stands in, from 1.
        place: Where the file goes on behind it.
    """

    written: Written
    line: int
    place: Place


def written_in(export: Any, refuse: Refuse) -> Iterator[Written]:
    """Return what of an export is a span, as it was written."""
    faults: list[str] = []
    sound = sum(1 for _ in spans_of(export, faults.append))
    for fault in faults:
        refuse(fault)
    if not sound:
        return
    for resource in _objects(export.get("resourceSpans")):
        around = _text({name: value for name, value in resource.items() if name != "scopeSpans"}, refuse)
        for scope in _objects(resource.get("scopeSpans")):
            within = _text({name: value for name, value in scope.items() if name != "spans"}, refuse)
            for span in _objects(scope.get("spans")):
                if faults and not _is_sound(span):
                    continue
                text = _text(span, refuse)
                if text and within and around:
                    yield Written(text, within, around)


def _is_sound(span: dict[str, Any]) -> bool:
    alone = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    return any(True for _ in spans_of(alone, lambda why: None))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _text(told: dict[str, Any], refuse: Refuse) -> str:
    """Write an object as JSON; nothing if it cannot be."""
    try:
        try:
            return _COMPACT.encode(told)
        except ValueError:
            return _COMPACT.encode(_finite(told))
    except RecursionError:
        refuse("nested too deep")
        return ""


_COMPACT = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    """Return what JSON has as JSON may have it: Python also reads numbers that are none, and servers do not."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def batches_of(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Put spans together, in their order."""
    batch: list[Item] = []
    size = 0
    for item in items:
        more = len(item.written.span)
        if batch and (len(batch) >= _SPANS or size + more > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += more
    if batch:
        yield batch


def export_of(batch: Iterable[Item]) -> str:
    """Return a batch as one export request; what has the same resource and scope in turn shares it."""
    resources: list[str] = []
    for resource, within in groupby((item.written for item in batch), lambda written: written.resource):
        scopes = [
            _with(scope, "spans", (written.span for written in spans))
            for scope, spans in groupby(within, lambda written: written.scope)
        ]
        resources.append(_with(resource, "scopeSpans", scopes))
    return _with("{}", "resourceSpans", resources)


def _with(owner: str, key: str, members: Iterable[str]) -> str:
    """Write a list into an object."""
    return f'{owner[:-1]}{"," if len(owner) > len("{}") else ""}"{key}":[{",".join(members)}]}}'
