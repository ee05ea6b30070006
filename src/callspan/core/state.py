"""What is in force: the tracer, the meters and the settings, in one object."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from opentelemetry._logs import Logger
from opentelemetry.trace import Tracer, TracerProvider

from callspan.capture.secret_keys import USUAL
from callspan.core.operations import VISIBLE
from callspan.core.signals import is_from_handler
from callspan.core.text import deny
from callspan.settings import Settings

_log = logging.getLogger("callspan")


class Roots:
    """What is known of the runs without a run above.

    Attributes:
        are_recorded: Whether the span of the last one was recorded.
        are_checked: Whether the first one has looked for other instrumentations.
        are_watched: Whether the telemetry is in force: another thread may call `uninstrument()` at any time.
    """

    __slots__ = ("are_checked", "are_recorded", "are_watched")

    def __init__(self) -> None:
        self.are_checked = self.are_recorded = self.are_watched = False


class Instruments(Protocol):
    """Measures the runs that have ended; `core/metrics.py` has it."""

    def record(self, run: Any, attributes: Any) -> None:
        """Measure a run, from the attributes of its result."""
        ...


class Meters(Protocol):
    """Finds the meter provider, which may be set late."""

    def instruments(self) -> Instruments | None:
        """Return the instruments, or None as long as nobody measures."""
        ...


class ContentWriter(Protocol):
    """Returns the content of a run's messages, redacted and limited; the package `capture` has it."""

    def input_attributes(self, run: Any) -> dict[str, str]:
        """Return the content of its input, as attributes."""
        ...

    def output_attributes(self, run: Any, outputs: Any) -> dict[str, str]:
        """Return the content of its output, as attributes."""
        ...

    def event_values(self, run: Any) -> dict[str, Any]:
        """Return its content as plain values, if its event has content."""
        ...


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Made by the instrumentor, replaced as a whole, never changed.

    Args:
        tracer: Makes the spans.
        settings: What the user set.
        content: Writes the content of messages.
        meters: Makes the instruments; None: nothing is measured.
        logged: What was logged already: each thing is logged once.
        visible: The highest `Operation.depth` that gets a span.
        roots: What is known of runs without a run above.
        provider: The provider that was given; None: the global one.
        logger: Writes events.
        redact: Redacts a part of the content; None: nothing is redacted.
        denied: The words of the keys whose values are secrets.
    """

    tracer: Tracer
    settings: Settings
    content: ContentWriter
    meters: Meters | None = None
    logged: set[str] = field(default_factory=set)
    visible: int = field(init=False)
    roots: Roots = field(default_factory=Roots)
    provider: TracerProvider | None = None
    logger: Logger | None = None
    redact: Callable[[Any, Any], Any] | None = None
    denied: frozenset[str] = USUAL

    def __post_init__(self) -> None:
        object.__setattr__(self, "visible", VISIBLE[self.settings.detail])


class Preparation:
    """A function to call when it is first needed, as late as possible: a program may set its provider late."""

    __slots__ = ("prepare",)

    def __init__(self) -> None:
        self.prepare: Callable[[], None] | None = None


first_run = Preparation()  # called before the first span of a run starts; removes itself

foreign_identity = Preparation()  # called when a run has a session or user, which other instrumentations' spans get too

_current: Telemetry | None = None

_last: Telemetry | None = None  # what was put in force last: calls that are under way when it is taken away end with it

_logged: set[str] = set()  # while nothing is instrumented: a provider's callbacks receive spans of others even then


def active() -> Telemetry:
    """Return what is in force, or what was last, for the calls that are under way after `uninstrument()`.

    Raises:
        RuntimeError: Nothing was ever instrumented.
    """
    active = _current or _last
    if active is None:
        raise RuntimeError("callspan is not instrumented")
    return active


def is_active() -> bool:
    """Return whether anything is instrumented."""
    return _current is not None


def last() -> Telemetry | None:
    """Return what was put in force last, if anything was: another object whenever something is instrumented."""
    return _last


def provider() -> TracerProvider | None:
    """Return the provider that was given, if one was."""
    return None if _current is None else _current.provider


def instruments() -> Instruments | None:
    """Return what measures; None as long as nobody does."""
    active = _current or _last
    return None if active is None or active.meters is None else active.meters.instruments()


def activate(telemetry: Telemetry | None) -> None:
    """Put this in force; None: nothing is, and `current` returns the last one to calls that are under way."""
    global _current, _last
    if _current is not None:
        _current.roots.are_watched = False
    if telemetry is not None:
        _last = telemetry
        telemetry.roots.are_watched = True
    _current = telemetry
    deny(denied_keys())


def denied_keys() -> frozenset[str]:
    """Return the words of the keys whose values are secrets."""
    return USUAL if _current is None else _current.denied


def first_time(what: str) -> bool:
    """Return whether this is the first time, so that it is logged once."""
    logged = _logged if _current is None else _current.logged
    if what in logged:
        return False
    logged.add(what)
    return True


def log_own_failure(where: str, error: BaseException) -> None:
    """Log a failure of our own once per place; in strict mode it raises.

    Call it from an `except` block: the user's call goes on after it. What a signal handler raised is let out.
    """
    if is_from_handler(error):
        raise error
    if _current is not None and _current.settings.strict:
        raise error
    if first_time(f"failed {where}"):
        _log.warning("callspan failed in %s; the call goes on without it", where, exc_info=error)


def log_sdk_failure(what: str, error: BaseException) -> None:
    """Log once that somebody else's part of OpenTelemetry raised: a processor, a sampler, an exporter.

    What a signal handler raised is let out.
    """
    if is_from_handler(error):
        raise error
    if first_time(f"refused {what}"):
        _log.warning("OpenTelemetry failed to %s; the call goes on without it", what, exc_info=error)
