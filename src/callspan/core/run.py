"""One call, as its subscribers and its tables see it: what LangChain said of it, and how it went."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, get_current
from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.core import errors, interop, skip, spans
from callspan.core.identity import Identity
from callspan.core.keys import RUN
from callspan.core.operations import Kind, Subscriber, TokenCounts
from callspan.core.text import safe_name
from callspan.core.totals import Totals

if TYPE_CHECKING:
    from callspan.core.state import Telemetry

OK, ERROR, STOPPED, SKIPPED = "ok", "error", "stopped", "skipped"
PAUSED, CANCELLED, CLOSED, UNREPORTED = "paused", "cancelled", "closed", "unreported"

FAILED = (ERROR, STOPPED)
"""The outcomes that are failures of the call, and no others: the span's status is ERROR, and `on_*_error` is heard."""

_NOTHING = TokenCounts()


class Run:
    """One call that LangChain announced, and its span. LangChain's own objects are read, never changed.

    Args:
        id: LangChain's run id, a UUID (text if the user gave text).
        parent_id: LangChain's id of the run that it says is the parent; not always the parent of the span.
        name: LangChain's name for it.
        metadata: The metadata, the program's and LangChain's.
        tags: The tags.
        inputs: The input: messages, a prompt, a query, anything. A run that nobody hears lets go of it at its end.
        serialized: LangChain's description of the object, or an empty one. Let go of at the end, as what follows is.
        extra: The other keywords of the start event.
    """

    __slots__ = (
        "__weakref__", "active", "agent", "ancestors", "answer", "arguments", "asked", "attempt", "beside",
        "by_sdk", "closed", "content", "context", "conversation", "counted", "declined", "disturbed", "ended",
        "ended_at", "error", "extra", "extra_at_end", "failures", "first_chunk", "given", "id", "identity",
        "inputs", "into", "is_foreign", "key", "learned", "metadata", "name", "notes", "outcome", "outputs",
        "outside", "parent_id", "parent_ref", "partial", "paused", "reader", "ref", "row", "seen", "serialized",
        "shared", "skippable", "skipped", "span", "spanning", "started", "stopper", "streamed", "streams",
        "subject", "subscribers", "sums", "tags", "told", "top", "totals", "wanted", "watched", "who",
    )  # fmt: skip

    active: Telemetry
    """What was in force when it started."""
    row: Kind
    """What it is: its row of the span table."""
    span: Span
    """Not recording if sampled out or hidden."""
    identity: Mapping[str, AttributeValue]
    """What the sampler saw."""
    who: Identity | None
    """Who is at work."""
    shared: Any
    """The record that it shares with other instrumentations of the same call; `watched`: theirs, and so is the span."""
    learned: TokenCounts | None
    """What those inside counted."""
    beside: Mapping[str, Any] | None
    """What the provider reported of what it used, and the integration leaves out of its answer."""
    skipped: tuple[Any] | None
    """What stands for its result, as the call would give it, if a hook skips it."""
    given: Any
    """What `configurable` of its config says of it."""
    wanted: Any
    """What a parser inside is to make of a model's answer."""
    partial: Callable[[], Any] | None
    """Gives what had come of its result, where that is not reported."""
    streams: list[weakref.ref[Run]] | None
    """The streams in it that somebody reads."""
    reader: weakref.ref[Any] | int | None
    """Of a stream: the task or thread that reads it, as `suspended` knows them."""

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
        self.extra_at_end: Mapping[str, Any] = {}  # those of the end event
        self.started = time_ns()
        self.ref = weakref.ref(self)
        self.attempt = 1  # at the same thing
        self.content = "no_content"  # where what is said in it is written
        self.ancestors: tuple[Any, ...] = ()
        # Whether its end has begun, and whether that is over; whether a model inside it has counted its tokens;
        # whether it has totals; whether a run inside it was cancelled.
        self.ended = self.closed = self.counted = self.sums = self.disturbed = self.streamed = False
        self.top = self.is_foreign = self.watched = self.skippable = False
        self.key: int = 0  # what two announcements of one run have in common
        # Who hears it, and who did not want to; of these who comes by OpenTelemetry's door, and who is told of the span
        # besides; what their hooks noted, what one of them stopped it with, and which events LangGraph told.
        self.subscribers: tuple[Subscriber, ...]
        self.declined: tuple[Subscriber, ...]
        self.by_sdk: Sequence[Subscriber]
        self.spanning: tuple[Subscriber, ...]
        self.told: tuple[str, ...]
        self.subscribers = self.declined = self.by_sdk = self.spanning = self.told = ()
        self.notes: dict[Any, Any] | None
        self.stopper: BaseException | None
        self.notes = self.stopper = self.skipped = None
        # Of what is around it: the run above, who is at work, the agent, the conversation, what it adds to, the object
        # whose frame opened it and the keywords of that frame, and what this frame puts back at the end.
        self.parent_ref: weakref.ref[Run] | None
        self.agent: str | None
        self.conversation: str | None
        self.into: Totals | None
        self.subject: Any
        self.arguments: Mapping[str, Any] | None
        self.context: Context | None
        self.outside: Context | None
        self.parent_ref = self.who = self.agent = self.conversation = self.into = self.subject = self.arguments = None
        self.context = self.outside = self.shared = self.learned = self.beside = self.wanted = self.given = None
        # Of what happens in it: what was asked, if content is on, how it ended and its result, also taken apart, when
        # its first chunk came, what runs inside it add up to, what they tried in vain, what they pause it for, the
        # exceptions that they passed on, and what returns the answer up to now of a call that has no result.
        self.asked: Mapping[str, Any] | None
        self.outcome: str | None
        self.outputs: Any
        self.error: BaseException | None
        self.answer: Any
        self.first_chunk: int | None
        self.ended_at: int | None
        self.totals: Totals | None
        self.failures: Any
        self.paused: tuple[Any, ...] | None
        self.seen: deque[tuple[errors.Origin, int]] | None
        self.outcome = self.outputs = self.error = self.answer = self.first_chunk = self.ended_at = None
        self.totals = self.failures = self.paused = self.seen = self.asked = self.partial = None
        self.streams = self.reader = None

    def __repr__(self) -> str:
        return f"<Run {self.row.name} {self.name!r} {self.outcome or 'open'}>"

    @property
    def kind(self) -> str:
        """What it is: `llm`, `chain`, `tool`, `retriever` or `embedding`."""
        return self.row.name

    @property
    def operation(self) -> str | None:
        """The conventions' operation, `gen_ai.operation.name`; None for a node and for a chain inside another run."""
        return self.row.operation

    @property
    def parent(self) -> Run | None:
        """The run that this one was started in, while it lives."""
        return None if self.parent_ref is None else self.parent_ref()

    @property
    def root(self) -> Run:
        """The outermost run around this one that still lives; itself, if there is none."""
        run = self
        while (above := run.parent) is not None:
            run = above
        return run

    @property
    def model(self) -> str | None:
        """The model that is asked, as far as that is known."""
        return self._said(semconv.REQUEST_MODEL)

    @property
    def provider(self) -> str | None:
        """The provider of the model, in the conventions' words."""
        return self._said(semconv.PROVIDER)

    def _said(self, name: str) -> str | None:
        value = self.identity.get(name)
        return value if isinstance(value, str) else None

    @property
    def messages(self) -> Sequence[Any]:
        """The messages that a chat model is asked, LangChain's own objects; empty for other runs."""
        return spans.attempt("the messages of a run", self.row.messages, self) or ()

    @property
    def message(self) -> Any:
        """The message that a chat model answered with, LangChain's own object; None for other runs."""
        return None if self.outputs is None else spans.attempt("a message", self.row.message, self.outputs)

    @property
    def usage(self) -> TokenCounts:
        """What the call used: of a model once it has answered, else nothing."""
        if self.outcome == SKIPPED:
            return _NOTHING
        answer = self.answer
        if answer is None and self.outputs is not None:
            answer = self.taken_apart(self.outputs)
        found = None if answer is None else spans.attempt("a usage", self.row.tokens, answer)
        return interop.completed(found, self.learned) or _NOTHING

    def taken_apart(self, outputs: Any) -> Any:
        """Return what LangChain reported as the result as the tables of attributes read it, or None.

        Args:
            outputs: The result.
        """
        answer: Any = spans.attempt("a result", self.row.answer, outputs)
        if self.beside is not None and answer is not None:
            answer.beside = self.beside
        return answer

    @property
    def state(self) -> dict[Any, Any]:
        """What callbacks note on this run; use the callback itself as the key: `run.state[self] = ...`."""
        if self.notes is None:
            self.notes = {}
        return self.notes

    @property
    def started_at(self) -> datetime:
        """When it started, in UTC."""
        return datetime.fromtimestamp(self.started / 1e9, UTC)

    @property
    def duration(self) -> float | None:
        """How many seconds it took, without the hooks of its end; None while it is open."""
        return None if self.ended_at is None else max(0, self.ended_at - self.started) / 1e9

    @property
    def time_to_first_token(self) -> float | None:
        """How many seconds after the start the first chunk of its answer came; None if none has come."""
        return None if self.first_chunk is None else max(0, self.first_chunk - self.started) / 1e9

    @property
    def is_stoppable(self) -> bool:
        """Whether a hook can stop it: not once it has ended otherwise than with a result or an error."""
        if self.is_foreign or (self.outcome is not None and self.context is None):
            return False
        return self.outcome is None or (self.stopper is None and self.outcome in (OK, ERROR, SKIPPED))

    def skip(self, result: Any) -> None:
        """Answer the call with this instead of making it, in a start hook; the first one who skips it decides.

        Others still hear the start, and one end with the outcome `skipped`; a stop of theirs wins. No tokens count.

        Args:
            result: Of a chat model a text, an `AIMessage` or a `ChatResult`; of a tool what it would return, or a
                `ToolMessage`; of a retriever a list of documents.

        Raises:
            TypeError: The run cannot be skipped, or not with that; it says why.
        """
        made = skip.checked_result(self, result)
        self.skipped = self.skipped or (made,)

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Write an attribute on its span, which is of no effect if that is not recorded or has ended.

        Args:
            key: The name; anything but a text is left out.
            value: A text, number, bool or a list of one of them; anything else is left out.
        """
        name, safe = safe_name(key), spans.attribute_value(value)
        if name is not None and safe is not None and self.span.is_recording():
            self.span.set_attribute(name, safe)

    def add_event(self, name: str, attributes: Mapping[str, AttributeValue] | None = None) -> None:
        """Write an event on its span, which is of no effect if that is not recorded or has ended.

        Args:
            name: What happened.
            attributes: What is known of it.
        """
        if self.span.is_recording():
            self.span.add_event(safe_name(name) or "event", spans.attributes_of(attributes))


def current_run() -> Run | None:
    """Give the run whose body the caller is in, or None outside of every run."""
    here: Any = get_current().get(RUN)
    return None if here is None or (here.ended and here.context is None) else here
