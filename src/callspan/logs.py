"""Events beside spans: what a model was asked and answered, structured, in the context of its span."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber

from callspan import semconv, telemetry

DETAILS = "gen_ai.client.inference.operation.details"
"""The conventions' event of one call of a model."""


def tell_details(run: Any, said: Mapping[str, Any]) -> None:
    """Write the event of a model's call.

    Args:
        run: The run.
        said: What is known of it: attributes, and content as plain values.
    """
    logger = telemetry.current().logger
    if logger is None:
        return
    attributes = {**run.identity, semconv.CONVERSATION_ID: run.conversation, **said}
    record = LogRecord(
        timestamp=run.ended_at,
        context=run.context,
        severity_number=SeverityNumber.INFO,
        event_name=DETAILS,
        attributes={name: value for name, value in attributes.items() if value is not None},
    )
    try:
        logger.emit(record)
    except Exception as fault:  # noqa: BLE001 - whose processors these are
        telemetry.refused("write an event", fault)
