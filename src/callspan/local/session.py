"""A process of a program under `callspan run`: begun before the program, bound at its first run, left at its end."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import Any

from callspan import telemetry
from callspan.ending import end_all
from callspan.local import plan as plans
from callspan.local.joining import Joined, join
from callspan.local.keyboard import share
from callspan.local.leaving import file_lines, flush, on_termination, sending_lines, shown
from callspan.local.live import Live
from callspan.local.plan import CONTENT, Plan, is_sent
from callspan.local.screen import Screen
from callspan.local.trace_file import TraceFile
from callspan.local.tree_look import Look
from callspan.local.tree_summary import summary_lines

_log = logging.getLogger("callspan")


def begin(folder: str) -> None:
    """Instrument what is installed, as `opentelemetry-instrument` would; what spans go to is found at the first run.

    Args:
        folder: What is on the path of this process and those that it starts, so that this is called in them.
    """
    plan = plans.plan_of()
    if plan is None or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return
    main = os.environ.setdefault(plans.MAIN, str(os.getpid()))
    path = os.environ.get("PYTHONPATH", "")
    # What an instrumentation starts while it is loaded must not load instrumentations in turn.
    os.environ["PYTHONPATH"] = os.pathsep.join(one for one in path.split(os.pathsep) if one != folder)
    try:
        Session(plan, int(main)).begin()
    except Exception as error:  # noqa: BLE001 - the program runs, traced or not
        _log.warning("callspan cannot trace this program", exc_info=error)
    finally:
        kept = os.environ.get("PYTHONPATH", "")
        if folder not in kept.split(os.pathsep):
            os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{kept}" if kept else folder


class Session:
    """What is begun, bound and left.

    Args:
        plan: What is asked.
        main: The id of the program's first process.
    """

    def __init__(self, plan: Plan, main: int) -> None:
        self._plan = plan
        self._main = main
        self._began = time.time()
        self._lock = RLock()
        self._held: list[TraceFile] = []
        self._file: TraceFile | None = None  # what follows is there from the first run on
        self._live = Live(None)
        self._joined = Joined()
        self._left = False
        self._unasked: telemetry.Telemetry | None = None  # what is in force as long as nobody has spoken of content
        self._screen = self._new_screen()

    @property
    def _is_main(self) -> bool:
        return os.getpid() == self._main

    def _new_screen(self) -> Screen:
        return Screen(sys.stderr, ascii=self._plan.ascii, plain=self._plan.plain or not self._is_main)

    def begin(self) -> None:
        """Instrument, and wait for the first run."""
        instrument()
        self._unasked = telemetry.current() if self._plan.content and telemetry.is_inforce() else None
        telemetry.first_run.prepare = self.bind
        if self._is_main:
            share(self._screen)
        atexit.register(self.leave)
        on_termination(self._terminate, self._plan.timeout, self._is_busy)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._in_child
            )

    def _is_busy(self) -> bool:
        """Tell whether this thread, which a signal has interrupted, is in the middle of something of ours."""
        own = (self._lock, self._live.lock, self._screen.lock, *(() if self._file is None else (self._file.lock,)))
        return any(lock._is_owned() for lock in own)  # type: ignore[attr-defined,unused-ignore]

    def bind(self) -> None:
        """Find out where spans go, write them, and show them; once, whoever comes first."""
        with self._lock:
            if self._file is not None:
                return
            try:
                self._bind()
            except Exception as error:  # noqa: BLE001 - the program runs, traced or not
                _log.warning("callspan cannot trace this program", exc_info=error)
            finally:
                telemetry.first_run.prepare = None

    def _bind(self) -> None:
        self._file = TraceFile(self._own_file())
        self._file.open()
        screen = self._own_screen()
        self._live = Live(screen)
        self._joined = join([self._file, self._live])
        # Again: what is registered last goes first, and a provider was made in between.
        atexit.unregister(self.leave)
        atexit.register(self.leave)
        unasked = self._unasked is not None and telemetry.current().settings is self._unasked.settings
        if unasked and self._joined.programs is None and not self._joined.providers:
            turn_content_on()
        if screen is not None:
            promised = promise(self._file, self._joined, screen.look, withheld=unasked)
            screen.say([f"callspan: {promised}"])

    def _own_file(self) -> Path:
        pid = os.getpid()
        return self._plan.main_file(pid) if self._is_main else self._plan.worker_file(pid)

    def _own_screen(self) -> Screen | None:
        """Give where this process shows its runs: two cannot draw on one terminal."""
        first_draws = not self._plan.plain and self._screen.is_watched and self._plan.main_file(self._main).exists()
        return self._screen if self._is_main or not first_draws else None

    def leave(self) -> None:
        """End what is open, send what is on its way, and say what there is to say; once."""
        with self._lock:
            if self._left:
                return
            self._left = True
        end_all()
        done = flush(self._joined.providers, self._plan.timeout)
        self._live.finish()
        if self._is_main:
            self._say_goodbye(done=done)

    def _terminate(self) -> None:
        """Leave, and send what the program's own provider has: nobody else will."""
        self.leave()
        if self._joined.programs is not None:
            flush([self._joined.programs], self._plan.timeout)

    def _say_goodbye(self, *, done: bool) -> None:
        look = self._screen.measure()
        workers = self._plan.worker_files(self._main, self._began)
        lines: list[str] = []
        if self._live.summary.runs:
            lines += summary_lines(self._live.summary, look)
        elif self._file is not None:
            lines.append("callspan: no span was recorded: a sampler does not want them, or nothing has ended")
        elif not workers:
            lines.append("callspan: no run of LangChain or LangGraph was seen")
        if self._file is not None:
            lines += sending_lines(self._joined, done=done, seconds=self._plan.timeout, look=look)
            lines += file_lines(self._file, workers, look)
        elif workers:
            lines += file_lines(TraceFile(self._own_file()), workers, look)
        self._screen.say(lines)

    def _before_fork(self) -> None:
        if self._file is not None:
            self._file.hold()
            self._held.append(self._file)

    def _after_fork(self) -> None:
        if self._held:
            self._held.pop().release()

    def _in_child(self) -> None:
        """Be a worker from now on: with a file of its own, and without the terminal of the first process."""
        self._lock = RLock()
        self._held.clear()
        self._screen.forget()
        self._screen = self._new_screen()
        if self._file is not None:
            self._file.move(self._own_file())
            self._live.forget(self._own_screen())
            self._joined.complaints.clear()


