"""The open runs and who owns them, what the children of an ended run inherit, and the streams that are still open.

A run is owned by its run manager. A table finds it by its id where the context was lost, as in a bare thread pool.
"""

from __future__ import annotations

import os
import weakref
from asyncio import _get_running_loop, current_task
from collections import deque
from collections.abc import Mapping
from itertools import islice
from operator import attrgetter
from threading import get_ident
from time import time_ns
from typing import Any
from uuid import UUID

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan

from callspan.core.keys import ENDED_PARENT, RUN, SPAN
from callspan.core.run import Run

# Owners ----------------------------------------------------------------------------------------------------------

OWNER = "_callspan_owner"  # the key in the run manager's `__dict__`

abandoned: deque[tuple[Run, int]] = deque()
"""Runs that lost their owner, and when. The next start or end of any run ends them: a finaliser must not do it, as it
may run inside a processor's lock."""


class RunOwner:
    """Owns a run for as long as its run manager lives; users may keep the `Run`, nothing may keep the owner."""

    __slots__ = ("run",)

    run: Run | None  # None: a copy, or interrupted while it was made

    def __del__(self, _abandon: Any = abandoned.append, _now: Any = time_ns) -> None:
        run = getattr(self, "run", None)
        if run is not None and not run.ended:
            _abandon((run, _now()))

    # A run manager is copied and pickled with its `__dict__`; the copy does not own the run.
    def __deepcopy__(self, memo: dict[int, Any]) -> RunOwner:
        return RunOwner()

    def __reduce__(self) -> tuple[type[RunOwner], tuple[()]]:
        return RunOwner, ()


def owned_run(run_manager: Any) -> Run | None:
    """Return the run that this run manager owns, or None."""
    owner = run_manager.__dict__.get(OWNER)
    return None if owner is None else getattr(owner, "run", None)


# Open runs -------------------------------------------------------------------------------------------------------

_newest: dict[Any, weakref.ref[Run]] = {}  # by the run's id; users may use an id again while it is in use
_shadowed: dict[int, weakref.ref[Run]] = {}  # by identity: open runs whose id a newer one has too


def add(run: Run) -> None:
    """Put a run into the table of open runs."""
    older = _newest.setdefault(run.id, run.ref)  # one look-up: the hash of a UUID is a call
    if older is not run.ref:
        if (shadowed := older()) is not None:
            _shadowed[id(shadowed)] = older
        _newest[run.id] = run.ref


def remove(run: Run) -> None:
    """Remove a run that has ended from the table."""
    if not _shadowed:
        _newest.pop(run.id, None)
        return
    if _newest.get(run.id) is run.ref:
        del _newest[run.id]
    _shadowed.pop(id(run), None)


def find(run_id: Any) -> Run | None:
    """Return the open run with this id, or None: the newest, if an id is used more than once."""
    ref = _newest.get(run_id)
    return None if ref is None else ref()


def open_now() -> list[Run]:
    """Return the runs that have started and not ended, oldest first, abandoned ones among them."""
    found = (ref() for ref in [*_newest.values(), *_shadowed.values()])
    return sorted((run for run in found if run is not None and not run.ended), key=lambda run: run.started)


# Ended parents ---------------------------------------------------------------------------------------------------
# A config names a parent by its id, and may outlive the run: a node hands it to a queue and returns. What a child
# inherits is kept as long as anybody holds the id, an object that run managers and configs share.

_LIMIT = 16_384  # how many ended runs are kept at most: a program may hold the ids of all it ever made
_TEXTS = 1024  # how many of them may have a text as id: nobody can tell when it is no longer held

INHERITED = ("name", "row", "started", "outcome", "who", "agent", "conversation", "totals_parent", "ancestors",
             "parent_ref", "given")  # fmt: skip

_inherited = attrgetter(*INHERITED)


class Ended(weakref.ref[Any]):
    """What a child inherits from a run that has ended. It refers to the run's id, and goes with it."""

    __slots__ = ("around", "inherited", "key", "span")

    key: Any
    inherited: tuple[Any, ...]  # the values of INHERITED
    span: Any  # the span's context
    around: Mapping[str, Any]  # what else was in the context of the run


_ended: dict[Any, Ended] = {}  # by the number that is the id: an id as the key would hold itself
_texts: deque[str] = deque()  # which of the keys are texts, oldest first
_NOTHING: Mapping[str, Any] = {}


