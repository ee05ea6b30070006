"""One call and its span: started, found by its id where the context was lost, ended exactly once."""

from __future__ import annotations

import atexit
import os
import weakref
from collections import deque
from collections.abc import Callable
from time import time_ns
from typing import Any

from opentelemetry.context import Context, create_key, get_current
from opentelemetry.trace import Span, set_span_in_context

from callspan import errors, lease, semconv, spans, telemetry
from callspan.kinds import VISIBLE, Kind
from callspan.text import safe_name

RUN = create_key("callspan-run")
"""Context key: the run whose body we are in."""

WAITING = create_key("callspan-waiting")
"""Context key: the frame that is about to start a run inside itself. It never gets into a run's own context."""

OK, ERROR, PAUSED, CANCELLED, CLOSED, ABANDONED, UNREPORTED = (
    "ok", "error", "paused", "cancelled", "closed", "abandoned", "unreported",
)  # fmt: skip

NOTHING: Any = object()
"""Stands for outputs that were not reported; None is an output."""

_SEEN = 64
"""How many exceptions a run remembers that runs inside it ended with."""

_open: dict[int, weakref.ref[Run]] = {}  # every open run, by its identity: ids may be reused while in use
_by_id: dict[Any, weakref.ref[Run]] = {}  # the newest open run of an id, to find a parent whose context was lost


class Run:
    """One call that LangChain announced, and its span.

    Args:
        id: LangChain's run id, a UUID (text if the user gave text).
        kind: What it is.
        name: LangChain's name for it.
        parent_id: LangChain's id of the run that it says is the parent; not always the parent of the span.
        span: Its span; not recording if sampled out or hidden.
        context: The context its body runs in; None after the end.
    """

    __slots__ = (
        "__weakref__", "ancestors", "announcement_key", "context", "ended", "error", "id", "kind", "name",
        "outcome", "outside", "parent_id", "parent_ref", "paused", "ref", "seen", "span",
        "started",
    )  # fmt: skip

    def __init__(self, kind: Kind, said: Any, parent: Run | None) -> None:
        self.id: Any = said.run_id
        self.kind = kind
        self.name: str = said.name
        self.parent_id: Any = said.parent_id
        self.announcement_key: int = said.key
        self.ref = weakref.ref(self)
        self.parent_ref = None if parent is None else parent.ref
        self.ancestors: tuple[Any, ...] = () if parent is None else (*parent.ancestors, parent.id)
        self.span: Span
        self.context: Context | None = None
        self.outside: Context | None = None  # what a frame that starts the run inside itself puts back at its end
        self.ended = self.paused = False
        self.outcome: str | None = None
        self.error: BaseException | None = None
        self.seen: deque[tuple[errors.Origin, int]] | None = None  # what runs inside passed on, and when
        self.started = time_ns()

    def __repr__(self) -> str:
        return f"<Run {self.kind.name} {self.name!r} {self.outcome or 'open'}>"

    @property
    def parent(self) -> Run | None:
        """The run that this one was started in, while it lives."""
        return None if self.parent_ref is None else self.parent_ref()

    def end(
        self,
        *,
        outputs: Any = NOTHING,
        error: BaseException | None = None,
        outcome: str | None = None,
        at: int | None = None,
    ) -> None:
        """End the run and its span; only the first call counts.

        Args:
            outputs: What LangChain reported as the result.
            error: The exception that ended it, whether or not it is a failure.
            outcome: One of the outcomes; by default `ok`, or `error` with an exception.
            at: When it ended, in nanoseconds since the epoch; now by default.
        """
        try:
            self._end(outputs, error, outcome, at or time_ns())
        finally:
            reap()

    def _end(self, outputs: Any, error: BaseException | None, outcome: str | None, at: int) -> None:
        if self.ended:
            return
        self.ended = True
        self.outcome = outcome or (OK if error is None else ERROR)
        try:
            _forget(self)
            if self.span.is_recording():
                self._write_end(outputs)
            if self.outcome == PAUSED and self.parent is not None:
                self.parent.paused = True
            if self.outcome == ERROR and error is not None:
                self._write_error(error, at)
        finally:
            self.context = self.outside = None  # it holds this run, and the one above
            spans.end_span(self.span, at)

    def _write_end(self, outputs: Any) -> None:
        attributes = {} if outputs is NOTHING else spans.read(self.kind.end, self.kind.answer(outputs))
        if self.outcome not in (OK, ERROR):
            attributes[semconv.RUN_OUTCOME] = str(self.outcome)
        if attributes:
            self.span.set_attributes(attributes)

    def _write_error(self, error: BaseException, at: int) -> None:
        recording = self.span.is_recording()
        text = self._text_of(error) if recording else ""
        if recording:
            spans.write_failure(self.span, error, text)
        if self._began_here(error, at) and recording:
            self.span.add_event(semconv.EXCEPTION, errors.exception_event(error, text))

    def _text_of(self, error: BaseException) -> str:
        try:
            return errors.error_text(error)
        except Exception as fault:  # noqa: BLE001 - the user's `__str__`: it costs the text
            telemetry.failed(f"the text of {errors.error_type(error)}", fault)
            return ""

    def _began_here(self, error: BaseException, at: int) -> bool:
        """Tell whether no other run has passed this very exception on to this one, and tell the parent of it.

        It comes from a run inside, or from a sibling that was still open when this one began: the steps of a stream
        pull each other. One that ended before has raised another exception, at what may be the same address.
        """
        origin = errors.origin(error)
        parent = self.parent
        beside = () if parent is None or parent.seen is None else parent.seen
        passed_on = any(seen == origin for seen, _ in self.seen or ()) or any(
            seen == origin and ended > self.started for seen, ended in beside
        )
        # A hidden run leaves the event to be written further up.
        if parent is not None and (passed_on or self.span.is_recording()):
            parent.seen = parent.seen or deque(maxlen=_SEEN)
            parent.seen.append((origin, at))
        return not passed_on


