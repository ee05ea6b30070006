"""A process of a program under `callspan run`: recorded from before the program begins until it has ended."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from dataclasses import replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import RLock
from typing import Any

from opentelemetry import trace

from callspan.core import state
from callspan.core.lifecycle import end_all
from callspan.runner.options import CONTENT, MAIN, RunOptions, is_sent, options_from
from callspan.runner.provider_setup import EarlyProvider, SpanTargets
from callspan.runner.shutdown import before_quick_exit, file_lines, flush, on_termination, sending_lines, shown
from callspan.runner.trace_file import TraceFile
from callspan.settings import Settings
from callspan.viewer.background import is_on_loop
from callspan.viewer.live import Live
from callspan.viewer.screen import Screen
from callspan.viewer.summary import summary_lines

_DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_SAMPLER = "OTEL_TRACES_SAMPLER"
_OLDEST = (0, 3)


def why_nothing(*, was_bound: bool) -> str:
    """Return the reason, in a sentence."""
    if was_bound:
        return _why_not_recorded()
    return _why_not_seen() or "no run of LangChain or LangGraph was seen"


def _why_not_recorded() -> str:
    sampler = os.environ.get(_SAMPLER)
    if sampler:
        return f"no span was recorded: a sampler does not want them ({_SAMPLER} is {sampler!r})"
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return "no span was recorded: nothing has ended"
    provider: Any = trace.get_tracer_provider()
    whose = f"the program's tracer provider ({type(provider).__name__})"
    return f"no span was recorded: a sampler does not want them, that of {whose}, or nothing has ended"


def _why_not_seen() -> str:
    try:
        found = version("langchain-core")
    except PackageNotFoundError:
        return f"nothing to trace: LangChain is not installed in this Python ({sys.executable})"
    disabled = {name.strip() for name in os.environ.get(_DISABLED, "").split(",")}
    if disabled & {"callspan", "*"}:
        return f"nothing is traced: {_DISABLED} is {os.environ[_DISABLED]!r}"
    if tuple(int(part) for part in found.split(".")[:2] if part.isdecimal()) < _OLDEST:
        return f"nothing is traced: langchain-core {found} is installed, and callspan needs 0.3 or newer"
    if not state.is_active():
        return "nothing was traced: callspan is not instrumented, or the program has called callspan.uninstrument()"
    return ""


_log = logging.getLogger("callspan")


def begin(folder: str) -> None:
    """Instrument what is installed, as `opentelemetry-instrument` would, and record from here on."""
    plan = options_from()
    if plan is None or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return
    main = os.environ.setdefault(MAIN, str(os.getpid()))
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

    def __init__(self, plan: RunOptions, main: int) -> None:
        self._plan = plan
        self._main = main
        self._began = time.time()
        self._folder = _working_folder()
        self._lock = RLock()
        self._bound = self._left = False
        self._unasked: state.Telemetry | None = None  # what is in force as long as nobody has spoken of content
        self._screen = self._new_screen()
        self._file = TraceFile(self._own_file())
        self._live = Live(self._own_screen())
        self._early = EarlyProvider([self._file, self._live], self._when_joined)
        self._file.when_shut = self._when_shut

    @property
    def _is_main(self) -> bool:
        return os.getpid() == self._main

    def _new_screen(self) -> Screen:
        return Screen(sys.stderr, ascii=self._plan.ascii, plain=self._plan.plain or not self._is_main)

    def begin(self) -> None:
        """Instrument; from here on every span is written."""
        if self._is_main:
            self._screen.share()
        self._early.install()
        instrument()
        self._unasked = state.active() if self._plan.content and state.is_active() else None
        state.first_run.prepare = self.bind
        atexit.register(self.leave)
        self._file.call_when_begun(on_termination(self._terminate, self._plan.timeout, self._is_busy))
        before_quick_exit(self._flush_file)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._in_child)

    def _is_busy(self) -> bool:
        """Return whether this thread, which a signal has interrupted, is in the middle of something of ours."""
        locks: list[Any] = [self._lock, self._live.lock, self._screen.lock]
        return self._file.is_held or any(lock._is_owned() for lock in locks)

    def bind(self) -> None:
        """Prepare the first run, once: whether content is written, and the line that says where."""
        with self._lock:
            if self._bound:
                return
            self._bound = True
            try:
                self._bind()
            except Exception as error:  # noqa: BLE001 - the program runs, traced or not
                _log.warning("callspan cannot trace this program", exc_info=error)
            finally:
                state.first_run.prepare = None

    def _bind(self) -> None:
        self._early.renew()
        self._early.join(state.provider())
        self._early.rejoin()
        self._file.open_soon()
        # Again: what is registered last goes first, and the program may have made a provider in between.
        self._register_again()
        unasked = self._is_unasked()
        joined = self._early.joined
        if unasked and joined.programs is None and not joined.providers and not is_sent():
            turn_content_on()
        screen = self._live.screen
        if screen is not None:
            if not is_on_loop():
                self._file.flush(_A_MOMENT)  # the line says what is wrong with the file
            promised = promise(self._file, joined, shown(self._file.path, screen.look, self._folder), withheld=unasked)
            screen.say([f"callspan: {promised}"])

    def _is_unasked(self) -> bool:
        """Return whether nobody has spoken of content: neither a variable nor the program."""
        return self._unasked is not None and state.active().settings is self._unasked.settings

    def _when_joined(self) -> None:
        """Write no more content once spans go where the program sends them: nobody has asked for it there."""
        self._register_again()
        if self._bound and turn_content_off():
            screen = self._live.screen
            if screen is not None:
                screen.say([f"callspan: from now on without prompts and answers{WITH_THEM}"])

    def _when_shut(self) -> None:
        """Check before the next run whether the program's provider has been replaced."""
        if self._bound and not self._left:
            state.first_run.prepare = self._rejoin

    def _rejoin(self) -> None:
        state.first_run.prepare = None
        try:
            self._early.rejoin()
        except Exception as error:  # noqa: BLE001 - somebody else's provider: the program goes on
            _log.warning("callspan cannot join the program's tracer provider", exc_info=error)

    def _register_again(self) -> None:
        """Leave before what the program has registered; the first time stays, as the program may be at exit already."""
        atexit.register(self.leave)

    def _own_file(self) -> Path:
        pid = os.getpid()
        return self._plan.main_file(pid) if self._is_main else self._plan.worker_file(pid)

    def _own_screen(self) -> Screen | None:
        """Return where this process shows its runs: two cannot draw on one terminal."""
        if self._is_main:
            return self._screen
        first_draws = not self._plan.plain and self._screen.is_watched and self._plan.main_file(self._main).exists()
        return None if first_draws else self._screen

    def leave(self) -> None:
        """End what is open, write and send what is on its way, and say what there is to say; once."""
        with self._lock:
            if self._left:
                return
            self._left = True
        until = time.monotonic() + self._plan.timeout
        end_all()
        joined = self._early.joined
        self._file.close(max(_A_MOMENT, until - time.monotonic()))
        done = flush([*joined.providers, *joined.flushed], max(0.0, until - time.monotonic()))
        self._live.finish()
        if self._is_main:
            self._say_goodbye(done=done)

    def _terminate(self) -> None:
        """Leave, and send what the program's own provider has: nobody else will."""
        self.leave()
        if self._early.joined.programs is not None:
            flush([self._early.joined.programs], self._plan.timeout)

    def _flush_file(self) -> None:
        self._file.flush(self._plan.timeout)

    def _say_goodbye(self, *, done: bool) -> None:
        look = self._screen.measure()
        workers = self._plan.worker_files(self._main, self._began)
        lines: list[str] = []
        if self._live.summary.runs:
            lines += summary_lines(self._live.summary, look)
        is_recorded = bool(self._live.summary.runs or workers or (self._bound and self._file.written))
        why = "" if is_recorded else why_nothing(was_bound=self._bound)
        joined = self._early.joined
        if self._bound or self._file.is_there or self._file.why:
            lines += sending_lines(joined, done=done, seconds=self._plan.timeout, look=look)
        name = shown(self._file.path, look, self._folder)
        lines += file_lines(self._file, name, [shown(path, look, self._folder) for path in workers], look)
        self._screen.say([*lines, *([f"callspan: {why}"] if why else [])])

    def _in_child(self) -> None:
        """Be a worker from now on: with a file of its own, and without the terminal of the first process."""
        first_draws = not self._plan.plain and self._screen.is_watched and (self._bound or self._live.screen is None)
        self._lock = RLock()
        self._screen.forget()
        self._screen = self._new_screen()
        self._file.move(self._own_file())
        self._live.forget(None if first_draws else self._screen)
        self._early.joined.complaints.clear()


