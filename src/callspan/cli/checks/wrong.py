"""Settings that do not say what they are meant to say."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from callspan.cli.checks.finding import NOTE, OK, PROBLEM, Case, Finding
from callspan.settings import VARIABLES

KNOWN = {
    *VARIABLES,
    *("CALLSPAN_CALLBACKS", "CALLSPAN_PRICES", "CALLSPAN_TRACE_FILE", "CALLSPAN_EXIT_TIMEOUT"),
    *("CALLSPAN_SERVERS", "CALLSPAN_VIEWERS"),
}
"""The variables of callspan's own, and OpenTelemetry's that it reads."""

_PROTOCOLS = ("grpc", "http/protobuf", "http/json")


def check(case: Case) -> Iterable[Finding]:
    """Check settings."""
    found = [*_refused(case), *_unknown(case), *_protocol(case)]
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


def _protocol(case: Case) -> Iterable[Finding]:
    for name in ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"):
        said = case.variable(name)
        if said and said not in _PROTOCOLS:
            yield Finding(PROBLEM, f"{name}={said!r} is no protocol", f"set it to {' or '.join(_PROTOCOLS[:2])}")