def place(parent_id: Any, current: Context) -> Context:
    """Find the context that a run with this LangChain parent belongs to.

    It is the current one, unless the parent is known and its body is not around us: neither the run we are in
    nor one above it.
    """
    if parent_id is None:
        return current
    here: Any = current.get(RUN)
    if here is not None and (here.id is parent_id or here.id == parent_id or parent_id in here.ancestors):
        return current
    known = find(parent_id)
    return current if known is None or known.context is None else known.context


def find(run_id: Any) -> Run | None:
    """Give the open run with this id: the newest, if an id is used more than once."""
    ref = _by_id.get(run_id)
    return None if ref is None else ref()


def start(kind: Kind, said: Any, parent: Context, *, hidden: bool = False) -> Run:
    """Start a run and its span.

    Args:
        kind: What it is.
        said: What was announced: `run_id`, `parent_id`, `name`, `key`, and whatever the kind's tables read.
        parent: The context it belongs to.
        hidden: Whether it gets no span although its kind would.

    Returns:
        The open run; its frames make its `context` current.
    """
    reap()
    inforce = telemetry.current()
    above: Any = parent.get(RUN)
    run = Run(kind, said, above)
    if above is not None and (hidden or kind.depth > VISIBLE[inforce.settings.detail]):
        run.span = spans.hidden_span(parent)
        context = Context(parent)
    else:
        run.span = _start_span(inforce, kind, said, parent)
        context = set_span_in_context(run.span, parent)
    dict.__setitem__(context, RUN, run)  # a copy that nobody has seen yet
    if WAITING in context:
        dict.__delitem__(context, WAITING)
    run.context = context
    _open[id(run)] = _by_id[run.id] = run.ref
    _exit_once()
    return run


def _start_span(inforce: telemetry.Telemetry, kind: Kind, said: Any, parent: Context) -> Span:
    identity = spans.read(kind.identity, said)
    target = safe_name(said.name if kind.target is None else identity.get(kind.target))
    name = kind.word if target is None else f"{kind.word} {target}"
    span = spans.start_span(inforce.tracer, name, parent, kind.span_kind, identity)
    if span.is_recording():
        span.set_attributes(spans.read(kind.start, said))
    return span


def current_run() -> Run | None:
    """Give the run whose body the caller is in, or None outside of every run."""
    here: Any = get_current().get(RUN)
    return here if here is not None and not here.ended else None


def open_runs() -> list[Run]:
    """List the runs that have started and not ended, oldest first."""
    reap()
    found = (ref() for ref in list(_open.values()))
    return [run for run in found if run is not None and not run.ended]


def reap() -> None:
    """End the runs that were abandoned: nobody holds their run manager, so nobody can report their end."""
    while lease.abandoned:
        try:
            run, at = lease.abandoned.popleft()
        except IndexError:  # another thread was faster
            return
        run._end(NOTHING, None, ABANDONED, at)  # not `end`, which reaps in turn


def end_all() -> None:
    """End every open run as abandoned, inner ones first: nobody will watch them any longer."""
    for run in reversed(open_runs()):
        run.end(outcome=ABANDONED)


def _forget(run: Run) -> None:
    _open.pop(id(run), None)
    if _by_id.get(run.id) is run.ref:  # else a younger run has the same id
        del _by_id[run.id]


def _forget_all() -> None:
    """In a forked child: the open runs are the parent's, which ends them."""
    lease.abandoned.clear()
    for ref in [*_open.values()]:
        if (run := ref()) is not None:
            run.ended = True
    _open.clear()
    _by_id.clear()


def _make_exit_once() -> Callable[[], None]:
    registered = False

    def exit_once() -> None:
        """Register the last rites at the first run, not at import.

        Exit handlers run last in, first out: by now the provider has registered its own, so ours comes before it.
        """
        nonlocal registered
        if not registered:
            registered = True
            atexit.register(end_all)

    return exit_once


_exit_once = _make_exit_once()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
