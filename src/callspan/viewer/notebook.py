"""The last run in a notebook: kept in memory, and shown as the page in a frame; as text where there is none."""

from __future__ import annotations

import html
import sys
from collections import OrderedDict
from importlib import import_module
from threading import Lock, RLock
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from callspan.core import state
from callspan.runner.provider_setup import join
from callspan.viewer.analyze import analyze
from callspan.viewer.open_traces import raw_of
from callspan.viewer.page import write_page
from callspan.viewer.page_data import page_data
from callspan.viewer.read import Source
from callspan.viewer.terminal import look_of
from callspan.viewer.trace import Trace
from callspan.viewer.tree import tree_lines

_TRACES = 20  # how many traces are kept; a notebook stays open for days

_SPANS = 10_000  # how many spans of one


class Kept(SpanProcessor):
    """Keeps the spans of the last traces."""

    def __init__(self) -> None:
        self._lock = RLock()  # a generator that is collected while we keep may end a span itself
        self._traces: OrderedDict[int, list[ReadableSpan]] = OrderedDict()

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span."""
        context = span.get_span_context()
        if context is None:
            return
        with self._lock:
            spans = self._traces.setdefault(context.trace_id, [])
            if len(spans) < _SPANS:
                spans.append(span)
            self._traces.move_to_end(context.trace_id)
            if len(self._traces) > _TRACES:
                self._traces.popitem(last=False)

    def last(self, number: int) -> list[Trace]:
        """Return the traces whose spans ended last, at most `number`, analyzed, by their start."""
        with self._lock:
            spans = [span for trace in list(self._traces.values())[-number:] for span in trace]
        return analyze(raw_of(span, whole=True) for span in spans)


_kept: list[Kept] = []

_joining = Lock()


def keep() -> None:
    """Keep runs from now on; in a program that has no tracer provider one is set."""
    with _joining:
        if not _kept:
            kept = Kept()
            join([kept])
            _kept.append(kept)
        state.first_run.prepare = None


def is_notebook() -> bool:
    """Return whether this process shows HTML: it is a notebook's, and not IPython in a terminal."""
    shell = sys.modules.get("IPython")
    return shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None


def show(last: int = 1, *, height: int = 480) -> None:
    """Show the last run: in a notebook as the page, in a frame that reaches nothing around it; elsewhere as text.

    In notebooks and IPython runs are kept from `callspan.instrument()` on, elsewhere from the first `show()` on.

    Args:
        last: How many runs, the newest ones.
        height: Of the frame, in pixels.

    Raises:
        RuntimeError: Nothing is instrumented.
        ValueError: It is fewer than one run.
    """
    if last < 1:
        raise ValueError(f"last={last!r} is not allowed: how many runs, at least 1")
    if not state.is_active():
        raise RuntimeError("callspan is not instrumented: call callspan.instrument() before what is to be shown")
    kept_before = bool(_kept)
    keep()
    traces = _kept[0].last(last)
    if not traces:
        print(f"callspan: nothing has run {'yet' if kept_before else 'while runs are kept, which is from now on'}")
    elif is_notebook():
        inline: Any = import_module("IPython.display")
        inline.display(inline.HTML(frame(traces, height)))
    else:
        look = look_of(sys.stdout)
        for trace in traces:
            print("\n".join(tree_lines(trace, look)))


def frame(traces: list[Trace], height: int) -> str:
    """Return the page as a frame, so many pixels high, of a document that it cannot touch."""
    source = Source(files=["notebook"], spans=sum(len(trace.spans) for trace in traces))
    page = html.escape(write_page(page_data(traces, source)), quote=True)
    style = f"width:100%;height:{int(height)}px;border:1px solid #8884"
    return f'<div><iframe sandbox="allow-scripts" style="{style}" srcdoc="{page}"></iframe></div>'
