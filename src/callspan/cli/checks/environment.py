"""What the doctor's checks look at, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from callspan.cli.checks.run_counter import RunCounts
from callspan.viewer.trace import Trace

OK, NOTE, PROBLEM = "ok", "note", "problem"  # nothing to do; worth knowing; not traced, not sent or wrong

DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check: its level, what it is, and what to do about it, each in one line."""

    level: str
    what: str
    fix: str = ""


def ok(what: str) -> Finding:
    """Return a result that needs nothing done."""
    return Finding(OK, what)


def note(what: str, fix: str = "") -> Finding:
    """Return a result that is worth knowing."""
    return Finding(NOTE, what, fix)


def problem(what: str, fix: str) -> Finding:
    """Return a problem, with its fix."""
    return Finding(PROBLEM, what, fix)


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A command that was run."""

    command: tuple[str, ...]
    code: int
    traces: list[Trace]
    counts: RunCounts = field(default_factory=RunCounts)  # of its runs, exported or not
    other_python: str = ""  # the folder of the interpreter that it names, if that is not this one


@dataclass(frozen=True, slots=True)
class Environment:
    """What the checks look at; `probe.py` makes the reports."""

    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    installed: Mapping[str, str] = field(default_factory=dict[str, str])  # by distribution: its version
    instrumentors: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])  # by distribution
    loading: Mapping[str, Any] = field(default_factory=dict[str, Any])  # the report of a process that loaded them all
    loading_error: str = ""  # why there is no report
    sending: Mapping[str, Any] = field(default_factory=dict[str, Any])  # the report on the test span
    sending_error: str = ""
    ran: CommandRun | None = None

    def variable(self, *names: str) -> str:
        """Return the first of these variables that has a value, without spaces around it; else an empty text."""
        return next((value for name in names if (value := self.variables.get(name, "").strip())), "")

    def number(self, default: float, *names: str) -> float:
        """Return the number of the first of these variables that is one."""
        for name in names:
            try:
                return float(self.variable(name))
            except ValueError:
                continue
        return default

    def is_on(self, *names: str) -> bool:
        """Return whether one of these variables is true."""
        return any(self.variable(name).lower() in ("true", "1") for name in names)

    def is_active(self, scope: str) -> bool:
        """Return whether the process that loaded everything has an instrumentation whose name begins so."""
        return any(name.startswith(scope) for name in self.loading.get("active", ()))


Check = Callable[[Environment], Iterable[Finding]]
