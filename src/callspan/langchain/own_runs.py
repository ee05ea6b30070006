"""Runs that LangChain does not announce: their frame starts and ends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from opentelemetry.context import Context, create_key, get_current

from callspan.core import state
from callspan.core.dispatch import Notification, subscribe, subscriptions
from callspan.core.frame import Frame
from callspan.core.keys import RUN, STARTING_RUN
from callspan.core.lifecycle import NOTHING, announce, end_run, start_run, tell_of_span
from callspan.core.operations import Kind
from callspan.core.registry import RunOwner
from callspan.core.run import Run
from callspan.langchain.announcement import inherit, suppressed
from callspan.langchain.outcomes import outcome_of

_SUBJECT = create_key("callspan-subject")
"""Context key: the object that is at it. One of its methods may use another one: that is one call."""


class OwnRun(Frame):
    """The frame of one call that is a run of its own.

    Args:
        name: The run's name.
        row: What it is.
        subject: The object whose method it is; what that calls of itself is the same call, and no run.
        inputs: What it is called with.
        metadata: The metadata of the run.
        tags: Its tags.
        callbacks: LangChain's callbacks that it is called with: a manager, or a list of handlers.
    """

    __slots__ = ("callbacks", "inputs", "lease", "metadata", "name", "outputs", "row", "run", "subject", "tags")

    def __init__(
        self,
        name: str,
        row: Kind,
        *,
        subject: Any = None,
        inputs: Any = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        callbacks: Any = None,
    ) -> None:
        self.callbacks = callbacks
        self.name, self.row, self.subject, self.inputs, self.tags = name, row, subject, inputs, tags
        self.metadata: Mapping[str, Any] = metadata or {}
        self.outputs: Any = NOTHING
        self.run: Run | None = None

    def outset(self) -> Context | None:
        current = get_current()
        if suppressed(current) or (self.subject is not None and current.get(_SUBJECT) is self.subject):
            return None
        above: Any = current.get(RUN)
        run = self.run = Run(uuid4(), None, self.name, self.metadata, self.tags, self.inputs, {}, {})
        self.lease = RunOwner()
        self.lease.run = run  # a body that is dropped in its middle drops us, and nobody reports its end
        run.subject = self.subject
        inherit(run, above, current, current)
        run.active = state.current()
        start_run(run, self.row, current, above=above)
        if self.callbacks is not None:
            self._let_in(run, current)
        if run.subscribers:
            self.told = announce((run,))
        return run.context if self.subject is None else Context({**(run.context or {}), _SUBJECT: self.subject})

    def _let_in(self, run: Run, current: Context) -> None:
        """Let those of LangChain's callbacks hear it that are ours; its own handlers never were told of such calls."""
        before = len(run.subscribers)
        for one in self.callbacks if isinstance(self.callbacks, (list, tuple)) else self.callbacks.handlers:
            if subscriptions.callback_class is not None and isinstance(one, subscriptions.callback_class):
                subscribe(run, one)  # type: ignore[arg-type]  # what is of that class is one
        if len(run.subscribers) > before:
            tell_of_span(run, run.subscribers[before:], Context({**current, STARTING_RUN: run}))

    def over(self, error: BaseException | None) -> Notification | None:
        """End the run as the body ended."""
        run = self.run
        told = None
        if run is not None:
            if hasattr(run, "span"):
                told = end_run(run, self.outputs, error, outcome_of(error))
            run.ended = True  # also if an exception came before it was started
        self.run = None
        return told
