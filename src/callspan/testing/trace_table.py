"""A span tree for people: beside each span how long it took and what it used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from callspan.testing.span_record import SpanRecord
from callspan.testing.tree import branches, span_line

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_HEAD: tuple[str, ...] = ("span", "duration", "tokens in", "out")


def trace_table(spans: Iterable[ReadableSpan | SpanRecord]) -> str:
    """Write spans as an aligned table: the tree to the left, then duration, input tokens and output tokens.

    Args:
        spans: The spans, of the SDK or read from a file, in any order.
    """
    rows = [_HEAD]
    for root in branches(spans):
        for depth, span in root.walk():
            tokens_in, tokens_out = _count(span, "input_tokens"), _count(span, "output_tokens")
            rows.append(("  " * depth + span_line(span), _duration(span), tokens_in, tokens_out))
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "".join(_line(row, widths) for row in rows)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    first, *figures = row
    cells = [first.ljust(widths[0])]
    cells += [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
    return "  ".join(cells).rstrip() + "\n"


def _duration(span: SpanRecord) -> str:
    if span.end is None:
        return ""
    seconds = (span.end - span.start) / 1e9
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def _count(span: SpanRecord, which: str) -> str:
    value = span.attributes.get(f"gen_ai.usage.{which}")
    return "" if value is None else str(value)
