"""Streams that are still open in a run: what a run that fails leaves half read ends with it, at the latest.

The exception of a streamed chain holds the generators of its steps. LangChain closes them only when nobody holds the
exception any longer, which may be never: a logger, a test or a retry keeps it.
"""

from __future__ import annotations

from asyncio import _get_running_loop, current_task
from threading import get_ident
from typing import Any
from weakref import ReferenceType, ref

from callspan.core.run import Run

# Decision: the runs end, and the generators are left alone. Closing them would end the runs too, with LangChain's own
# events. But the program may have kept a stream to read on, and then it would break.

_FEW = 32
"""So many streams of a run are noted before those that have ended are forgotten."""

Reader = ReferenceType[object] | int | None
"""Who reads a stream: a task, or outside of tasks a thread; None: only what runs inside the run above."""


def note(run: Run, above: Run, *, is_step: bool) -> None:
    """Note that a run which has just started is a stream that somebody in the run above reads.

    Args:
        run: The run of the stream.
        above: The run that it was started in.
        is_step: Whether LangChain itself reads it, which it does no longer once the run above is over.
    """
    run.reader = None if is_step else _here()
    if above.streams is None:
        above.streams = [run.ref]
        return
    above.streams.append(run.ref)
    if len(above.streams) % _FEW == 0:
        above.streams = [known for known in above.streams if (one := known()) is not None and not one.ended]


def left_in(run: Run) -> list[Run]:
    """Return the streams that a run which is about to end leaves half read, newest first.

    A task or a thread that the run has started may go on with a stream of its own, and is left alone.

    Args:
        run: The run, which failed, was closed or was cancelled.
    """
    noted, run.streams = run.streams or (), None
    readers: tuple[Reader, ...] = (None, _here(), run.reader)
    found = [one for known in reversed(noted) if (one := known()) is not None and not one.ended]
    return [one for one in found if one.reader in readers or _is_over(one.reader)]


def _is_over(reader: Reader) -> bool:
    """Return whether a task is over: the body of an asynchronous run is one of its own."""
    if not isinstance(reader, ReferenceType):
        return False
    task: Any = reader()
    return task is None or task.done()


def _here() -> Reader:
    """Return what tells the current task, or without one the current thread, from others."""
    loop = _get_running_loop()
    task = None if loop is None else current_task(loop)
    return get_ident() if task is None else ref(task)
