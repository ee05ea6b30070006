"""Read a trace file: OTLP JSON, one export of spans a line, as the JSON-file exporter writes it."""

from __future__ import annotations

from functools import partial
from os import PathLike
from typing import Any

from callspan.testing.tree import SpanRecord
from callspan.viewer.otlp import spans_of
from callspan.viewer.read import Exports, opened


class TraceFileError(ValueError):
    """A trace file has lines that are no spans; every span that could be read is kept.

    Args:
        faults: What is wrong, one text for each problem, with the file and the line number.
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

    def skip(line: int, why: str) -> None:
        faults.append(f"{path}, line {line}: {why}")

    with opened(path) as file:
        for line, export in Exports(file, skip):
            for span in spans_of(export, partial(skip, line)):
                ids = (span.trace_id, span.span_id, span.parent_id)
                attributes = {name: _with_tuples(value) for name, value in span.attributes.items()}
                spans.append(SpanRecord(span.name, *ids, span.start, attributes, span.failed, span.end))
    if faults:
        raise TraceFileError(faults, spans)
    return spans


def _with_tuples(value: Any) -> Any:
    """Return an attribute's value as the SDK has it: its sequences are tuples."""
    if isinstance(value, list):
        return tuple(map(_with_tuples, value))
    return {key: _with_tuples(inner) for key, inner in value.items()} if isinstance(value, dict) else value
