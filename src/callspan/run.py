"""One call and its span: what is known of it, and its end, which comes exactly once."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from time import time_ns
from typing import Any

from opentelemetry.context import Context, create_key, get_current
from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

from callspan import errors, lease, registry, semconv, spans, telemetry
from callspan.kinds import MODEL_CALLS, Kind
from callspan.registry import ABANDONED, RUN
from callspan.totals import Totals

WAITING = create_key("callspan-waiting")
"""Context key: the frame that is about to start a run inside itself. It never gets into a run's own context."""

OK, ERROR, PAUSED, CANCELLED, CLOSED, UNREPORTED = ("ok", "error", "paused", "cancelled", "closed", "unreported")

_NOTHING_SAID: Mapping[str, Any] = {}

NOTHING: Any = object()
"""Stands for outputs that were not reported; None is an output."""

_SEEN = 64
"""How many exceptions a run remembers that runs inside it ended with."""


class Run:
    """One call that LangChain announced, and its span. LangChain's own objects are read, never changed.

    Args:
        id: LangChain's run id, a UUID (text if the user gave text).
        parent_id: LangChain's id of the run that it says is the parent; not always the parent of the span.
        name: LangChain's name for it.
        metadata: The metadata, the program's and LangChain's.
        tags: The tags.
        inputs: The input: messages, a prompt, a query, anything. Let go of at the end, as what follows is.
        serialized: LangChain's description of the object, or an empty one.
        extra: The other keywords of the start event.
    """

    __slots__ = (
        "__weakref__", "agent", "ancestors", "answer", "arguments", "attempt", "context", "conversation", "counted",
        "ended", "extra", "failures", "first_chunk", "id", "identity", "inputs", "into", "key", "kind", "metadata",
        "name", "outcome", "outside", "parent_id", "parent_ref", "paused", "ref", "seen", "serialized", "span",
        "started", "streamed", "subject", "sums", "tags", "top", "totals",
    )  # fmt: skip

    kind: Kind
    span: Span
    """Not recording if sampled out or hidden."""
    identity: Mapping[str, AttributeValue]
    """What the sampler saw."""

    def __init__(
        self,
        id: Any,  # noqa: A002 - LangChain's word
        parent_id: Any,
        name: str,
        metadata: Mapping[str, Any],
        tags: Sequence[str],
        inputs: Any,
        serialized: Mapping[str, Any],
        extra: Mapping[str, Any],
    ) -> None:
        self.id = id
        self.parent_id = parent_id
        self.name = name
        self.metadata = metadata
        self.tags = tags
        self.inputs = inputs
        self.serialized = serialized
        self.extra = extra
        self.started = time_ns()
        self.ref = weakref.ref(self)
        self.attempt = 1  # at the same thing
        self.ancestors: tuple[Any, ...] = ()
        self.ended = self.paused = self.streamed = self.top = False
        self.counted = False  # whether a model inside it has counted its tokens
        self.sums = False  # whether it has totals
        self.key: int = 0  # what two announcements of one run have in common
        # Of what is around it: the run above, the agent, the conversation, what it adds to, the object whose frame
        # opened it and the keywords of that frame, and what this frame puts back at the end.
        self.parent_ref: weakref.ref[Run] | None
        self.agent: str | None
        self.conversation: str | None
        self.into: Totals | None
        self.subject: Any
        self.arguments: Mapping[str, Any] | None
        self.context: Context | None
        self.outside: Context | None
        self.parent_ref = self.agent = self.conversation = self.into = self.subject = self.arguments = None
        self.context = self.outside = None
        # Of what happens in it: how it ended and its result taken apart, when its first chunk came, what runs inside
        # it add up to, what they tried in vain, and the exceptions that they passed on.
        self.outcome: str | None
        self.answer: Any
        self.first_chunk: int | None
        self.totals: Totals | None
        self.failures: Any
        self.seen: deque[tuple[errors.Origin, int]] | None
        self.outcome = self.answer = self.first_chunk = self.totals = self.failures = self.seen = None

    def __repr__(self) -> str:
        return f"<Run {self.kind.name} {self.name!r} {self.outcome or 'open'}>"

    @property
    def parent(self) -> Run | None:
        """The run that this one was started in, while it lives."""
        return None if self.parent_ref is None else self.parent_ref()

    @property
    def time_to_first_chunk(self) -> float | None:
        """How many seconds after the start the first chunk of its answer came; None if none has come."""
        return None if self.first_chunk is None else max(0, self.first_chunk - self.started) / 1e9

    def end(
        self,
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
        if self.ended:
            return
        self.ended = True
        at = at or time_ns()
        if outcome is None:
            outcome = OK if error is None else ERROR
        self.outcome = outcome
        registry.forget(self)
        try:
            self._report(outputs, at, error if outcome == ERROR else None)
            if outcome == PAUSED and error is not None and self.parent is not None:  # a result ends the pause
                self.parent.paused = True
            if outcome == ERROR and error is not None:
                self._write_error(error, at)
        finally:
            # A context that a task keeps holds this run: it holds nothing itself.
            self.context = self.outside = self.inputs = self.answer = self.failures = self.subject = None
            self.arguments = None
            self.extra = self.serialized = _NOTHING_SAID
            try:
                self.span.end(at)
            except Exception as fault:  # noqa: BLE001 - the SDK's own end
                telemetry.refused("end a span", fault)
            if lease.abandoned and outcome != ABANDONED:  # those are ended one by one, not one inside another
                registry.reap()

    def _report(self, outputs: Any, at: int, failure: BaseException | None) -> None:
        """Write and measure what is known at the end, and add to the totals of the runs around."""
        kind, span = self.kind, self.span
        recording = span.is_recording()
        meters = telemetry.instruments() if kind.operation is not None else None
        if kind.end and outputs is not NOTHING and (recording or self.into is not None or meters is not None):
            self.answer = spans.attempt("a result", kind.answer, outputs)
        wanted = self.answer is not None and (recording or meters is not None)
        attributes = spans.read(kind.end, self.answer) if wanted else {}
        if meters is not None:
            meters.record(self, attributes, at, failure)
        if recording:
            if self.outcome not in (OK, ERROR):
                attributes[semconv.RUN_OUTCOME] = str(self.outcome)
            if self.totals is not None:
                attributes.update(self.totals.attributes())
            if self.streamed:
                attributes[semconv.REQUEST_STREAM] = True
                if (waited := self.time_to_first_chunk) is not None:
                    attributes[semconv.TIME_TO_FIRST_CHUNK] = waited
            if attributes:
                span.set_attributes(attributes)
            # Over its limit the SDK drops the oldest ones, which are those that every reader looks for first.
            if getattr(span, "dropped_attributes", 0):
                span.set_attributes(self.identity)
        self._add_up()

    def _add_up(self) -> None:
        kind = self.kind
        if self.into is None or (kind.calls is None and self.answer is None):
            return
        tokens = None if self.answer is None else kind.tokens(self.answer)
        if tokens is not None and kind.calls == MODEL_CALLS:
            if self.counted:  # a model that hands on what another one answered
                tokens = None
            elif (parent := self.parent) is not None:
                parent.counted = parent.kind.calls == MODEL_CALLS
        self.into.add(kind.calls, tokens)

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


def current_run() -> Run | None:
    """Give the run whose body the caller is in, or None outside of every run."""
    here: Any = get_current().get(RUN)
    return here if here is not None and not here.ended else None
