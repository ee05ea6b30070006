"""Events beside spans, in the span's context: a model's call with its content, a failure, a score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber

from callspan.core import state

# The conventions' events: a call of a model, its failure or that of embeddings or a retriever, and a score.
DETAILS = "gen_ai.client.inference.operation.details"
FAILED = "gen_ai.client.operation.exception"
EVALUATION = "gen_ai.evaluation.result"  # it stands on the span too


def write_details(run: Any, content: Mapping[str, Any]) -> None:
    """Write the event of a model's call: the attributes of its span, with the content as values instead of JSON."""
    of_content = {row.name for row in (*run.row.input_content, *run.row.output_content)}
    attributes = getattr(run.span, "attributes", None) or run.identity
    _emit(run, DETAILS, {**{name: value for name, value in attributes.items() if name not in of_content}, **content})


def write_exception(run: Any, attributes: Mapping[str, Any]) -> None:
    """Write the event of a failure, once, where it began."""
    _emit(run, FAILED, attributes, SeverityNumber.WARN)


def write_evaluation(run: Any, attributes: Mapping[str, Any]) -> None:
    """Write the event of a run that was scored."""
    _emit(run, EVALUATION, attributes)


def _emit(run: Any, name: str, attributes: Mapping[str, Any], severity: SeverityNumber | None = None) -> None:
    logger = state.active().logger
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
        state.log_sdk_failure("write an event", fault)
