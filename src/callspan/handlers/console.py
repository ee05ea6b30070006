"""A line for each step as it ends: what `callspan run` prints where nothing can be drawn."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import IO, Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.trace import Status, StatusCode

from callspan import errors, semconv, spans
from callspan.callback.callback import Callback
from callspan.local.live import Live
from callspan.local.plan import VARIABLE
from callspan.local.screen import Screen
from callspan.run import FAILED, OK, Run


class Console(Callback):
    """Prints a line when a model, a tool or a retriever has answered, when something fails, and when a root ends.

    Under `callspan run`, which prints the same, it says nothing. What is not recorded is printed too.

    Args:
        stream: Where the lines go; standard error by default.
        ascii: Whether only ASCII signs are wanted.
    """

    def __init__(self, stream: IO[str] | None = None, *, ascii: bool = False) -> None:  # noqa: A002 - as of `callspan run`
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
            shown = run.state[self] = _shown(run)
            self._live.on_start(shown)

    def on_run_end(self, run: Run) -> None:
        self._end(run)

    def on_run_error(self, run: Run) -> None:
        self._end(run)

    def _end(self, run: Run) -> None:
        shown = run.notes.pop(self, None) if run.notes else None
        if self._live is not None and shown is not None:
            _finish(shown, run)
            self._live.on_end(shown)


def _is_unrecorded(run: Run) -> bool:
    """Tell whether a run has a place of its own, but no span that is recorded."""
    if run.is_foreign or run.span.is_recording():
        return False
    context, above = run.span.get_span_context(), run.parent
    hidden = above is not None and above.span.get_span_context().span_id == context.span_id
    return context.is_valid and not hidden


def _shown(run: Run) -> Any:
    """Make what a line needs of a span, of a run whose span is not recorded."""
    row, above = run.row, run.parent
    target = run.name if row.target is None else run.identity.get(row.target)
    parent = None if above is None else above.span.get_span_context()
    return SimpleNamespace(
        context=run.span.get_span_context(),
        parent=parent if parent is not None and parent.is_valid else None,
        name=row.word if target is None else f"{row.word} {target}",
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
    elif run.outcome == OK:
        answer = None if run.outputs is None else spans.attempt("a result", run.row.answer, run.outputs)
        said.update(spans.read(run.row.end, answer) if answer is not None and run.row.end else {})
    if run.outcome != OK and run.outcome not in FAILED:
        said[semconv.RUN_OUTCOME] = str(run.outcome)