def instrument() -> None:
    """Load the instrumentations that are installed, as `opentelemetry-instrument` does, unless it has."""
    if "opentelemetry.instrumentation.auto_instrumentation" in sys.modules:
        return
    loading: Any = import_module("opentelemetry.instrumentation.auto_instrumentation._load")
    loading._load_instrumentors(loading._load_distro())


def turn_content_on() -> None:
    """Let spans say what was said: nobody has spoken of it, and they stay on this machine."""
    os.environ[CONTENT] = "span_only"  # other instrumentations read it too
    inforce = telemetry.current()
    telemetry.put(replace(inforce, settings=replace(inforce.settings, content="span_only")))


def promise(file: TraceFile, joined: Joined, look: Look, *, withheld: bool) -> str:
    """Give the first line: what is shown and saved, and where.

    Args:
        file: The trace file.
        joined: Where spans go.
        look: How lines look.
        withheld: Whether content would be on, did spans stay on this machine.
    """
    name = shown(file.path, look)
    content = telemetry.current().settings.content in ("span_only", "span_and_event")
    saved = f"cannot be saved in {name}: {file.why}" if file.why else f"saved in {name} on this machine"
    others = joined.programs is not None or (joined.providers and is_sent())
    if not content:
        why = ""
        if joined.programs is not None and withheld:
            why = f" (the program has a place for spans of its own; {CONTENT}=span_only: with them, in both)"
        verb = "" if file.why else "are "
        return f"spans {verb}{saved}, without prompts and answers{why}"
    sent = ", and go where the program and OTEL_* variables send spans" if others else ""
    shown_too = "shown, but " if file.why else "shown and "
    return f"prompts and answers are {shown_too}{saved}{sent} (--no-content: neither)"
