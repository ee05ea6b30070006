"""The text of a span tree: what the tests compare, and what a demo shows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from callspan.testing.span_record import SpanRecord, span_record
from callspan.testing.tree_text import TreeText

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["Branch", "SpanRecord", "branches", "span_line", "span_record", "span_tree"]

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Branch:
    """A span with all that hangs under it.

    Args:
        span: The span.
        children: Its children, by start time.
    """

    span: SpanRecord
    children: tuple[Branch, ...]

    def walk(self, depth: int = 0) -> Iterator[tuple[int, SpanRecord]]:
        """Return the span and then everything under it, each with its depth.

        Args:
            depth: The depth of the span itself.
        """
        yield depth, self.span
        for child in self.children:
            yield from child.walk(depth + 1)


def span_tree(
    spans: Iterable[ReadableSpan | SpanRecord], *, attributes: Collection[str] = (), sort: bool = False
) -> TreeText:
    """Write spans as a tree, one line each: name, `!error.type` if it failed, `~outcome`, then `key=value`.

    A span whose parent is not among them is a root. Siblings stand by start time, then in the order given.

    Args:
        spans: The spans, of the SDK or read from a file, in any order.
        attributes: The attributes to show of the spans that have them, in this order.
        sort: Whether siblings stand in the order of their text, for runs whose order is left to chance.
    """
    texts = [_text(branch, 0, attributes, sort) for branch in branches(spans)]
    return TreeText("".join(sorted(texts) if sort else texts))


def branches(spans: Iterable[ReadableSpan | SpanRecord]) -> list[Branch]:
    """Hang spans under their parents, and give those that have none.

    Args:
        spans: The spans, of the SDK or read from a file, in any order.
    """
    records = [span if isinstance(span, SpanRecord) else span_record(span) for span in spans]
    records.sort(key=lambda record: record.start)
    known = {(record.trace_id, record.span_id) for record in records}
    children: dict[tuple[str, str | None], list[SpanRecord]] = {}
    roots: list[SpanRecord] = []
    for record in records:
        parent = (record.trace_id, record.parent_id)
        (children.setdefault(parent, []) if parent in known else roots).append(record)

    def grow(record: SpanRecord) -> Branch:
        # Taken out, not looked up: an id that is there twice, or is its own ancestor, must not be told twice.
        mine = children.pop((record.trace_id, record.span_id), [])
        return Branch(record, tuple(grow(child) for child in mine))

    grown = [grow(root) for root in roots]
    while children:
        # What is left hangs in a ring of parents: no sound trace has one, so it must not be missing here.
        ring = children.pop(next(iter(children)))
        grown.extend(grow(record) for record in ring)
    return grown


def span_line(span: SpanRecord, attributes: Collection[str] = ()) -> str:
    """Write one span, without its place in the tree.

    Args:
        span: The span.
        attributes: The attributes to show if the span has them.
    """
    parts = [_one_line(span.name)]
    if span.failed:
        # A failed span must have the attribute: its lack is worth a mark of its own.
        parts.append(f"!{_shown(span.attributes.get('error.type', '?'))}")
    if "langchain.run.outcome" in span.attributes:
        parts.append(f"~{_shown(span.attributes['langchain.run.outcome'])}")
    parts.extend(f"{key}={_shown(span.attributes[key])}" for key in attributes if key in span.attributes)
    return " ".join(parts)


def _text(branch: Branch, depth: int, attributes: Collection[str], sort: bool) -> str:
    below = [_text(child, depth + 1, attributes, sort) for child in branch.children]
    return f"{_INDENT * depth}{span_line(branch.span, attributes)}\n" + "".join(sorted(below) if sort else below)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return _one_line(value)
    # As JSON, so that a tuple of the SDK and an array of a file read the same.
    return json.dumps(value, ensure_ascii=False, default=str)


def _one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")
