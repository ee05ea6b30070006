"""Where a run is current: exactly while its body runs.

There are three kinds of bodies. **Config bodies** run in a copied context that LangChain prepares for them alone.
**Model bodies** are handed their run manager (`model_bodies`). Others start a run inside themselves: their frame
**waits** for that start, makes the run current, and ends it if LangChain does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import ReferenceType, ref

from opentelemetry.context import Context

from callspan.core import registry
from callspan.core.context import current as current_context
from callspan.core.context import put
from callspan.core.dispatch import Notification
from callspan.core.frames import Frame, Opener
from callspan.core.keys import RUN, WAITING_FRAME
from callspan.core.lifecycle import end_run
from callspan.core.registry import find, parent_context
from callspan.core.run import ERROR, UNREPORTED, Run
from callspan.core.skip import SkipResult, SkipSignal
from callspan.langchain.callers import is_started_by
from callspan.langchain.chains import is_step
from callspan.langchain.configurable import config_among
from callspan.langchain.failures import given_up
from callspan.langchain.partial import note_body, note_stream
from callspan.langchain.pauses import outcome_of_run
from callspan.langchain.runs import suppressed
from callspan.langchain.skip import answer_of


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
