"""Run: one call as callbacks see it, with LangChain's own objects and the span."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from time import time_ns
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from opentelemetry.context import Context, get_current
from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.core import errors, skip, spans
from callspan.core.identity import Identity
from callspan.core.keys import RUN
from callspan.core.operations import Operation, Subscriber
from callspan.core.text import safe_name
from callspan.core.usage import NO_TOKENS, TokenCounts, Totals, completed

if TYPE_CHECKING:
    from callspan.core.state import Telemetry

NO_CONTENT = "no_content"

OK, ERROR, STOPPED, SKIPPED = "ok", "error", "stopped", "skipped"
PAUSED, CANCELLED, CLOSED, UNREPORTED = "paused", "cancelled", "closed", "unreported"

FAILED = (ERROR, STOPPED)
"""The outcomes that are failures of the call, and no others: the span's status is ERROR, and `on_*_error` is called."""

_Value = TypeVar("_Value")


class Rare(Generic[_Value]):
    """An attribute that few runs set. All are kept in one dict, so that the other runs do not pay for them.

    Args:
        default: The value of a run that did not set it.
    """

    __slots__ = ("default", "name")

    def __init__(self, default: _Value) -> None:
        self.default = default

    def __set_name__(self, owner: type[Run], name: str) -> None:
        self.name = name

    def __get__(self, run: Run, owner: type[Run]) -> _Value:
        rare = run.rare
        return self.default if rare is None else rare.get(self.name, self.default)

    def __set__(self, run: Run, value: _Value) -> None:
        if run.rare is None:
            run.rare = {}
        run.rare[self.name] = value


