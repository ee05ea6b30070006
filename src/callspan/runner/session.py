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
from callspan.runner.options import MAIN, RunOptions, is_sent, options_from
from callspan.runner.provider_setup import EarlyProvider, SpanTargets
from callspan.runner.shutdown import before_quick_exit, file_lines, flush, on_termination, sending_lines, shown
from callspan.runner.trace_file import TraceFile
from callspan.settings import CONTENT, Settings
from callspan.viewer.background import is_on_loop
from callspan.viewer.live import Live
from callspan.viewer.screen import Screen
from callspan.viewer.summary import summary_lines

_log = logging.getLogger("callspan")

_DISABLED, _SAMPLER = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "OTEL_TRACES_SAMPLER"
_OLDEST = (0, 3)  # langchain-core

# Seconds that the first run waits at most until its file is open, and the exit at least until it is written
_A_MOMENT = 0.2

_ON = "span_only"
_WITH_CONTENT = f" (the program has a place for spans of its own; {CONTENT}=span_only: with them, in both)"

_default_settings: list[Settings] = []  # the settings that `turn_content_on` has activated


def begin(folder: str) -> None:
    """Instrument what is installed, as `opentelemetry-instrument` would, and record from here on."""
    options = options_from()
    if options is None or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return
    main = os.environ.setdefault(MAIN, str(os.getpid()))
    path = os.environ.get("PYTHONPATH", "")
    # What an instrumentation starts while it is loaded must not load instrumentations in turn.
    os.environ["PYTHONPATH"] = os.pathsep.join(one for one in path.split(os.pathsep) if one != folder)
    try:
        Session(options, int(main)).begin()
    except Exception as error:  # noqa: BLE001 - the program runs, traced or not
        _log.warning("callspan cannot trace this program", exc_info=error)
    finally:
        kept = os.environ.get("PYTHONPATH", "")
        if folder not in kept.split(os.pathsep):
            os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{kept}" if kept else folder


class Session:
    """Records one process: begins with it, prepares its first run, shuts down with it.

    Args:
        options: What `callspan run` was asked for.
        main: The id of the program's first process.
    """

    def __init__(self, options: RunOptions, main: int) -> None:
        self._options = options
        self._main = main
        self._began = time.time()
        self._folder = _working_folder()
        self._lock = RLock()
        self._is_prepared = self._is_shut_down = False
        self._default: state.Telemetry | None = None  # active as long as nobody has set the content mode
        self._screen = self._new_screen()
        self._file = TraceFile(self._own_file())
        self._live = Live(self._own_screen())
        self._early = EarlyProvider([self._file, self._live], self._when_joined)
        self._file.when_shut = self._when_shut

    @property
    def _is_main(self) -> bool:
        return os.getpid() == self._main

    def _new_screen(self) -> Screen:
        return Screen(sys.stderr, ascii=self._options.ascii, plain=self._options.plain or not self._is_main)

    def begin(self) -> None:
        """Instrument; from here on every span is written."""
        if self._is_main:
            self._screen.share()
        self._early.install()
        if "opentelemetry.instrumentation.auto_instrumentation" not in sys.modules:  # else they are loaded already
            loading: Any = import_module("opentelemetry.instrumentation.auto_instrumentation._load")
            loading._load_instrumentors(loading._load_distro())
        self._default = state.active() if self._options.content and state.is_active() else None
        state.first_run.prepare = self.prepare
        atexit.register(self.shut_down)
        self._file.background.when_begun = on_termination(self._terminate, self._options.timeout, self._is_busy)
        before_quick_exit(self._flush_file)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._in_child)

    def _is_busy(self) -> bool:
        """Return whether this thread, which a signal has interrupted, is in the middle of something of ours."""
        locks: list[Any] = [self._lock, self._live.lock, self._screen.lock]
        return self._file.background.is_held or any(lock._is_owned() for lock in locks)

    def prepare(self) -> None:
        """Prepare the first run, once: set the content mode and write the first line."""
        with self._lock:
            if self._is_prepared:
                return
            self._is_prepared = True
            try:
                self._prepare()
            except Exception as error:  # noqa: BLE001 - the program runs, traced or not
                _log.warning("callspan cannot trace this program", exc_info=error)
            finally:
                state.first_run.prepare = None

    def _prepare(self) -> None:
        self._early.renew()
        self._early.join(state.provider())
        self._early.rejoin()
        self._file.open_soon()
        # Again: what is registered last is called first, and the program may have made a provider in between.
        atexit.register(self.shut_down)
        is_default = self._default is not None and state.active().settings is self._default.settings
        targets = self._early.targets
        if is_default and targets.programs is None and not targets.providers and not is_sent():
            turn_content_on()
        screen = self._live.screen
        if screen is not None:
            if not is_on_loop():
                self._file.background.flush(_A_MOMENT)  # the line reports what is wrong with the file
            name = shown(self._file.path, screen.look, self._folder)
            screen.say([f"callspan: {promise(self._file, targets, name, withheld=is_default)}"])

    def _when_joined(self) -> None:
        """Write no more content once spans go where the program sends them: nobody has asked for it there."""
        atexit.register(self.shut_down)
        if self._is_prepared and turn_content_off() and self._live.screen is not None:
            self._live.screen.say([f"callspan: from now on without prompts and answers{_WITH_CONTENT}"])

    def _when_shut(self) -> None:
        """Check before the next run whether the program's provider has been replaced."""
        if self._is_prepared and not self._is_shut_down:
            state.first_run.prepare = self._rejoin

    def _rejoin(self) -> None:
        state.first_run.prepare = None
        try:
            self._early.rejoin()
        except Exception as error:  # noqa: BLE001 - somebody else's provider: the program goes on
            _log.warning("callspan cannot join the program's tracer provider", exc_info=error)

    def _own_file(self) -> Path:
        pid = os.getpid()
        return self._options.main_file(pid) if self._is_main else self._options.worker_file(pid)

    def _own_screen(self) -> Screen | None:
        """Return where this process shows its runs: two cannot draw on one terminal."""
        if self._is_main:
            return self._screen
        is_taken = self._can_be_taken() and self._options.main_file(self._main).exists()
        return None if is_taken else self._screen

    def _can_be_taken(self) -> bool:
        return not self._options.plain and self._screen.is_watched

    def shut_down(self) -> None:
        """End what is open, write and send what waits, and write the last lines; once."""
        with self._lock:
            if self._is_shut_down:
                return
            self._is_shut_down = True
        until = time.monotonic() + self._options.timeout
        end_all()
        targets = self._early.targets
        self._file.close(max(_A_MOMENT, until - time.monotonic()))
        done = flush([*targets.providers, *targets.flushed], max(0.0, until - time.monotonic()))
        self._live.finish()
        if self._is_main:
            self._screen.say(self._last_lines(done=done))

    def _terminate(self) -> None:
        """Shut down, and send what the program's own provider has: nobody else will."""
        self.shut_down()
        if self._early.targets.programs is not None:
            flush([self._early.targets.programs], self._options.timeout)

    def _flush_file(self) -> None:
        self._file.background.flush(self._options.timeout)

    def _last_lines(self, *, done: bool) -> list[str]:
        look = self._screen.measure()
        workers = self._options.worker_files(self._main, self._began)
        has_runs = self._live.summary.runs > 0
        lines = summary_lines(self._live.summary, look) if has_runs else []
        if self._is_prepared or self._file.is_there or self._file.why:
            lines += sending_lines(self._early.targets, done=done, seconds=self._options.timeout, look=look)
        name = shown(self._file.path, look, self._folder)
        lines += file_lines(self._file, name, [shown(path, look, self._folder) for path in workers], look)
        if not (has_runs or workers or (self._is_prepared and self._file.written)):
            lines.append(f"callspan: {why_nothing(was_bound=self._is_prepared)}")
        return lines

    def _in_child(self) -> None:
        """Be a worker from now on: with a file of its own, and without the terminal of the first process."""
        is_taken = self._can_be_taken() and (self._is_prepared or self._live.screen is None)
        self._lock = RLock()
        self._screen.forget()
        self._screen = self._new_screen()
        self._file.move(self._own_file())
        self._live.forget(None if is_taken else self._screen)
        self._early.targets.complaints.clear()


