"""What is recorded of what was said, and where it goes."""

from __future__ import annotations

from collections.abc import Iterable

from callspan.cli.checks.finding import NOTE, OK, PROBLEM, Case, Finding
from callspan.cli.checks.trial import protocol

_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def check(case: Case) -> Iterable[Finding]:
    """Check content."""
    mode = case.probe.get("content")
    if mode is None:
        return
    if mode == "no_content":
        yield Finding(OK, "content is off: no prompt, answer, argument or result is recorded")
        return
    places = {"span_only": "on spans", "event_only": "in log events", "span_and_event": "on spans and in log events"}
    limit, redact = case.probe["content_limit"], case.probe["redact"]
    yield Finding(
        NOTE,
        f"content is on: what was said is recorded {places[mode]}, at most {limit} bytes each; redacted: {redact}",
        f"unset {_VARIABLE}, if that is not meant",
    )
    if redact == "none":
        yield Finding(NOTE, "CALLSPAN_REDACT=none: keys and passwords are recorded too", "unset CALLSPAN_REDACT")
    if "event" in mode and case.variable("OTEL_LOGS_EXPORTER").lower() == "none":
        yield Finding(
            PROBLEM,
            f"{_VARIABLE}={mode}, and OTEL_LOGS_EXPORTER=none: the events go nowhere",
            "set OTEL_LOGS_EXPORTER=otlp, or the content to span_only",
        )
    if "span" in mode and protocol(case.environment) == "grpc":
        yield Finding(
            NOTE,
            "content goes over gRPC: servers refuse a batch of more than 4 MiB, and all its spans are lost",
            "set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf (port 4318), or OTEL_BSP_MAX_EXPORT_BATCH_SIZE=64",
        )