def close(run: Run, *, keeps: bool) -> None:
    """Remove a run that has ended from the table of open runs."""
    if _shadowed:
        remove(run)
    else:
        _newest.pop(run.id, None)
    context, run_id = run.context, run.id
    if not keeps or context is None:
        return
    key: int | str
    if type(run_id) is UUID:
        ended, key = Ended(run_id, _drop), run_id.int
    elif type(run_id) is str:
        if run_id not in _ended:
            _texts.append(run_id)
        if len(_texts) > _TEXTS:
            _ended.pop(_texts.popleft(), None)
        ended, key = Ended(Ended), run_id
    else:
        return
    ended.key, ended.inherited, ended.span, ended.around = key, _inherited(run), run.span.get_span_context(), _NOTHING
    if len(context) > 2:  # noqa: PLR2004 - besides the span and the run: blocks, sessions, baggage
        ended.around = {key: value for key, value in context.items() if key != RUN and value is not run.span}
    _ended[key] = ended
    if len(_ended) > _LIMIT:
        for oldest in list(islice(_ended, _LIMIT // 4)):
            _ended.pop(oldest, None)


def _drop(ended: Ended) -> None:
    if _ended.get(ended.key) is ended:
        _ended.pop(ended.key, None)


def forget_ended() -> None:
    """Forget what is kept of ended runs."""
    _ended.clear()
    _texts.clear()


def parent_context(parent_id: Any, current: Context) -> Context:
    """Return the context that a run with this LangChain parent belongs to.

    It is the current one, unless the parent is known and its body is not around us: neither the run we are in
    nor one above it. A parent that has just ended is still the parent.
    """
    if parent_id is None:
        return current
    here: Any = current.get(RUN)
    if here is not None and (here.id is parent_id or here.id == parent_id or parent_id in here.ancestors):
        return current
    known = find(parent_id)
    if known is not None and known.context is not None:
        return known.context
    ended = _ended.get(parent_id.int if type(parent_id) is UUID else parent_id)
    if ended is None:
        return current
    # A stand-in for the parent, with neither its totals nor its objects.
    run = Run(parent_id, None, "", {}, (), None, {}, {})
    for name, value in zip(INHERITED, ended.inherited, strict=True):
        setattr(run, name, value)
    run.identity, run.span, run.ended = {}, NonRecordingSpan(ended.span), True
    return Context({**ended.around, SPAN: run.span, RUN: run, ENDED_PARENT: run})


# Open streams ----------------------------------------------------------------------------------------------------
# The exception of a streamed chain holds the generators of its steps, perhaps for ever: a logger, a test or a retry
# keeps it. So the streams that a failing run leaves half read end with it. Their generators are left alone: the
# program may have kept a stream to read on.

_FEW = 32  # so many streams of a run are noted before those that have ended are forgotten

Reader = weakref.ReferenceType[object] | int | None
"""Who reads a stream: a task, or outside of tasks a thread; None: only what runs inside the run above."""


def note_stream(run: Run, above: Run, *, is_step: bool) -> None:
    """Note that a run which has just started is a stream that is read in the run above.

    `is_step`: LangChain itself reads it, which it does no longer once the run above is over.
    """
    run.reader = None if is_step else _reader()
    if above.streams is None:
        above.streams = [run.ref]
        return
    above.streams.append(run.ref)
    if len(above.streams) % _FEW == 0:
        above.streams = [known for known in above.streams if (one := known()) is not None and not one.ended]


def open_streams(run: Run) -> list[Run]:
    """Return the streams that a run which is about to end leaves half read, newest first.

    A task or a thread that the run has started may go on with a stream of its own, and is left alone.
    """
    noted, run.streams = run.streams or (), None
    readers: tuple[Reader, ...] = (None, _reader(), run.reader)
    found = [one for known in reversed(noted) if (one := known()) is not None and not one.ended]
    return [one for one in found if one.reader in readers or _is_over(one.reader)]


def _is_over(reader: Reader) -> bool:
    if not isinstance(reader, weakref.ReferenceType):
        return False
    task: Any = reader()
    return task is None or task.done()


def _reader() -> Reader:
    loop = _get_running_loop()
    task = None if loop is None else current_task(loop)
    return get_ident() if task is None else weakref.ref(task)


def _forget_all() -> None:
    """Forget all runs in a forked child: they are the parent's, which ends them."""
    abandoned.clear()
    for ref in [*_newest.values(), *_shadowed.values()]:
        if (run := ref()) is not None:
            run.ended, run.context = True, None
    _newest.clear()
    _shadowed.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
