"""A line for each step as it ends: what `callspan run` prints where nothing can be drawn."""

from __future__ import annotations

import itertools
import os
import sys
from types import SimpleNamespace
from typing import IO, Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.trace import SpanContext, Status, StatusCode

from callspan import semconv
from callspan.callback.callback import Callback
from callspan.core import errors, spans, state
from callspan.core.run import FAILED, OK, SKIPPED, Run
from callspan.core.text import safe_name
from callspan.langchain.announce import HIDDEN_TAG
from callspan.runner.options import VARIABLE
from callspan.viewer.live import Live
from callspan.viewer.screen import Screen


class Console(Callback):
    """Prints a line when a model, a tool or a retriever has answered, when something fails, and when a root ends.

    Under `callspan run`, which prints the same, it says nothing. What is not recorded is printed too.

    Args:
        stream: Where the lines go; standard error by default.
        ascii: Whether only ASCII signs are wanted.

    Raises:
        TypeError: The stream is none.
    """

    def __init__(self, stream: IO[str] | None = None, *, ascii: bool = False) -> None:  # noqa: A002 - as of `callspan run`
        if stream is not None and not hasattr(stream, "write"):
            raise TypeError(f"stream={stream!r} is not allowed: a file that texts are written to")
        self._live: Live | None = None
        if VARIABLE not in os.environ:
            self._live = Live(Screen(stream or sys.stderr, ascii=ascii, plain=True))

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note a span that has started."""
        super().on_start(span, parent_context)
        if self._live is not None:
            self._live.on_start(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Print what has ended."""
        super().on_end(span)
        if self._live is not None:
            self._live.on_end(span)

    def on_run_start(self, run: Run) -> None:
        if self._live is not None and _is_unrecorded(run):
            shown = run.state[self] = _shown(run, self._above(run))
            self._live.on_start(shown)

    def on_run_end(self, run: Run) -> None:
        self._end(run)

    def on_run_error(self, run: Run) -> None:
        self._end(run)

    def _end(self, run: Run) -> None:
        shown = run.notes.get(self) if run.notes else None
        if self._live is not None and shown is not None:
            _finish(shown, run)
            self._live.on_end(shown)

    def _above(self, run: Run) -> Any:
        """Return what is shown of the nearest run around that is."""
        above = run.parent
        while above is not None:
            if above.notes and self in above.notes:
                return above.notes[self]
            above = above.parent
        return None


def _is_unrecorded(run: Run) -> bool:
    """Return whether a run has no span that is recorded, though it is none of those that are hidden."""
    if run.is_foreign or run.watched or run.span.is_recording():
        return False
    return run.parent is None or not (HIDDEN_TAG in run.tags or run.row.depth > state.active().visible)


_numbers = itertools.count(1)


def _shown(run: Run, above: Any) -> Any:
    """Make what a line needs of a span, of a run that has none, or one that is not recorded."""
    row, number = run.row, next(_numbers)
    target = safe_name(run.name) if row.target is None else run.identity.get(row.target)
    return SimpleNamespace(
        context=SpanContext(number if above is None else above.context.trace_id, number, is_remote=False),
        parent=None if above is None else above.context,
        name=row.span_prefix if target is None else f"{row.span_prefix} {target}",
        start_time=run.started,
        end_time=None,
        attributes={**run.identity, **spans.read(row.start, run)},
        status=Status(StatusCode.UNSET),
        events=(),
        links=(),
    )


def _finish(shown: Any, run: Run) -> None:
    """Add what is known at the end."""
    shown.end_time = run.ended_at
    said = shown.attributes
    if run.outcome in FAILED and run.error is not None:
        said[semconv.ERROR_TYPE] = errors.error_type(run.error)
        shown.status = Status(StatusCode.ERROR, spans.attempt("the text of an error", errors.error_text, run.error))
    if run.outcome != SKIPPED:
        answer = None if run.outputs is None else run.taken_apart(run.outputs)
        said.update(spans.read(run.row.end, answer) if answer is not None and run.row.end else {})
    if run.outcome != OK and run.outcome not in FAILED:
        said[semconv.RUN_OUTCOME] = str(run.outcome)
