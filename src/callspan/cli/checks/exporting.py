"""Checks of whether spans get out: of a test span that was sent, and of what is lost as a program exits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath
from urllib.parse import urlsplit

from callspan.cli.checks.environment import NOTE, PROBLEM, Environment, Finding, note, ok, problem
from callspan.cli.checks.probe import protocol
from callspan.viewer.otlp_http import address

_ENDPOINT, _TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
_QUEUE, _BATCH, _DELAY = "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_SCHEDULE_DELAY"
TIMEOUTS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")

_LONG = 120.0  # seconds: nobody waits longer for an exit

_INSTALL = {
    **dict.fromkeys(("otlp_proto_grpc", "otlp_proto_http"), "pip install 'callspan[otlp]'"),
    "otlp with http/json": "set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf",
}

# By words of an error, in small letters and separated by |: what to do
_FIXES = {
    "401|403|unauthorized|unauthenticated|permission_denied|forbidden": (
        "give the key in OTEL_EXPORTER_OTLP_HEADERS, such as authorization=Bearer%20KEY"
    ),
    "404|405|unimplemented": (
        f"correct the path: /v1/traces is added to {_ENDPOINT}, and {_TRACES_ENDPOINT} is taken as it is"
    ),
    "ssl|certificate|handshake|wrong version number": (
        "write http:// or https:// as the server has it; for its own certificate set OTEL_EXPORTER_OTLP_CERTIFICATE"
    ),
    "name or service not known|nodename nor servname|getaddrinfo|name resolution|dns|nameresolution": (
        f"correct the host in {_ENDPOINT}"
    ),
    "resource_exhausted|413|too large": "raise the server's limit of a request's size",
    "unsupported|invalid": "correct the variable that the message names",
}

_RETRIES = re.compile(r" encountered while exporting .*?, retrying in [\d.]+s\.?|Error details: |^Transient error ")
_GAVE_UP = "due to timeout, max retries or shutdown"

# What the workers of a program need, as they end by `os._exit` or run without threads
_SERVERS = {
    "celery": "flush as a worker ends: worker_process_shutdown.connect(lambda **_: callspan.flush(5))",
    "uwsgi": "start uWSGI with --enable-threads and --lazy-apps, or spans are never sent",
}


def check_exporter(environment: Environment) -> Iterable[Finding]:
    """Check the test span's way."""
    if failed := environment.sending_error:
        yield problem(f"the test span could not be sent: {failed}", _fix(environment, failed))
    file = environment.sending.get("file")
    if file and file["sent"]:
        yield ok("a test span was sent by what OTEL_CONFIG_FILE sets up")
    elif file:
        why = _without_keys(environment, last_cause(file["logged"]))
        yield problem(f"OTEL_CONFIG_FILE: the test span could not be sent: {why}", _fix(environment, why))
    # What nobody configured is no problem: spans may go elsewhere, into a file for example
    is_configured = environment.variable("OTEL_TRACES_EXPORTER", _ENDPOINT, _TRACES_ENDPOINT, *_PROTOCOLS)
    level = PROBLEM if is_configured else NOTE
    for one in environment.sending.get("exporters", ()):
        name = one["name"]
        where = address(_endpoint(environment)) if name.startswith("otlp_proto") else "where it sends"
        if one["sent"]:
            yield ok(f"a test span was sent by {name} to {where}")
        elif not one["installed"]:
            fix = _INSTALL.get(name, f"install the exporter {name}, or correct OTEL_TRACES_EXPORTER")
            yield Finding(level, f"the exporter {name} is not installed", fix)
        else:
            why = _without_keys(environment, last_cause(one["logged"]))
            what = f"the test span could not be sent by {name} to {where}: {why}"
            yield Finding(level, what, _fix(environment, why))


def last_cause(logged: Iterable[str]) -> str:
    """Return the last cause that an exporter logged: it logs each try, and at last perhaps only that it gave up."""
    causes = [_RETRIES.sub("", text).strip() for text in logged if _GAVE_UP not in text]
    return causes[-1] if causes else "it gave up and does not say why"


def _without_keys(environment: Environment, text: str) -> str:
    """Return a text without the keys that the address may have."""
    parts = urlsplit(_endpoint(environment))
    for key in filter(None, (parts.query, parts.password, parts.username)):
        text = text.replace(key, "…")
    return text


def _endpoint(environment: Environment) -> str:
    """Return the address that spans go to by OTLP."""
    if own := environment.variable(_TRACES_ENDPOINT):
        return own
    base = environment.variable(_ENDPOINT)
    if protocol(environment.variables) == "grpc":
        return base or "http://localhost:4317"
    parts = urlsplit(base or "http://localhost:4318")
    return parts._replace(path=f"{parts.path.rstrip('/')}/v1/traces").geturl()


def _fix(environment: Environment, why: str) -> str:
    where, is_grpc = address(_endpoint(environment)), protocol(environment.variables) == "grpc"
    if is_grpc and ":4318" in where:
        return "port 4318 is that of HTTP: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
    if not is_grpc and ":4317" in where:
        return "port 4317 is that of gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or the port to 4318"
    for words, fix in _FIXES.items():
        if any(word in why.lower() for word in words.split("|")):
            return fix
    return f"start a Collector or Jaeger at {where}, or set {_ENDPOINT} to where one is"


def check_exit(environment: Environment) -> Iterable[Finding]:
    """Check what would be lost as a program exits: spans wait in a queue, and are sent from time to time."""
    timeout = environment.number(10, *TIMEOUTS)
    queue, batch = environment.number(2048, _QUEUE), environment.number(512, _BATCH)
    if timeout < _LONG and batch <= queue:
        yield ok(
            f"spans are sent every {environment.number(5000, _DELAY) / 1000:g} s and at the exit, which waits for a "
            f"dead server {timeout:g} s or more; os._exit and kill -9 lose what waits",
        )
    if timeout >= _LONG:
        name = next(name for name in TIMEOUTS if environment.variable(name))
        what = f"{name}={timeout:g} is read as seconds: with a dead server the exit hangs that long"
        yield problem(what, f"set {name}=10, in seconds")
    if batch > queue:
        what = f"a batch ({_BATCH}: {batch:g}) is larger than the queue ({_QUEUE}: {queue:g}): the SDK refuses that"
        yield problem(what, f"set {_BATCH} to at most {queue:g}")
    ran = environment.ran
    programs = environment.installed if ran is None else {PurePath(word).name.lower() for word in ran.command}
    for program, fix in _SERVERS.items():
        if program in programs:
            yield note(f"{program}: what its workers have not sent yet when they end is lost", fix)