# Seconds that the first run waits at most until its file is open, and the exit at least until it is written
_A_MOMENT = 0.2


def _working_folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it has been deleted
        return None


def instrument() -> None:
    """Load the instrumentations that are installed, as `opentelemetry-instrument` does, unless it has."""
    if "opentelemetry.instrumentation.auto_instrumentation" in sys.modules:
        return
    loading: Any = import_module("opentelemetry.instrumentation.auto_instrumentation._load")
    loading._load_instrumentors(loading._load_distro())


def turn_content_on() -> None:
    """Have spans say what was said: nobody has spoken of it, and they stay on this machine."""
    os.environ[CONTENT] = _ON  # other instrumentations read it too
    inforce = state.active()
    _unasked_for.append(replace(inforce.settings, content=_ON))
    state.activate(replace(inforce, settings=_unasked_for[-1]))


def turn_content_off() -> bool:
    """Undo `turn_content_on`; returns whether there was anything to undo."""
    if not _unasked_for or not state.is_active() or state.active().settings is not _unasked_for[-1]:
        return False
    if os.environ.get(CONTENT) == _ON:
        del os.environ[CONTENT]
    inforce = state.active()
    state.activate(replace(inforce, settings=replace(_unasked_for.pop(), content="no_content")))
    return True


_ON = "span_only"
_unasked_for: list[Settings] = []  # the settings that `turn_content_on` has put in force

WITH_THEM = f" (the program has a place for spans of its own; {CONTENT}=span_only: with them, in both)"


def promise(file: TraceFile, joined: SpanTargets, name: str, *, withheld: bool) -> str:
    """Return the first line: what is shown and saved, and where."""
    content = state.active().settings.content in ("span_only", "span_and_event")
    saved = f"cannot be saved in {name}: {file.why}" if file.why else f"saved in {name} on this machine"
    others = joined.programs is not None or (joined.providers and is_sent())
    if not content:
        why = WITH_THEM if joined.programs is not None and withheld else ""
        verb = "" if file.why else "are "
        return f"spans {verb}{saved}, without prompts and answers{why}"
    sent = ", and go where the program and OTEL_* variables send spans" if others else ""
    shown_too = "shown, but " if file.why else "shown and "
    return f"prompts and answers are {shown_too}{saved}{sent} (--no-content: neither)"
