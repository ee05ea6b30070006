"""Events beside spans: a model's call with what was said, structured, and how a call failed; in its span's context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber

from callspan.core import state

DETAILS = "gen_ai.client.inference.operation.details"  # the conventions' event of one call of a model
EVALUATION = "gen_ai.evaluation.result"  # the conventions' event of a run that was scored; it stands on the span too

# The conventions' event of a call of a model, of embeddings or of a retriever that failed
FAILED = "gen_ai.client.operation.exception"


def tell_details(run: Any, content: Mapping[str, Any]) -> None:
    """Write the event of a model's call: all that its span says, but what was said as values instead of JSON."""
    of_content = {row.name for row in (*run.row.asked, *run.row.answered)}
    said = getattr(run.span, "attributes", None) or run.identity
    _emit(run, DETAILS, {**{name: value for name, value in said.items() if name not in of_content}, **content})


def tell_exception(run: Any, said: Mapping[str, Any]) -> None:
    """Write the event of a failure, once, where it began."""
    _emit(run, FAILED, said, SeverityNumber.WARN)


def tell_evaluation(run: Any, attributes: Mapping[str, Any]) -> None:
    """Write the event of a run that was scored."""
    _emit(run, EVALUATION, attributes)


def _emit(run: Any, name: str, attributes: Mapping[str, Any], severity: SeverityNumber | None = None) -> None:
    logger = state.current().logger
    if logger is None:
        return
    record = LogRecord(
        timestamp=run.ended_at,
        context=run.context,
        severity_number=severity,
        severity_text=None if severity is None else severity.name,
        event_name=name,
        attributes=dict(attributes),
    )
    try:
        logger.emit(record)
    except Exception as fault:  # noqa: BLE001 - whose processors these are
        state.refused("write an event", fault)
