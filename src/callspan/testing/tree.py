"""The text of a span tree: what tests compare, and what a demo shows."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

from callspan import semconv

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A finished span, of the SDK or from a file.

    Args:
        name: Its name.
        trace_id: Its trace, as 32 hex digits.
        span_id: Its id, as 16 hex digits.
        parent_id: The id of its parent; None for a root.
        start: When it started, in nanoseconds since 1970.
        attributes: Its attributes; sequences are tuples.
        failed: Whether its status is ERROR.
        end: When it ended, in nanoseconds since 1970; None if that is not known.
    """

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start: int
    attributes: Mapping[str, Any]
    failed: bool
    end: int | None = None


def span_record(span: ReadableSpan) -> SpanRecord:
    """Return the record of a span of the SDK.

    Args:
        span: The span, as an exporter gets it.

    Raises:
        ValueError: The span has no context, so it has no place in a tree.
    """
    context = span.get_span_context()
    if context is None:
        raise ValueError(f"the span {span.name!r} has no context")
    return SpanRecord(
        name=span.name,
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        parent_id=format_span_id(span.parent.span_id) if span.parent else None,
        start=span.start_time or 0,
        attributes=dict(span.attributes or {}),
        failed=span.status.status_code is StatusCode.ERROR,
        end=span.end_time,
    )


class TreeText(str):
    """A tree as text.

    It equals a text with the same lines. The other text may be indented as a whole and have empty lines around it, as
    in a test. The hash is that of the unchanged text.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and (str.__eq__(self, other) or _laid_out(self) == _laid_out(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def difference(self, expected: str) -> list[str]:
        """Return the lines that differ, each with the line before and after it: `-` is missing, `+` is too many.

        Args:
            expected: The tree that was expected.
        """
        lines = difflib.unified_diff(_laid_out(expected), _laid_out(self), n=1, lineterm="")
        return ["  ..." if line.startswith("@@") else f"{line[0]} {line[1:]}" for line in list(lines)[2:]]


def _laid_out(tree: str) -> list[str]:
    """Return the lines of a tree, the first of them at the margin."""
    lines = textwrap.dedent(tree).rstrip().split("\n")
    while lines and not lines[0].strip():
        del lines[0]
    return [line.rstrip() for line in lines]


def span_tree(
    spans: Iterable[ReadableSpan | SpanRecord], *, attributes: Collection[str] = (), sort: bool = False
) -> TreeText:
    """Return spans as a tree, one line each: name, `!error.type` if it failed, `~outcome`, then `key=value`.

    A span whose parent is not among them is a root. Siblings stand by start time, then in the order given.

    Args:
        spans: The spans, of the SDK or read from a file, in any order.
        attributes: The attributes to show of the spans that have them, in this order.
        sort: Whether siblings stand in the order of their text, for runs whose order is left to chance.
    """
    records = [span if isinstance(span, SpanRecord) else span_record(span) for span in spans]
    records.sort(key=lambda record: record.start)
    known = {(record.trace_id, record.span_id) for record in records}
    children: dict[tuple[str, str | None], list[SpanRecord]] = {}
    roots: list[SpanRecord] = []
    for record in records:
        parent = (record.trace_id, record.parent_id)
        (children.setdefault(parent, []) if parent in known else roots).append(record)

    def text(record: SpanRecord, depth: int = 0) -> str:
        # Taken out, not looked up: an id that is there twice, or is its own ancestor, must not be written twice
        below = [text(child, depth + 1) for child in children.pop((record.trace_id, record.span_id), [])]
        return f"{'  ' * depth}{_line(record, attributes)}\n" + "".join(sorted(below) if sort else below)

    texts = [text(root) for root in roots]
    while children:  # what is left has a ring of parents, which no sound trace has: it must not be missing here
        texts.extend(text(record) for record in children.pop(next(iter(children))))
    return TreeText("".join(sorted(texts) if sort else texts))


def _line(span: SpanRecord, attributes: Collection[str]) -> str:
    """Return the line of one span, without its indent."""
    parts = [_one_line(span.name)]
    if span.failed:
        # A failed span must have the attribute: its lack is worth a mark of its own
        parts.append(f"!{_shown(span.attributes.get(semconv.ERROR_TYPE, '?'))}")
    if semconv.RUN_OUTCOME in span.attributes:
        parts.append(f"~{_shown(span.attributes[semconv.RUN_OUTCOME])}")
    parts.extend(f"{key}={_shown(span.attributes[key])}" for key in attributes if key in span.attributes)
    return " ".join(parts)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return _one_line(value)
    # As JSON, so that a tuple of the SDK and an array of a file read the same
    return json.dumps(value, ensure_ascii=False, default=str)


def _one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")
