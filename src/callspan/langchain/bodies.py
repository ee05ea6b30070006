"""Where a run is current: exactly while its body runs.

Three kinds of frames know a body. **Config bodies** run in a copied context that LangChain prepares for them alone.
**Model bodies** are handed their run manager. **Scopes** start a run inside themselves: the frame waits for that
start, becomes current with it, and finishes the run if LangChain forgets to.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from weakref import ReferenceType, ref

from opentelemetry.context import Context

from callspan.core import interop, registry
from callspan.core.context import current as current_context
from callspan.core.context import put
from callspan.core.dispatch import Notification, combine
from callspan.core.frame import Frame, Opener
from callspan.core.keys import RUN, WAITING_FRAME
from callspan.core.lifecycle import end_run
from callspan.core.registry import find, parent_context
from callspan.core.run import CANCELLED, ERROR, UNREPORTED, Run
from callspan.core.skip import SkipResult, SkipSignal
from callspan.langchain.announcement import run_of, suppressed
from callspan.langchain.callers import calling_config, is_started_by
from callspan.langchain.chains import is_step
from callspan.langchain.configurable import config_among
from callspan.langchain.failures import given_up
from callspan.langchain.partial import note_body, note_events, note_stream, of_result
from callspan.langchain.pauses import outcome_of_run
from callspan.langchain.skip import answer_of, skip_body


def config_set(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Make the run current whose children the config prepares; nothing to undo in a context made for one body."""
    config = args[0] if args else kwargs["config"]
    current = current_context()
    run_id = getattr(config.get("callbacks"), "parent_run_id", None)
    if run_id is None:
        return
    newest = find(run_id)
    here: Any = current.get(RUN)
    around = None if here is None else here.ref
    # Nearly always it was started right here; and also if the user gave it the id of the run around it.
    body = None if newest is None or newest.parent_ref is not around else newest.context
    if body is None:
        body = parent_context(run_id, current)
    if body is not current:
        put(body)


class ModelBody(Frame):
    """The body of one model call, started elsewhere."""

    __slots__ = ("run",)

    def __init__(self, run: Run) -> None:
        self.run = run

    def outset(self) -> Context | None:
        if self.run.skipped is not None:
            self.told = skip_body(self.run)
        current = current_context()
        return current if current.get(RUN) is self.run else self.run.context

    def instead(self, answered: SkipSignal) -> SkipResult | None:
        return answer_of(self.run, None) if answered.run is self.run else None

    def over(self, error: BaseException | None) -> Notification | None:
        run = self.run
        if run.ended:
            return None
        if error is None:
            if run.skipped is None:  # if another prompt fails or is cancelled, LangChain never reports this answer
                run.partial = partial(of_result, self.result)
            return None
        self.note(run, error)
        if not isinstance(error, CancelledError):
            return None
        return end_run(run, error=error, outcome=CANCELLED)  # `agenerate` never reports it

    def note(self, run: Run, error: BaseException) -> None:
        """Keep what had come of the answer, where LangChain is about to drop it."""
        note_body(run, error)


class EventsBody(ModelBody):
    """The body of a v3 event stream."""

    __slots__ = ("stream",)

    def __init__(self, run: Run, stream: Any) -> None:
        super().__init__(run)
        self.stream = stream
        self.result = None  # a generator has none: the stream has it

    def note(self, run: Run, error: BaseException) -> None:
        note_events(run, self.stream, error)


class SharedBody(Frame):
    """One body for the runs of several prompts: none of them is current, and what it starts is none of them."""

    __slots__ = ()

    def outset(self) -> Context | None:
        current = current_context()
        body = Context({key: value for key, value in current.items() if key != WAITING_FRAME})
        above = body.get(RUN)
        if interop.outer_record(body, "llm", above) is None:
            interop.claim(body, "llm", above)  # the runs have the spans: what is called for all of them has none
        return body


