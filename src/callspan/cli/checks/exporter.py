"""Whether spans get out: a real one was sent, through each exporter that is configured."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from callspan.cli.checks.exporter_trial import protocol
from callspan.cli.checks.finding import NOTE, OK, PROBLEM, Case, Finding
from callspan.viewer.otlp_http import address

_CONFIGURED = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
               "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")  # fmt: skip

_INSTALL = {
    "otlp_proto_grpc": "pip install 'callspan[otlp]'",
    "otlp_proto_http": "pip install 'callspan[otlp]'",
    "otlp with http/json": "set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf",
}


def check(case: Case) -> Iterable[Finding]:
    """Check the test span's way."""
    if case.unsent:
        yield Finding(PROBLEM, f"the test span could not be sent: {case.unsent}", _fix(case, case.unsent))
    if case.sent.get("file"):
        said = _without_keys(case, cause(case.sent.get("said", ())))
        yield (
            Finding(OK, "a test span was sent by what OTEL_CONFIG_FILE sets up")
            if case.sent["sent"]
            else Finding(PROBLEM, f"OTEL_CONFIG_FILE: the test span could not be sent: {said}", _fix(case, said))
        )
    # What nobody asked for is no problem: spans may go elsewhere, into a file for one.
    level = PROBLEM if case.variable(*_CONFIGURED) else NOTE
    for one in case.sent.get("exporters", ()):
        name = one["name"]
        if one["sent"]:
            yield Finding(OK, f"a test span was sent by {name} to {_target(case, name)}")
        elif not one["installed"]:
            fix = _INSTALL.get(name, f"install the exporter {name}, or correct OTEL_TRACES_EXPORTER")
            yield Finding(level, f"the exporter {name} is not installed", fix)
        else:
            said = _without_keys(case, cause(one["said"]))
            what = f"the test span could not be sent by {name} to {_target(case, name)}: {said}"
            yield Finding(level, what, _fix(case, said))


_CHATTER = re.compile(r" encountered while exporting .*?, retrying in [\d.]+s\.?|Error details: |^Transient error ")
_GAVE_UP = "due to timeout, max retries or shutdown"


def cause(said: Iterable[str]) -> str:
    """Return the last cause in an exporter's output: it reports each try, and at last perhaps only that it gave up."""
    told = [_CHATTER.sub("", text).strip() for text in said if _GAVE_UP not in text]
    return told[-1] if told else "it gave up and does not say why"


def _without_keys(case: Case, said: str) -> str:
    """Return what an exporter said without what its address has of keys."""
    parts = urlsplit(endpoint(case))
    for key in filter(None, (parts.query, parts.password, parts.username)):
        said = said.replace(key, "…")
    return said


def _target(case: Case, name: str) -> str:
    return address(endpoint(case)) if name.startswith("otlp_proto") else "where it sends"


def endpoint(case: Case) -> str:
    """Return the address that spans go to by OTLP."""
    if own := case.variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        return own
    base = case.variable("OTEL_EXPORTER_OTLP_ENDPOINT")
    if protocol(case.environment) == "grpc":
        return base or "http://localhost:4317"
    parts = urlsplit(base or "http://localhost:4318")
    return parts._replace(path=f"{parts.path.rstrip('/')}/v1/traces").geturl()


_HTTP, _GRPC = ":4318", ":4317"

_FIXES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("401", "403", "unauthorized", "unauthenticated", "permission_denied", "forbidden"),
        "give the key in OTEL_EXPORTER_OTLP_HEADERS, such as authorization=Bearer%20KEY",
    ),
    (
        ("404", "405", "unimplemented"),
        (
            "correct the path: /v1/traces is added to OTEL_EXPORTER_OTLP_ENDPOINT, "
            "and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is taken as it is"
        ),
    ),
    (
        ("ssl", "certificate", "handshake", "wrong version number"),
        "write http:// or https:// as the server has it; for its own certificate set OTEL_EXPORTER_OTLP_CERTIFICATE",
    ),
    (
        (
            "name or service not known",
            "nodename nor servname",
            "getaddrinfo",
            "name resolution",
            "dns",
            "nameresolution",
        ),
        "correct the host in OTEL_EXPORTER_OTLP_ENDPOINT",
    ),
    (("resource_exhausted", "413", "too large"), "raise the server's limit of a request's size"),
    (("unsupported", "invalid"), "correct the variable that the message names"),
)
"""By words of an error, all in small letters: what to do."""


def _fix(case: Case, said: str) -> str:
    where, spoken = address(endpoint(case)), protocol(case.environment)
    if spoken == "grpc" and _HTTP in where:
        return "port 4318 is that of HTTP: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
    if spoken != "grpc" and _GRPC in where:
        return "port 4317 is that of gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or the port to 4318"
    lower = said.lower()
    for words, fix in _FIXES:
        if any(word in lower for word in words):
            return fix
    return f"start a Collector or Jaeger at {where}, or set OTEL_EXPORTER_OTLP_ENDPOINT to where one is"
