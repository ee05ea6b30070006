"""Which settings are refused or misspelt, and what content is recorded where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from callspan.cli.checks.exporter_trial import protocol
from callspan.cli.checks.finding import NOTE, OK, PROBLEM, Case, Finding
from callspan.settings import VARIABLES

_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

# The variables of callspan, and those of OpenTelemetry that it reads.
KNOWN = {
    *VARIABLES,
    *("CALLSPAN_CALLBACKS", "CALLSPAN_PRICES", "CALLSPAN_TRACE_FILE", "CALLSPAN_EXIT_TIMEOUT"),
    *("CALLSPAN_SERVERS", "CALLSPAN_VIEWERS"),
}


def check(case: Case) -> Iterable[Finding]:
    """Check settings."""
    found = [*_refused(case), *_unknown(case)]
    yield from found
    if not found and case.probe:
        yield Finding(OK, f"settings are read; detail: {case.probe['detail']}")
    if case.variable("OTEL_CONFIG_FILE"):
        yield Finding(
            NOTE, "OTEL_CONFIG_FILE is set: OpenTelemetry heeds the file, and not most of its variables", "see the file"
        )


def _refused(case: Case) -> Iterable[Finding]:
    for one in case.probe.get("said", ()):
        if one["by"].startswith("callspan"):
            yield Finding(PROBLEM, one["text"], "write one of the allowed values, or take it out")


def _unknown(case: Case) -> Iterable[Finding]:
    for name in sorted(case.environment):
        if name.startswith("CALLSPAN_") and name not in KNOWN:
            close = difflib.get_close_matches(name, KNOWN, 1)
            yield Finding(
                PROBLEM if close else NOTE,
                f"{name} is no variable of callspan's",
                f"did you mean {close[0]}?" if close else "take it out",
            )


def check_content(case: Case) -> Iterable[Finding]:
    """Check what of messages is recorded, and where it goes."""
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
        f"unset {_CONTENT}, if that is not meant",
    )
    if redact == "none":
        yield Finding(NOTE, "CALLSPAN_REDACT=none: keys and passwords are recorded too", "unset CALLSPAN_REDACT")
    if "event" in mode and case.variable("OTEL_LOGS_EXPORTER").lower() == "none":
        yield Finding(
            PROBLEM,
            f"{_CONTENT}={mode}, and OTEL_LOGS_EXPORTER=none: the events go nowhere",
            "set OTEL_LOGS_EXPORTER=otlp, or the content to span_only",
        )
    if "span" in mode and protocol(case.environment) == "grpc":
        yield Finding(
            NOTE,
            "content goes over gRPC: servers refuse a batch of more than 4 MiB, and all its spans are lost",
            "set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf (port 4318), or OTEL_BSP_MAX_EXPORT_BATCH_SIZE=64",
        )