def _working_folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it has been deleted
        return None


def turn_content_on() -> None:
    """Capture content: nobody has set the mode, and spans stay on this machine."""
    os.environ[CONTENT] = _ON  # other instrumentations read it too
    active = state.active()
    _default_settings.append(replace(active.settings, content=_ON))
    state.activate(replace(active, settings=_default_settings[-1]))


def turn_content_off() -> bool:
    """Undo `turn_content_on`; returns whether there was anything to undo."""
    if not _default_settings or not state.is_active() or state.active().settings is not _default_settings[-1]:
        return False
    if os.environ.get(CONTENT) == _ON:
        del os.environ[CONTENT]
    state.activate(replace(state.active(), settings=replace(_default_settings.pop(), content="no_content")))
    return True


def promise(file: TraceFile, targets: SpanTargets, name: str, *, withheld: bool) -> str:
    """Return the first line: what is shown and saved, and where."""
    content = state.active().settings.content in ("span_only", "span_and_event")
    saved = f"cannot be saved in {name}: {file.why}" if file.why else f"saved in {name} on this machine"
    if not content:
        why = _WITH_CONTENT if targets.programs is not None and withheld else ""
        return f"spans {'' if file.why else 'are '}{saved}, without prompts and answers{why}"
    others = targets.programs is not None or (targets.providers and is_sent())
    sent = ", and go where the program and OTEL_* variables send spans" if others else ""
    return f"prompts and answers are shown{', but' if file.why else ' and'} {saved}{sent} (--no-content: neither)"


def why_nothing(*, was_bound: bool) -> str:
    """Return in a sentence why the program has left no span of LangChain or LangGraph."""
    if not was_bound:
        return _why_not_seen() or "no run of LangChain or LangGraph was seen"
    sampler = os.environ.get(_SAMPLER)
    if sampler:
        return f"no span was recorded: a sampler does not want them ({_SAMPLER} is {sampler!r})"
    provider: Any = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        return "no span was recorded: nothing has ended"
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
