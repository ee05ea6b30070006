"""Where a run is current: exactly while its body runs.

There are three kinds of bodies. **Config bodies** run in a copied context that LangChain prepares for them alone.
**Model bodies** are handed their run manager. Others start a run inside themselves: their frame **waits** for that
start, makes the run current, and ends it if LangChain does not.
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
from callspan.core.frames import Frame, Opener
from callspan.core.keys import RUN, WAITING_FRAME
from callspan.core.lifecycle import end_run
from callspan.core.registry import find, parent_context
from callspan.core.run import CANCELLED, ERROR, UNREPORTED, Run
from callspan.core.skip import SkipResult, SkipSignal
from callspan.langchain.callers import calling_config, is_started_by
from callspan.langchain.chains import is_step
from callspan.langchain.configurable import config_among
from callspan.langchain.failures import given_up
from callspan.langchain.partial import note_body, note_events, note_stream, of_result
from callspan.langchain.pauses import outcome_of_run
from callspan.langchain.runs import run_of, suppressed
from callspan.langchain.skip import answer_of, skip_body


def enter_config_body(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Make the run current whose children the config prepares; the context was made for this body, so it stays."""
    config = args[0] if args else kwargs["config"]
    run_id = getattr(config.get("callbacks"), "parent_run_id", None)
    if run_id is None:
        return
    current = current_context()
    run, above = find(run_id), current.get(RUN)
    around: Any = getattr(above, "ref", None)
    # Most runs were started right here. That is asked first: a user may give a run the id of the run around it.
    body = run.context if run is not None and run.parent_ref is around else None
    if body is None:
        body = parent_context(run_id, current)
    if body is not current:
        put(body)


class ModelFrame(Frame):
    """The body of one model call whose run was started elsewhere."""

    __slots__ = ("run",)

    run: Run

    def on_enter(self) -> Context | None:
        if self.run.rare is not None and self.run.skipped is not None:
            self.start_hooks = skip_body(self.run)
        current = current_context()
        return current if current.get(RUN) is self.run else self.run.context

    def on_skip(self, signal: SkipSignal) -> SkipResult | None:
        return answer_of(self.run, None) if signal.run is self.run else None

    def on_exit(self, error: BaseException | None) -> Notification | None:
        run = self.run
        if run.ended:
            return None
        if error is None:
            if (
                run.rare is None or run.skipped is None
            ):  # if another prompt fails or is cancelled, LangChain never reports this answer
                run.partial = partial(of_result, self.result)
            return None
        self.keep_partial(run, error)
        if not isinstance(error, CancelledError):
            return None
        return end_run(run, error=error, outcome=CANCELLED)  # `agenerate` never reports it

    def keep_partial(self, run: Run, error: BaseException) -> None:
        """Keep what has come of the answer, where LangChain drops it."""
        note_body(run, error)


class EventStreamFrame(ModelFrame):
    """The body of a v3 event stream."""

    __slots__ = ("stream",)

    stream: Any

    def keep_partial(self, run: Run, error: BaseException) -> None:
        note_events(run, self.stream, error)


class SharedFrame(Frame):
    """One body for the runs of several prompts: none of them is current, nor the parent of what starts in it."""

    __slots__ = ()

    def on_enter(self) -> Context | None:
        current = current_context()
        body = Context({key: value for key, value in current.items() if key != WAITING_FRAME})
        above = body.get(RUN)
        if interop.outer_record(body, "llm", above) is None:
            interop.mark(body, "llm", above)  # the runs have the spans: what is called for all of them has none
        return body


