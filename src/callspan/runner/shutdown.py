"""The exit of a program under `callspan run`: what waits is sent, for so long and no longer; the last lines."""

from __future__ import annotations

import faulthandler
import os
import shlex
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from threading import Thread, Timer, current_thread, main_thread
from typing import Any, NoReturn

from callspan.runner.options import TIMEOUT
from callspan.runner.provider_setup import SpanTargets
from callspan.runner.trace_file import TraceFile
from callspan.viewer.background import waited
from callspan.viewer.formats import many_text, one_line
from callspan.viewer.terminal import Look

_NAMED = 5  # files that are named one by one
_MOMENT = 0.002  # seconds until a signal is sent again
_WAKES, _PATIENCE = 40, 0.05  # how often the main thread is interrupted at most, and after how many seconds each


def flush(providers: Iterable[Any], seconds: float) -> bool:
    """Flush each provider in a thread of its own, as some do not stop in time; return whether all were done."""
    until = time.monotonic() + seconds
    threads: list[Thread] = []
    for provider in providers:
        thread = Thread(target=_flush, args=(provider, seconds), name="callspan-flush", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # Python 3.12 starts none at exit
            _flush(provider, seconds)
        else:
            threads.append(thread)
    try:
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
    except KeyboardInterrupt:  # somebody does not want to wait
        return False
    return not any(thread.is_alive() for thread in threads)


def _flush(provider: Any, seconds: float) -> None:
    try:
        provider.force_flush(max(1, int(seconds * 1000)))
    except Exception:  # noqa: BLE001 - an exporter's own; it logs what is wrong
        return


def file_lines(file: TraceFile, name: str, workers: Sequence[str], look: Look) -> list[str]:
    """Return the lines that name the files."""
    lines: list[str] = []
    waiting, dropped = file.background.waiting, file.background.dropped
    if file.why:
        lost = file.lost + waiting
        are = "is" if lost == 1 else "are"
        lines.append(f"{name} cannot be written: {file.why}; {many_text(lost, 'span')} {are} not saved")
    elif file.is_late:
        lines.append(f"{name} takes no more: {many_text(waiting, 'span')} could not be written in time ({TIMEOUT})")
    elif file.lost:
        fast = f", {dropped:,} of them as they came too fast" if dropped else ""
        lines.append(f"{name} lacks {many_text(file.lost, 'span')} that could not be written{fast}")
    if workers:
        files = "process wrote a file" if len(workers) == 1 else "processes wrote files"
        lines.append(f"{len(workers)} worker {files} too")
    names = [*([name] if file.written and file.is_regular else []), *workers[:_NAMED]]
    if names:
        more = f" {look.signs.more} and {len(workers) - _NAMED} more" if len(workers) > _NAMED else ""
        lines.append(f"callspan view {' '.join(names)}{more}")
    return lines


def sending_lines(targets: SpanTargets, *, done: bool, seconds: float, look: Look) -> list[str]:
    """Return the lines that report what could not be sent within the time."""
    late = "" if done else f"not everything could be sent within {seconds:g} s ({TIMEOUT})"
    why = [late, *(look.shown(one_line(text, 300)) for text in targets.complaints)]
    return [f"not sent: {'; '.join(filter(None, why))}"] if any(why) else []


def shown(path: Path, look: Look, folder: Path | None) -> str:
    """Return a file's name as one would type it."""
    if folder is not None and path.is_relative_to(folder):
        path = path.relative_to(folder)
    return look.shown(one_line(shlex.quote(str(path))))


def before_quick_exit(flush_file: Callable[[], None]) -> None:
    """Have `os._exit` write what waits first: workers of `multiprocessing` and many a forked process end by it."""
    exit_now = os._exit

    @wraps(exit_now)
    def _exit(status: int) -> NoReturn:
        try:
            flush_file()
        finally:
            exit_now(status)

    os._exit = _exit


def on_termination(shut_down: Callable[[], None], seconds: float, is_busy: Callable[[], bool]) -> Callable[[], None]:
    """End the spans at SIGTERM first, if it would just end the process, and then the process in the same way.

    Args:
        shut_down: Ends the spans.
        seconds: How long that may take.
        is_busy: Returns whether the thread that was interrupted holds a lock that shutting down needs.

    Returns:
        A function to call in each process that has something to write. It makes sure that SIGTERM is handled even if it
        comes just before the main thread begins to wait, as a worker of `multiprocessing` does for its next task.
    """
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return lambda: None
    handled: list[bool] = []

    def terminated(number: int, frame: Any) -> None:
        handled.append(True)
        if is_busy():  # it goes on for a moment, and is interrupted again
            again = Timer(_MOMENT, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        # In a thread of its own: the one that was interrupted may hold a lock of somebody else's.
        thread = Thread(target=shut_down, name="callspan-shutdown", daemon=True)
        thread.start()
        waited(lambda: not thread.is_alive(), seconds + 1)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def watch() -> None:
        handled.clear()
        if signal.getsignal(signal.SIGTERM) is terminated:
            _wake_for(signal.SIGTERM, terminated, handled)

    signal.signal(signal.SIGTERM, terminated)
    return watch


def _wake_for(number: int, handler: Any, handled: list[bool]) -> None:
    """Interrupt the main thread again, if a signal has come and its handler was not called.

    Python calls handlers between two of its own instructions. A signal that comes after the last one before a wait in C
    (a semaphore's, say) is kept until that wait is over, which may be never. `faulthandler` notices it at once: its
    handler, in C, writes into a pipe and then calls Python's.
    """
    read, write = os.pipe()
    os.set_blocking(write, False)
    faulthandler.register(number, file=write, all_threads=False, chain=True)

    def wake() -> None:
        while os.read(read, 65_536):
            for _ in range(_WAKES):
                time.sleep(_PATIENCE)
                if handled or signal.getsignal(number) is not handler:
                    break
                signal.pthread_kill(main_thread().ident or 0, number)
            handled.clear()

    Thread(target=wake, name="callspan-signals", daemon=True).start()
