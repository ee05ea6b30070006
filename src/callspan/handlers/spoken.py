"""What was said in a run, for handlers that write it down: only as the settings have it, sampled out or not."""

from __future__ import annotations

from typing import Any

from callspan.capture import content
from callspan.capture.limit import within
from callspan.core import errors, spans, state
from callspan.core.run import Run


def said_in(run: Run) -> dict[str, Any]:
    """Return what a run was asked and what it answered, by the names of the attributes, redacted and cut.

    Args:
        run: The run, which has ended. With content off, here or in its block, and of other instrumentations' calls it
            is nothing.
    """
    if run.is_foreign or not state.is_active() or content.mode(run.context) == content.NO_CONTENT:
        return {}
    asked = content.read_fields(run.row.input_content, run)
    found = {**asked, **content.read_fields(run.row.output_content, run, run.outputs)}
    limit = state.active().settings.content_limit
    return {name: within(value, limit) for name, value in found.items()}


def error_in(run: Run) -> tuple[str | None, str | None]:
    """Return the class of the exception that ended a run, by its full name, and as much of its text as may be written.

    Args:
        run: The run.
    """
    error = run.error
    if error is None:
        return None, None
    text = spans.attempt("the text of an error", errors.error_text, error)
    return errors.error_type(error), text or None


def ids_of(run: Run) -> tuple[str | None, str | None]:
    """Return the ids of a run's trace and span, as hex digits; None where it has none.

    Args:
        run: The run.
    """
    context = run.span.get_span_context()
    if not context.is_valid:
        return None, None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"
