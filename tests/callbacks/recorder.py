"""A callback that writes down what it hears, one line an event, in a `def` and an `async def` flavour."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.trace import get_current_span

import callspan
from callspan.callback.callback import HOOKS


class Notes(callspan.Callback):
    """Writes down what its subclasses hear, a line an event: `llm_start Completing`, `tool_error look !KeyError`.

    A line of `heard` ends with what was wrong, where a hook was not inside its run.

    Args:
        kinds: Which runs: as everywhere.
        names: Likewise.
        tags: Likewise.
        is_recorded: Whether the spans of the runs should be recording.
    """

    def __init__(
        self,
        *,
        kinds: Iterable[str] = (),
        names: Iterable[str] = (),
        tags: Iterable[str] = (),
        is_recorded: bool = True,
    ) -> None:
        self.kinds, self.names, self.tags = kinds, names, tags
        self.is_recorded = is_recorded
        self.heard: list[str] = []
        self.told: list[tuple[str, callspan.Run, tuple[Any, ...]]] = []

    def note(self, event: str, run: callspan.Run, payload: tuple[Any, ...]) -> None:
        """Write an event down."""
        parts = [event.removeprefix("on_"), run.name, *map(shown, payload)]
        if run.error is not None and run.outcome in ("error", "stopped"):
            parts.append(f"!{type(run.error).__name__}")
        elif run.outcome not in (None, "ok"):
            parts.append(f"~{run.outcome}")
        if callspan.current_run() is not run:
            parts.append("(it is not the current run)")
        if get_current_span() is not run.span:
            parts.append("(its span is not current)")
        if run.span.is_recording() is not self.is_recorded:
            parts.append(f"(its span is {'' if self.is_recorded else 'still '}{'not ' * self.is_recorded}recording)")
        self.told.append((event, run, payload))
        self.heard.append(" ".join(parts))

    def only(self, *words: str) -> list[str]:
        """Give the lines of these events."""
        return [line for line in self.heard if line.split()[0] in words]

    def without(self, *words: str) -> list[str]:
        """Give the lines of all other events, and what bodies wrote once each."""
        lines = [line for line in self.heard if line.split()[0] not in words]
        return [line for place, line in enumerate(lines) if line != "body" or lines[place - 1] != "body"]

    def payloads(self, event: str) -> list[tuple[Any, ...]]:
        """Give what came with each event of this name, the objects themselves."""
        return [payload for told, _, payload in self.told if told == event]


def shown(value: Any) -> str:
    """Give the text of a payload: texts and data as they are, objects by their class."""
    if hasattr(value, "attempt_number"):  # of tenacity's, which counts on in the same object
        return f"{value.attempt_number} {None if value.outcome is None else value.outcome.exception()!r}"
    return repr(value) if isinstance(value, (str, dict, list, type(None))) else type(value).__name__


def _plain(event: str) -> Callable[..., None]:
    def hook(self: Notes, run: callspan.Run, *payload: Any) -> None:
        self.note(event, run, payload)

    return hook


def _awaited(event: str) -> Callable[..., Any]:
    async def hook(self: Notes, run: callspan.Run, *payload: Any) -> None:
        await asyncio.sleep(0)
        self.note(event, run, payload)

    return hook


Recorder = type("Recorder", (Notes,), {event: _plain(event) for event in HOOKS})
"""Its hooks are plain functions."""

Awaited = type("Awaited", (Notes,), {event: _awaited(event) for event in HOOKS})
"""Its hooks are coroutine functions, and wait for a turn of the loop."""


def started(recorder: Any) -> list[str]:
    """Give the names of the runs whose start was heard, in that order, and see that the same ones ended."""
    names = [line.split(maxsplit=1)[1] for line in recorder.only("run_start")]
    assert sorted(names) == sorted(line.split(maxsplit=1)[1] for line in recorder.only("run_end"))
    return names
