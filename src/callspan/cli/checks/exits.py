"""What would be lost as a program exits: spans wait in a queue, and are sent from time to time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from callspan.cli.checks.finding import NOTE, OK, PROBLEM, Case, Finding
from callspan.cli.checks.installed import version_of

_QUEUE, _BATCH, _DELAY = "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_SCHEDULE_DELAY"
_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_LONG, _SHORT = 120.0, 0.5
"""Seconds: nobody waits longer for an exit; and few servers always answer faster."""

_FORKED_SINCE = (1, 44)
"""OpenTelemetry's SDK: from here on a forked worker has an identity of its own."""

_SERVERS = {
    "celery": "flush as a worker ends: worker_process_shutdown.connect(lambda **_: callspan.flush(5))",
    "uwsgi": "start uWSGI with --enable-threads and --lazy-apps, or spans are never sent",
}
"""By program: what its workers need, as they end by `os._exit` or run without threads."""


def check(case: Case) -> Iterable[Finding]:
    """Check the exit."""
    found = [*_timeout(case), *_queue(case), *_workers(case)]
    if not any(one.level == PROBLEM for one in found):
        delay = _number(case, 5000, _DELAY) / 1000
        yield Finding(
            OK,
            f"spans are sent every {delay:g} s and at the exit, which waits for a dead server "
            f"{_number(case, 10, *_TIMEOUTS):g} s or more; os._exit and kill -9 lose what waits",
        )
    yield from found


def _timeout(case: Case) -> Iterable[Finding]:
    seconds = _number(case, 10, *_TIMEOUTS)
    name = next((name for name in _TIMEOUTS if case.variable(name)), _TIMEOUTS[1])
    if seconds >= _LONG:
        yield Finding(
            PROBLEM,
            f"{name}={seconds:g} is read as seconds: with a dead server the exit hangs that long",
            f"set {name}=10, in seconds",
        )
    elif seconds < _SHORT:
        yield Finding(
            NOTE, f"{name}={seconds:g}: what takes longer than {seconds:g} s to send is lost", f"set {name}=2"
        )


def _queue(case: Case) -> Iterable[Finding]:
    queue, batch = _number(case, 2048, _QUEUE), _number(case, 512, _BATCH)
    if batch > queue:
        yield Finding(
            PROBLEM,
            f"a batch ({_BATCH}: {batch:g}) is larger than the queue ({_QUEUE}: {queue:g}): the SDK refuses that",
            f"set {_BATCH} to at most {queue:g}",
        )
    if case.variable("OTEL_BSP_EXPORT_TIMEOUT"):
        yield Finding(
            NOTE, "OTEL_BSP_EXPORT_TIMEOUT has no effect in Python", "set OTEL_EXPORTER_OTLP_TIMEOUT, in seconds"
        )
    if case.ran is not None and (spans := case.ran.heard.recorded) > queue:
        yield Finding(
            NOTE,
            f"the command had {spans} spans, and the queue has room for {queue:g}: with a slow server some are dropped",
            f"set {_QUEUE} higher",
        )


def _workers(case: Case) -> Iterable[Finding]:
    words = {PurePath(word).name.lower() for word in case.ran.command} if case.ran is not None else set[str]()
    for program, fix in _SERVERS.items():
        if program in words or (case.ran is None and program in case.installed):
            yield Finding(NOTE, f"{program}: what its workers have not sent yet when they end is lost", fix)
    sdk = case.installed.get("opentelemetry-sdk", "")
    if words & {"gunicorn", "celery"} and sdk and version_of(sdk) < _FORKED_SINCE:
        yield Finding(
            NOTE,
            f"with opentelemetry-sdk {sdk} forked workers all say that they are the same process",
            "pip install 'opentelemetry-sdk>=1.44', or instrument after the fork",
        )


def _number(case: Case, default: float, *names: str) -> float:
    """Return the number of the first of these variables that is set to one."""
    for name in names:
        try:
            return float(case.variable(name))
        except ValueError:
            continue
    return default
