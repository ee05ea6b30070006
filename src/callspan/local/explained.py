"""Trace files, read and explained: what page, terminal, numbers and tests have in common."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

from callspan.local.errors import explain
from callspan.local.otlp import RawSpan
from callspan.local.path import trace_back
from callspan.local.read import Source, read
from callspan.local.trace import Trace, traces_of
from callspan.local.usage import Price, own


def read_traces(
    files: Iterable[str | PathLike[str]], price: Price | None = None, source: Source | None = None
) -> tuple[list[Trace], Source]:
    """Read trace files: the traces by their start, each span with its failure, its own usage and its part of the path.

    Raises:
        OSError: A file cannot be opened.
    """
    source = source or Source()
    return explained(read(files, source), price), source


def explained(spans: Iterable[RawSpan], price: Price | None = None) -> list[Trace]:
    """Put spans into their places, and explain them."""
    traces = traces_of(spans)
    for trace in traces:
        explain(trace)
        own(trace, price)
        trace_back(trace)
    return traces