class Run:
    """One call that LangChain announced, and its span. LangChain's own objects are read, never changed.

    Args:
        id: LangChain's run id, a UUID (text if the user gave text).
        parent_id: LangChain's id of the run that it says is the parent; not always the parent of the span.
        name: LangChain's name for it.
        metadata: The metadata, the program's and LangChain's.
        tags: The tags.
        inputs: The input: messages, a prompt, a query, anything. A run without listeners releases it at its end.
        serialized: LangChain's description of the object, or an empty one. Released at the end, as `extra` is.
        extra: The other keywords of the start event.
    """

    __slots__ = (
        "__weakref__",
        "active",
        "agent",
        "ancestors",
        "answer",
        "arguments",
        "closed",
        "content",
        "context",
        "conversation",
        "ended",
        "ended_at",
        "error",
        "extra",
        "first_chunk",
        "given",
        "has_totals",
        "id",
        "identity",
        "inputs",
        "key",
        "metadata",
        "name",
        "outcome",
        "outputs",
        "outside",
        "parent_id",
        "parent_ref",
        "partial",
        "rare",
        "ref",
        "row",
        "serialized",
        "span",
        "started",
        "streamed",
        "subject",
        "subscribers",
        "tags",
        "top",
        "totals",
        "totals_parent",
        "who",
    )  # fmt: skip

    active: Telemetry  # the settings and tracer when it started
    row: Operation
    span: Span  # not recording if sampled out or hidden
    identity: Mapping[str, AttributeValue]  # the attributes that the sampler saw
    rare: dict[str, Any] | None  # the values of the attributes below that are set

    attempt = Rare(1)  # at the same thing
    skippable = Rare(False)
    skipped: Rare[tuple[Any] | None] = Rare(None)  # what stands for the result, if a hook skips the call
    asked: Rare[Mapping[str, Any] | None] = Rare(None)  # the content of the input
    extra_at_end: Rare[Mapping[str, Any]] = Rare({})  # the other keywords of the end event
    # Listeners: who was not interested; who is the provider's own span processor, and who is notified of the span
    # beside those; what hooks noted, what one of them stopped the run with, and which events LangGraph reported.
    not_interested: Rare[tuple[Subscriber, ...]] = Rare(())
    sdk_callbacks: Rare[Sequence[Subscriber]] = Rare(())
    span_processors: Rare[tuple[Subscriber, ...]] = Rare(())
    notes: Rare[dict[Any, Any] | None] = Rare(None)
    stopper: Rare[BaseException | None] = Rare(None)
    seen_events: Rare[tuple[str, ...]] = Rare(())
    # Other instrumentations of the same call: the record that they share with us, whether theirs is the outer span,
    # what they counted; what the provider reported and the integration leaves out of its answer.
    is_foreign = Rare(False)
    shared: Rare[Any] = Rare(None)
    watched = Rare(False)
    nested_usage: Rare[TokenCounts | None] = Rare(None)
    beside: Rare[Mapping[str, Any] | None] = Rare(None)
    # Runs inside: whether a model counted its tokens, whether one was cancelled, what a parser makes of an answer, what
    # was tried in vain, what they wait for, the exceptions that they passed on, the streams that somebody reads.
    usage_counted = Rare(False)
    disturbed = Rare(False)
    wanted_schema: Rare[Any] = Rare(None)
    failures: Rare[Any] = Rare(None)
    paused: Rare[tuple[Any, ...] | None] = Rare(None)
    passed_exceptions: Rare[deque[tuple[errors.Origin, int]] | None] = Rare(None)
    streams: Rare[list[weakref.ref[Run]] | None] = Rare(None)
    reader: Rare[weakref.ref[Any] | int | None] = Rare(None)  # of a stream: the task or thread that reads it

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
        self.rare = None
        self.content = NO_CONTENT  # where the content of its messages is written
        self.key = 0  # what two announcements of one run have in common
        self.ancestors: tuple[Any, ...] = ()
        self.subscribers: tuple[Subscriber, ...] = ()
        # Whether its end has begun, and whether that is over; whether it has totals, is streamed, has no run above.
        self.ended = self.closed = self.has_totals = self.streamed = self.top = False
        # Around it: the run above, session and user, the agent, the conversation, the totals that it adds to, the
        # object whose frame opened it, the keywords of that frame, and the context that this frame restores.
        self.parent_ref: weakref.ref[Run] | None
        self.who: Identity | None
        self.agent: str | None
        self.conversation: str | None
        self.given: Any  # the ids in `configurable` of its config
        self.totals_parent: Totals | None
        self.subject: Any
        self.arguments: Mapping[str, Any] | None
        self.context: Context | None
        self.outside: Context | None
        self.parent_ref = self.who = self.agent = self.conversation = self.given = self.totals_parent = None
        self.subject = self.arguments = self.context = self.outside = None
        self.partial: Callable[[], Any] | None = None  # returns the answer so far of a call without a result
        # How it ended, and its result, also taken apart; when its first chunk came; the totals of the runs inside.
        self.outcome: str | None
        self.outputs: Any
        self.error: BaseException | None
        self.answer: Any
        self.first_chunk: int | None
        self.ended_at: int | None
        self.totals: Totals | None
        self.outcome = self.outputs = self.error = self.answer = self.first_chunk = self.ended_at = self.totals = None

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
        return self._text_of(semconv.REQUEST_MODEL)

    @property
    def provider(self) -> str | None:
        """The provider of the model, in the conventions' words."""
        return self._text_of(semconv.PROVIDER)

    def _text_of(self, name: str) -> str | None:
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
            return NO_TOKENS
        answer = self.answer
        if answer is None and self.outputs is not None:
            answer = self.taken_apart(self.outputs)
        found = None if answer is None else spans.attempt("a usage", self.row.tokens, answer)
        return completed(found, self.nested_usage) or NO_TOKENS

    def taken_apart(self, outputs: Any) -> Any:
        """Return what LangChain reported as the result as the tables of attributes read it, or None.

        Args:
            outputs: The result.
        """
        answer: Any = spans.attempt("a result", self.row.answer, outputs)
        if self.rare is not None and self.beside is not None and answer is not None:
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

        The other callbacks still receive the start, and one end with the outcome `skipped`. A stop of theirs wins.
        No tokens are counted.

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
    """Return the run whose body the caller is in, or None outside of every run."""
    here: Any = get_current().get(RUN)
    return None if here is None or (here.ended and here.context is None) else here
