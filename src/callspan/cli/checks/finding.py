"""What a check finds, and what it is given to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from callspan.cli.checks.command import Ran

OK, NOTE, PROBLEM = "ok", "note", "problem"
"""All is well; worth knowing; something is not traced, not sent or wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Args:
        level: `ok`, `note` or `problem`.
        what: What it is, in one line.
        fix: What to do about it, in one line; empty if there is nothing to do.
    """

    level: str
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to look at.

    Args:
        environment: The variables.
        installed: The distributions that are installed, by name, with their versions.
        instrumentors: Whose instrumentations `opentelemetry-instrument` finds: the distribution and its names for them.
        probe: What a process under all of them said (`probe.py`); empty if it failed.
        broken: Why it failed.
        sent: What became of the test span (`trial.py`); empty if that failed.
        unsent: Why it failed.
        ran: The command that was run, if one was.
    """

    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    installed: Mapping[str, str] = field(default_factory=dict[str, str])
    instrumentors: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    probe: Mapping[str, Any] = field(default_factory=dict[str, Any])
    broken: str = ""
    sent: Mapping[str, Any] = field(default_factory=dict[str, Any])
    unsent: str = ""
    ran: Ran | None = None

    def variable(self, *names: str) -> str:
        """Return the first of these variables that has a value, without blanks around it; else nothing."""
        return next((value for name in names if (value := self.environment.get(name, "").strip())), "")

    def switched(self, name: str) -> bool:
        """Return whether a variable says true."""
        return self.variable(name).lower() in ("true", "1")


Check = Callable[[Case], Iterable[Finding]]