def model_body(position: int, name: str) -> Opener:
    """Open the body of a model call that is handed its run manager, or a list of them.

    With several the frame is shared by as many runs: then none of them is current.
    """

    def opener(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame | None:
        given = args[position] if len(args) > position else kwargs.get(name)
        if isinstance(given, list):
            if len(given) != 1:
                return SharedBody()
            given = given[0]
        run = None if given is None else run_of(given)
        return None if run is None else ModelBody(run)

    return opener


class Scope(Frame):
    """A frame that starts one run inside itself.

    Args:
        name: The kind of run it waits for.
        subject: The object whose method it is.
        arguments: The keywords it is called with.
        config: The config it is called with.
        first: Whether the first run of that kind is the frame's own in any case. Otherwise it must be started by the
            frame's own code: what a chain's memory runs before the chain's own start is not the chain.
    """

    __slots__ = ("arguments", "body", "config", "first", "is_read", "name", "outside", "owner", "run", "settled",
                 "streams", "subject")  # fmt: skip

    unwinds = True

    def __init__(
        self, name: str, subject: Any, arguments: Mapping[str, Any], config: Mapping[str, Any] | None, *, first: bool
    ) -> None:
        self.name, self.subject, self.arguments, self.config, self.first = name, subject, arguments, config, first
        self.settled = False  # whether the context of the run that was adopted is in place
        self.streams = name == "llm"  # a model's own frame is one of its two streams
        self.run: Run | None = None
        self.owner: Any = None
        self.outside: Context | None = None
        self.body: ReferenceType[Any] | None = None
        self.is_read = False  # whether it is a stream

    def holds(self, body: Any) -> None:
        self.is_read = True
        if self.streams:
            self.body = ref(body)  # who drops a stream closes it

    def outset(self) -> Context | None:
        self.outside = current_context()
        return _waiting(self)

    def expects(self, name: str) -> bool:
        """Tell whether the run that is being announced is this frame's own."""
        return self.run is None and name == self.name and (self.first or is_started_by(self.code))

    def config_of(self, inputs: Any) -> None:
        """Return the config of a run that is not this frame's own, which is not known."""

    def adopt(self, run: Run, owner: Any) -> None:
        """Make the run current in this frame, and own it with its manager: a closed body drops that before we end."""
        self.run, self.owner, run.outside = run, owner, self.outside
        if self.body is not None:
            note_stream(run, self.body)
        if self.is_read and (above := run.parent) is not None:
            registry.note_stream(run, above, is_step=is_step(run, above))
        context = run.context
        if context is None:  # it has ended, perhaps in another thread's `uninstrument()`
            return
        if current_context().get(WAITING_FRAME) is self:
            put(context)  # `leave` takes it away
        self.context = context  # for the next step, if the start was a task of its own

    def instead(self, answered: SkipSignal) -> SkipResult | None:
        run = self.run
        return answer_of(run, self.owner) if run is not None and run is answered.run else None

    def settle(self) -> None:
        if self.run is not None:
            self.settled = True
            if self.context is not None and self.context.get(WAITING_FRAME) is self:
                self.context = self.run.context  # adopted in an eager task, whose context is not ours

    def over(self, error: BaseException | None) -> Notification | None:
        run = self.run
        told = None
        if run is not None and not run.ended:
            if self.streams and error is not None:
                note_body(run, error)
            time_out = given_up(run)
            outcome = UNREPORTED if error is None else outcome_of_run(run, error)
            told = end_run(run, error=time_out or error, outcome=ERROR if time_out is not None else outcome)
        self.run = self.owner = None
        return told


class Prompts(Frame):
    """A frame that starts a run for each of several prompts; their bodies are made current one by one, further in."""

    __slots__ = ("config", "owners", "runs", "subject")

    streams = unwinds = False

    def __init__(self, subject: Any, config: Any) -> None:
        self.subject, self.config = subject, config
        self.runs: list[Run] = []
        self.owners: list[Any] = []

    def outset(self) -> Context | None:
        return _waiting(self)

    def expects(self, name: str) -> bool:
        """Tell whether the runs that are being announced are those of the prompts."""
        return name == "llm"  # in async code each may be started in a task of its own

    def config_of(self, inputs: Any) -> None:
        """Return the config of a run that is not this frame's own, which is not known."""

    def adopt(self, run: Run, owner: Any) -> None:
        """Remember the run of one prompt, and own it with its manager until the frame is over."""
        self.runs.append(run)
        self.owners.append(owner)

    def over(self, error: BaseException | None) -> Notification | None:
        """End what LangChain never reports: when one prompt fails, the others get no event."""
        cancelled = isinstance(error, CancelledError)
        outcome = CANCELLED if cancelled else UNREPORTED
        ends = [end_run(run, error=error if cancelled else None, outcome=outcome) for run in self.runs]
        told = combine(told for told in ends if told is not None)
        if type(error) is AttributeError:
            told = self._stopped(told)
        self.runs.clear()
        self.owners.clear()
        return told

    def _stopped(self, told: Notification | None) -> Notification | None:
        """Let a stop get out that is no `Exception`: LangChain takes one that it has gathered for an answer."""
        for run in self.runs:
            if run.stopper is not None and not isinstance(run.stopper, Exception):
                told = told or Notification(())
                told.error = run.stopper
        return told


_NEAR = 2
"""How far above `generate` the `invoke` stands that has the config."""


class Batch(Frame):
    """A frame that starts a run for each of several inputs: none of them is current, and each has a config."""

    __slots__ = ("_inputs",)

    def __init__(self, inputs: Sequence[Any], config: Any) -> None:
        configs = config if isinstance(config, list) else [config] * len(inputs)
        self._inputs = list(zip(inputs, configs, strict=False))

    def outset(self) -> Context | None:
        return _waiting(self)

    def expects(self, name: str) -> bool:
        """Return whether the run that is being announced is this frame's only one."""
        return False

    def config_of(self, inputs: Any) -> Any:
        """Return the config of the run that has this input, each once: all start before the first step of any."""
        for index, (given, config) in enumerate(self._inputs):
            if given is inputs or (type(inputs) is dict and inputs.get("input") is given):  # fallbacks wrap it
                del self._inputs[index]
                return config
        return None


def scope(name: str, *, first: bool = False, inputs_at: int = 0) -> Opener:
    """Open a scope for a run of this kind.

    Args:
        name: The kind of run.
        first: See `Scope`.
        inputs_at: Where the frame takes a list of inputs, if it does: it has an answer only if there is one.
    """

    def opener(args: Any, kwargs: dict[str, Any]) -> Frame | None:
        config = config_among(args, kwargs)
        if inputs_at:
            inputs = args[inputs_at] if len(args) > inputs_at else kwargs.get("inputs", ())
            if len(inputs) != 1:
                return Batch(inputs, config) if config is not None and inputs_at == 1 else None
            config = config[0] if isinstance(config, list) else config
        return Scope(name, args[0], kwargs, config, first=first)

    return opener


def prompts(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame:
    """Open the frame of several prompts."""
    config = calling_config(_NEAR)
    return Prompts(args[0], list(config) if isinstance(config, list) else config)


def event_stream(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame | None:
    """Open the body of a v3 event stream, which is handed its run manager by keyword."""
    given = kwargs.get("run_manager")
    run = None if given is None else run_of(given)
    return None if run is None else EventsBody(run, kwargs.get("stream"))


def _waiting(frame: Scope | Prompts | Batch) -> Context | None:
    current = current_context()
    return None if suppressed(current) else Context({**current, WAITING_FRAME: frame})
