"""`workflow(name)`: a run of our own around a block or a function, as LangChain's chain groups are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

from opentelemetry.trace import INVALID_SPAN

from callspan import semconv
from callspan.core import state
from callspan.core.context import current, reset
from callspan.core.frames import PatchGuard
from callspan.core.keys import RUN
from callspan.core.operations import Operation
from callspan.core.patching import wrap_function
from callspan.core.run import Run
from callspan.core.text import safe_name
from callspan.core.wrappers import wrap_body
from callspan.langchain.chains import WORKFLOW
from callspan.langchain.unannounced import TracedCall

_Function = TypeVar("_Function", bound=Callable[..., Any])

# A workflow whose name the program gave: none of those that LangChain makes up.
NAMED: Operation = replace(
    WORKFLOW,
    identity=((semconv.OPERATION, semconv.INVOKE_WORKFLOW), (semconv.WORKFLOW_NAME, lambda run: safe_name(run.name))),
)


class _Block:
    """A block that was entered: the frame of its run, and the token that takes its context away again."""

    __slots__ = ("frame", "token")

    def __init__(self, frame: TracedCall) -> None:
        self.frame = frame
        self.token: Any = None

    def interrupt(self, error: BaseException) -> None:
        """Do what is left to do: an exception came while the block was left."""
        reset(self.token)
        self.frame.interrupted(None, error)

    def __del__(self, _current: Any = current, _reset: Any = reset) -> None:
        """Put the caller's context back if an exception came before the first line of `__exit__`."""
        run = self.frame.run
        if run is not None and _current().get(RUN) is run:
            _reset(self.token)


class workflow:  # noqa: N801 - used as a function
    """Make a block, or each call of a function, one run: what runs inside nests under its `invoke_workflow` span.

    Use it with `with` or `async with`, which bind the `Run`, or as a decorator of a function, a coroutine function or a
    generator of either kind. Callbacks receive it as a chain. Where nothing is instrumented it does nothing.

    Args:
        name: The name of the run.
        metadata: Metadata of the run.
        tags: Tags of the run.
    """

    def __init__(self, name: str, *, metadata: Mapping[str, Any] | None = None, tags: Sequence[str] = ()) -> None:
        self._name, self._metadata, self._tags = name, metadata, tuple(tags)
        self._guard = PatchGuard(f"workflow {name}")
        self._open: list[_Block] = []

    def __call__(self, function: _Function) -> _Function:
        """Decorate a function: each call of it is a run."""
        decorated: _Function = wrap_function(function, wrap_body(lambda args, kwargs: self._frame()), self._guard)
        return decorated

    def __enter__(self) -> Run:
        before, block = current(), self._new_block()
        try:
            block.token = block.frame.begin()
            self._open.append(block)
            return self._run_of(block.frame)
        except BaseException as error:
            block.frame.interrupted(before, error)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        block = None
        try:
            block = self._pop()
            reset(block.token)
            block.frame.close(error)
        except BaseException as raised:
            (block or self._pop()).interrupt(raised)
            raise

    async def __aenter__(self) -> Run:
        before, block = current(), self._new_block()
        frame = block.frame
        try:
            block.token = frame.begin(is_async=True)
            hooks, frame.start_hooks = frame.start_hooks, None
            if hooks is not None and (pending := hooks.call_hooks()) is not None:
                await pending
            self._open.append(block)
            return self._run_of(frame)
        except BaseException as error:
            frame.interrupted(before, error)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        block = None
        try:
            block = self._pop()
            reset(block.token)
            hooks = block.frame.end(error)
            pending = None if hooks is None else hooks.call_hooks()
        except BaseException as raised:
            (block or self._pop()).interrupt(raised)
            raise
        if pending is not None:
            await pending

    def _frame(self) -> TracedCall | None:
        if not state.is_active():
            return None
        return TracedCall(self._name, NAMED, metadata=self._metadata, tags=self._tags)

    def _new_block(self) -> _Block:
        frame = self._frame()
        unwatched = frame is None
        frame = frame or TracedCall(self._name, NAMED)
        frame.guard, frame.code = self._guard, None
        frame.has_begun = unwatched  # then there is nothing to put in place
        return _Block(frame)

    def _pop(self) -> _Block:
        """Return the block entered last in this context: several tasks and threads may be in blocks of one object."""
        here: Any = current().get(RUN)
        place = next((place for place in reversed(range(len(self._open))) if self._open[place].frame.run is here), -1)
        return self._open.pop(place)

    def _run_of(self, frame: TracedCall) -> Run:
        if frame.run is not None:
            return frame.run
        run = Run(None, None, self._name, self._metadata or {}, self._tags, None, {}, {})
        run.row, run.span, run.identity = NAMED, INVALID_SPAN, {}  # nobody watches
        return run
