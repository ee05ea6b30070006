"""What would be lost as a program exits: spans wait in a queue, and are sent from time to time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from callspan.cli.checks.finding import NOTE, OK, PROBLEM, Case, Finding

_QUEUE, _BATCH, _DELAY = "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_SCHEDULE_DELAY"
_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_LONG = 120.0  # seconds: nobody waits longer for an exit

# What the workers of a program need, as they end by `os._exit` or run without threads.
_SERVERS = {
    "celery": "flush as a worker ends: worker_process_shutdown.connect(lambda **_: callspan.flush(5))",
    "uwsgi": "start uWSGI with --enable-threads and --lazy-apps, or spans are never sent",
}


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


def _queue(case: Case) -> Iterable[Finding]:
    queue, batch = _number(case, 2048, _QUEUE), _number(case, 512, _BATCH)
    if batch > queue:
        yield Finding(
            PROBLEM,
            f"a batch ({_BATCH}: {batch:g}) is larger than the queue ({_QUEUE}: {queue:g}): the SDK refuses that",
            f"set {_BATCH} to at most {queue:g}",
        )


def _workers(case: Case) -> Iterable[Finding]:
    words = {PurePath(word).name.lower() for word in case.ran.command} if case.ran is not None else set[str]()
    for program, fix in _SERVERS.items():
        if program in words or (case.ran is None and program in case.installed):
            yield Finding(NOTE, f"{program}: what its workers have not sent yet when they end is lost", fix)


def _number(case: Case, default: float, *names: str) -> float:
    """Return the number of the first of these variables that is set to one."""
    for name in names:
        try:
            return float(case.variable(name))
        except ValueError:
            continue
    return default
