"""The limits of a budget, what of them is used by one account, and the stop that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from callspan.core.dispatch import Stop


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be used; None: as much as one likes.

    Args:
        tokens: Tokens, of input and output.
        output_tokens: Tokens of output.
        cost: US dollars.
        calls: Calls of models and embeddings.
        seconds: Time since the first run that was heard.
    """

    tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    calls: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name, value in self.given():
            number: Any = value
            if isinstance(number, bool) or not isinstance(number, (int, float)) or not number >= 0:
                raise ValueError(f"{name}={value!r} is not allowed: a number, not below 0")
        if not self.given():
            names = ", ".join(one.name for one in fields(self))
            raise ValueError(f"a budget needs a limit: {names}")

    def given(self) -> list[tuple[str, float]]:
        """Return the limits that there are, by name."""
        return [(one.name, value) for one in fields(self) if (value := getattr(self, one.name)) is not None]


class OverBudget(Stop):
    """A budget stops a call: it was not made, or its answer was cut short.

    Args:
        limit: The name of the limit that is reached.
        allowed: What it allows.
        used: What was used, that of open calls as far as it is known.
        left: What is left of each limit of the budget.
        call: What was stopped: the name of the span, `chat gpt-5-mini`.
        begun: Whether its answer had begun.
        key: Whose account it is: the id of the session, user or root; None: everybody's.
    """

    def __init__(
        self, limit: str, allowed: float, used: float, left: Mapping[str, float], call: str, *, begun: bool, key: Any
    ) -> None:
        self.limit, self.allowed, self.used, self.left = limit, allowed, used, MappingProxyType(dict(left))
        self.call, self.begun, self.key = call, begun, key
        rest = ", ".join(f"{_written(name, value)} {_NAMES[name]}" for name, value in left.items() if name != limit)
        super().__init__(
            f"over budget: {_written(limit, used)} of {_written(limit, allowed)} {_NAMES[limit]} used; "
            f"{call} was {'stopped in its answer' if begun else 'not called'}{f'; left: {rest}' if rest else ''}"
        )

    def __reduce__(self) -> Any:  # into other processes, where an exception is made anew from its arguments
        state = (self.limit, self.allowed, self.used, dict(self.left), self.call, self.begun, self.key)
        return _again, state


OverBudget.__module__ = "callspan"  # where users find it


def _again(*state: Any) -> OverBudget:
    *said, begun, key = state
    return OverBudget(*said, begun=begun, key=key)


_NAMES = {
    "tokens": "tokens",
    "output_tokens": "output tokens",
    "cost": "US dollars",
    "calls": "calls",
    "seconds": "seconds",
}


def _written(name: str, value: float) -> str:
    return f"{value:.4g}" if name in ("cost", "seconds") else f"{value:.0f}"


class Account:
    """What was used of one budget; whoever holds the budget's lock may change it.

    Args:
        started: When the first run was heard, in nanoseconds since 1970.
    """

    __slots__ = ("begun_cost", "begun_tokens", "calls", "cost", "input_tokens", "output_tokens", "started")

    def __init__(self, started: int) -> None:
        self.started = started
        self.calls = self.input_tokens = self.output_tokens = self.begun_tokens = 0
        self.cost = self.begun_cost = 0.0  # begun: of answers that are not complete yet

    def used(self, now: int) -> dict[str, float]:
        """Return what was used, by the names of the limits.

        Args:
            now: The time, in nanoseconds since 1970.
        """
        output = self.output_tokens + self.begun_tokens
        return {
            "tokens": self.input_tokens + output,
            "output_tokens": output,
            "cost": self.cost + self.begun_cost,
            "calls": self.calls,
            "seconds": max(0, now - self.started) / 1e9,
        }
