"""Callbacks that note what they hear, run by run, and one that stops what it hears."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import Any

import callspan
from callspan import Run


class Notes:
    """What several callbacks heard, in order."""

    def __init__(self) -> None:
        self.lines: list[tuple[Run, str]] = []

    def of(self, run: Run) -> list[str]:
        """Give what was heard of one run."""
        return [line for one, line in self.lines if one is run]

    @property
    def runs(self) -> list[Run]:
        """The runs that anybody heard, each once."""
        return list({id(run): run for run, _ in self.lines}.values())


class Witness(callspan.Callback):
    """Notes the start, the end and the error of each run.

    Args:
        name: Its name in the notes.
        notes: Where it writes.
    """

    def __init__(self, name: str, notes: Notes) -> None:
        self.name, self.notes = name, notes

    def on_run_start(self, run: Run) -> None:
        self.notes.lines.append((run, f"{self.name} start"))

    def on_run_end(self, run: Run) -> None:
        self.notes.lines.append((run, f"{self.name} end"))

    def on_run_error(self, run: Run) -> None:
        self.notes.lines.append((run, f"{self.name} error"))


def stopper(
    hook: str, error: BaseException, notes: Notes, *, asynchronous: bool, only: str | None = None, **settings: Any
) -> callspan.Callback:
    """Make a callback that raises in one hook, after it has noted what it heard.

    Args:
        hook: The name of the hook.
        error: What it raises.
        notes: Where it writes, as `stopper`.
        asynchronous: Whether the hook is an `async def`.
        only: The outcome of the runs that it raises for; None: all.
        **settings: Attributes of its class.
    """

    def stop(self: Any, run: Run, *payload: Any) -> None:
        if only in (None, run.outcome):
            raise error

    async def astop(self: Any, run: Run, *payload: Any) -> None:
        stop(self, run, *payload)

    cls = type("Stopper", (Witness,), {**settings, hook: astop if asynchronous else stop})
    made: callspan.Callback = cls("stopper", notes)
    return made


SAID: ContextVar[str] = ContextVar("said", default="nothing")


class Hears(callspan.Callback):
    """Notes what it hears once it has waited, and where."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.threads: set[int] = set()
        self.said: set[str] = set()

    async def _note(self, event: str, run: callspan.Run) -> None:
        await asyncio.sleep(0)
        assert callspan.current_run() in (run, None)
        self.heard.append(f"{event} {run.kind}" if event == "start" else f"{event} {run.kind} {run.outcome}")
        self.threads.add(threading.get_ident())
        self.said.add(SAID.get())

    async def on_run_start(self, run: callspan.Run) -> None:
        await self._note("start", run)

    async def on_run_end(self, run: callspan.Run) -> None:
        await self._note("end", run)

    async def on_run_error(self, run: callspan.Run) -> None:
        await self._note("error", run)
