"""Where the run of a model is current, and the ends that LangChain does not report.

`generate` starts a run for each of its prompts. The body of each is handed its run manager. Plain functions are entered
and left by two functions of ours; what can be suspended has a frame.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from functools import partial
from typing import Any

from opentelemetry.context import Context

from callspan.core import interop
from callspan.core.context import current as current_context
from callspan.core.dispatch import Notification, combine
from callspan.core.frames import Frame, Opener
from callspan.core.keys import RUN, WAITING_FRAME
from callspan.core.lifecycle import end_run
from callspan.core.run import CANCELLED, UNREPORTED, Run
from callspan.core.skip import SkipResult, SkipSignal
from callspan.langchain.callers import calling_config
from callspan.langchain.partial import note_body, note_events, of_result
from callspan.langchain.runs import run_of, suppressed
from callspan.langchain.skip import answer_of, skip_body

# The body of one prompt ------------------------------------------------------------------------------------------


def enter_body(args: tuple[Any, ...], kwargs: dict[str, Any], before: Context) -> tuple[Any, Context] | None:
    """Return the run of a chat model, whose body is handed its run manager, and the context in which it is current."""
    manager = args[_MANAGER_AT] if len(args) > _MANAGER_AT else kwargs.get("run_manager")
    run = None if manager is None else run_of(manager)
    if run is None or run.context is None:
        return None
    if run.rare is not None and run.skipped is not None:
        return answer_of(run, None), before
    return run, before if before.get(RUN) is run else run.context


_MANAGER_AT = 3  # self, messages, stop


def leave_body(
    run: Run, result: Any, error: BaseException | None, keep_partial: Callable[[Run, BaseException], None] = note_body
) -> Notification | None:
    """Keep what the body of a run returned, or what had come of it; return the hooks of an end that we report."""
    if run.ended:
        return None
    if error is None:
        run.partial = partial(of_result, result)  # if another prompt fails or is cancelled, LangChain never reports it
        return None
    keep_partial(run, error)
    return end_run(run, error=error, outcome=CANCELLED) if isinstance(error, CancelledError) else None


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
        if error is None and self.run.rare is not None and self.run.skipped is not None:
            return None
        return leave_body(self.run, None if error is not None else self.result, error, self.keep_partial)

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


# The prompts of one call -----------------------------------------------------------------------------------------


class Prompts:
    """Waits for the runs of one `generate`, and ends those that LangChain does not report.

    Args:
        subject: The model.
        config: The config of the `invoke` or `batch` around it, or a list of configs, or None.
    """

    __slots__ = ("config", "runs", "subject")

    streams = unwinds = False

    def __init__(self, subject: Any, config: Any) -> None:
        self.subject = subject
        self.config = list(config) if type(config) is list else config
        self.runs: list[tuple[Run, Any]] = []  # with their run managers, which own them

    def expects(self, name: str) -> bool:
        """Return whether the run that is being announced is one of these; each may be started in a task of its own."""
        return name == "llm"

    def adopt(self, run: Run, run_manager: Any) -> None:
        """Add a run that has started."""
        self.runs.append((run, run_manager))

    def config_of(self, inputs: Any) -> Any:
        """Return the config of a run that is none of these: it is not known."""
        return None

    def leave(self, result: Any, error: BaseException | None) -> Notification | None:
        """End the runs that LangChain never reports: when one prompt fails, the others get no event."""
        for run, _ in self.runs:
            if not run.ended or error is not None:
                return self._end_unreported(error)
        return None

    def _end_unreported(self, error: BaseException | None) -> Notification | None:
        is_cancelled = isinstance(error, CancelledError)
        outcome = CANCELLED if is_cancelled else UNREPORTED
        ends = [end_run(run, error=error if is_cancelled else None, outcome=outcome) for run, _ in self.runs]
        hooks = combine(end for end in ends if end is not None)
        if type(error) is AttributeError:
            # LangChain takes an exception that is no `Exception`, of a run it has gathered, for an answer.
            for run, _ in self.runs:
                if run.stopper is not None and not isinstance(run.stopper, Exception):
                    hooks = hooks or Notification(())
                    hooks.error = run.stopper
        return hooks


def enter_prompts(args: tuple[Any, ...], kwargs: dict[str, Any], before: Context) -> tuple[Prompts, Context] | None:
    """Return what waits for the runs of a `generate`, and the context in which they find it."""
    if before and suppressed(before):
        return None
    prompts = Prompts(args[0], calling_config())
    return prompts, Context({**before, WAITING_FRAME: prompts})


class BatchFrame(Frame):
    """The same for `agenerate`."""

    __slots__ = ("prompts",)

    prompts: Prompts

    def on_enter(self) -> Context | None:
        current = current_context()
        if current and suppressed(current):
            return None
        return Context({**current, WAITING_FRAME: self.prompts})

    def on_exit(self, error: BaseException | None) -> Notification | None:
        return self.prompts.leave(None, error)


def batch_frame(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame:
    """Open the frame of several prompts."""
    frame = BatchFrame()
    frame.prompts = Prompts(args[0], calling_config())
    return frame