def model_frame(position: int, name: str) -> Opener:
    """Return the opener of a model's body, which is handed its run manager, or a list of them, as this argument."""

    def opener(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame | None:
        manager = args[position] if len(args) > position else kwargs.get(name)
        if isinstance(manager, list):
            if len(manager) != 1:
                return SharedFrame()
            manager = manager[0]
        run = None if manager is None else run_of(manager)
        if run is None:
            return None
        frame = ModelFrame()
        frame.run = run
        return frame

    return opener


def event_stream_frame(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame | None:
    """Open the body of a v3 event stream, which is handed its run manager by keyword."""
    manager = kwargs.get("run_manager")
    run = None if manager is None else run_of(manager)
    if run is None:
        return None
    frame = EventStreamFrame()
    frame.run, frame.stream = run, kwargs.get("stream")
    frame.result = None  # a generator has none: the stream has it
    return frame


# Frames that wait for the start of a run -------------------------------------------------------------------------


class WaitingFrame(Frame):
    """A frame that finds its own run among those that are announced inside it: they look for it in the context."""

    __slots__ = ("config", "subject")

    subject: Any  # the object whose method it is
    config: Any  # what it is called with, or a list of configs
    streams = unwinds = False

    def on_enter(self) -> Context | None:
        current = current_context()
        if current and suppressed(current):
            return None
        return Context({**current, WAITING_FRAME: self})

    def expects(self, name: str) -> bool:
        """Return whether the run that is being announced, of this kind, is the frame's own."""
        return False

    def adopt(self, run: Run, owner: Any) -> None:
        """Keep the frame's own run, and its run manager, which owns it."""

    def config_of(self, inputs: Any) -> Any:
        """Return the config of a run with this input that is not the frame's own, or None."""
        return None


class RunFrame(WaitingFrame):
    """A frame that waits for one run of the kind `name`, makes it current, and ends it if LangChain does not.

    With `first` the first run of that kind is the frame's own. Otherwise the frame's own code must start it: what a
    chain's memory runs before the chain's own start is not the chain.
    """

    __slots__ = ("arguments", "body", "first", "is_settled", "is_stream", "name", "outside", "owner", "run", "streams")

    unwinds = True

    def __init__(
        self, name: str, subject: Any, arguments: Mapping[str, Any], config: Mapping[str, Any] | None, *, first: bool
    ) -> None:
        super().__init__()
        self.name, self.subject, self.arguments, self.config, self.first = name, subject, arguments, config, first
        self.is_settled = False  # whether the context of the run that was adopted is in place
        self.streams = name == "llm"  # a model's own frame is one of its two streams
        self.run: Run | None = None
        self.owner: Any = None
        self.outside: Context | None = None
        self.body: ReferenceType[Any] | None = None
        self.is_stream = False

    def on_body(self, body: Any) -> None:
        self.is_stream = True
        if self.streams:
            self.body = ref(body)  # who drops a stream closes it

    def on_enter(self) -> Context | None:
        current = self.outside = current_context()
        if current and suppressed(current):
            return None
        return Context({**current, WAITING_FRAME: self})

    def expects(self, name: str) -> bool:
        return self.run is None and name == self.name and (self.first or is_started_by(self.code))

    def adopt(self, run: Run, owner: Any) -> None:
        """Make the run current in this frame, and own it with its manager: a closed body drops that before we end."""
        self.run, self.owner, run.outside = run, owner, self.outside
        if self.body is not None:
            note_stream(run, self.body)
        if self.is_stream and (above := run.parent) is not None:
            registry.note_stream(run, above, is_step=is_step(run, above))
        context = run.context
        if context is None:  # it has ended, perhaps in another thread's `uninstrument()`
            return
        if current_context().get(WAITING_FRAME) is self:
            put(context)  # `leave` takes it away
        self.context = context  # for the next step, if the start was a task of its own

    def on_skip(self, signal: SkipSignal) -> SkipResult | None:
        run = self.run
        return answer_of(run, self.owner) if run is not None and run is signal.run else None

    def after_step(self) -> None:
        if self.run is not None:
            self.is_settled = True
            if self.context is not None and self.context.get(WAITING_FRAME) is self:
                self.context = self.run.context  # adopted in an eager task, whose context is not ours

    def on_exit(self, error: BaseException | None) -> Notification | None:
        run = self.run
        hooks = None
        if run is not None and not run.ended:
            if self.streams and error is not None:
                note_body(run, error)
            time_out = given_up(run)
            outcome = UNREPORTED if error is None else outcome_of_run(run, error)
            hooks = end_run(run, error=time_out or error, outcome=ERROR if time_out is not None else outcome)
        self.run = self.owner = None
        return hooks


class BatchFrame(WaitingFrame):
    """A frame that starts a run for each of several prompts; the body of each becomes current further inside."""

    __slots__ = ("owners", "runs")

    runs: list[Run]
    owners: list[Any]

    def expects(self, name: str) -> bool:
        return name == "llm"  # in async code each may be started in a task of its own

    def adopt(self, run: Run, owner: Any) -> None:
        self.runs.append(run)
        self.owners.append(owner)

    def on_exit(self, error: BaseException | None) -> Notification | None:
        hooks = None
        for run in self.runs:
            if not run.ended or error is not None:
                hooks = self._end_unreported(error)
                break
        self.runs.clear()
        self.owners.clear()
        return hooks

    def _end_unreported(self, error: BaseException | None) -> Notification | None:
        """End the runs that LangChain never reports: when one prompt fails, the others get no event."""
        is_cancelled = isinstance(error, CancelledError)
        outcome = CANCELLED if is_cancelled else UNREPORTED
        ends = [end_run(run, error=error if is_cancelled else None, outcome=outcome) for run in self.runs]
        hooks = combine(end for end in ends if end is not None)
        if type(error) is AttributeError:
            # LangChain takes an exception that is no `Exception`, of a run it has gathered, for an answer.
            for run in self.runs:
                if run.stopper is not None and not isinstance(run.stopper, Exception):
                    hooks = hooks or Notification(())
                    hooks.error = run.stopper
        return hooks


class InputsFrame(WaitingFrame):
    """A frame that starts a run for each of several inputs: none of them is current, and each has a config."""

    __slots__ = ("inputs",)

    def __init__(self, inputs: Sequence[Any], config: Any) -> None:
        super().__init__()
        configs = config if isinstance(config, list) else [config] * len(inputs)
        self.inputs = list(zip(inputs, configs, strict=False))

    def config_of(self, inputs: Any) -> Any:
        """Return the config of the run with this input, each once: all start before the first step of any."""
        for index, (given, config) in enumerate(self.inputs):
            if given is inputs or (type(inputs) is dict and inputs.get("input") is given):  # fallbacks wrap it
                del self.inputs[index]
                return config
        return None


def run_frame(name: str, *, first: bool = False, inputs_at: int = 0) -> Opener:
    """Return the opener of a `RunFrame`.

    With a list of inputs, at the place `inputs_at` of the arguments, it waits for a run only if there is one input.
    """

    def opener(args: Any, kwargs: dict[str, Any]) -> Frame | None:
        config = config_among(args, kwargs)
        if inputs_at:
            inputs = args[inputs_at] if len(args) > inputs_at else kwargs.get("inputs", ())
            if len(inputs) != 1:
                return InputsFrame(inputs, config) if config is not None and inputs_at == 1 else None
            config = config[0] if isinstance(config, list) else config
        return RunFrame(name, args[0], kwargs, config, first=first)

    return opener


_NEAR = 2  # how far above `generate` the `invoke` stands that has the config


def batch_frame(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame:
    """Open the frame of several prompts."""
    config = calling_config(_NEAR)
    frame = BatchFrame()
    frame.subject, frame.config = args[0], list(config) if isinstance(config, list) else config
    frame.runs, frame.owners = [], []
    return frame
