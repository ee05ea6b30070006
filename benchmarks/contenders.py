"""Who runs the workloads: each contender puts something in place, and takes it away after its turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import Tracer

import callspan
from benchmarks.workloads import Workload
from callspan.core.operations import Operation
from callspan.langchain.chains import AGENT, CHAIN, NODE, WORKFLOW
from callspan.langchain.models import CHAT
from callspan.langchain.retrievers import RETRIEVER
from callspan.langchain.tools import TOOL


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to run a workload.

    Args:
        name: What it is called in tables.
        in_place: Holds what it is for the length of a turn.
        config: The LangChain config of its calls.
        tracer: Writes bare spans after each call, if there is one.
        said: Whether those say what was said.
        of: Whether it runs a workload.
    """

    name: str
    in_place: Callable[[], AbstractContextManager[None]] = nullcontext
    config: Any = None
    tracer: Tracer | None = None
    said: bool = False
    of: Callable[[Workload], bool] = lambda workload: True


class Runs(callspan.Callback):
    """Hears the start and the end of every run."""

    def on_run_start(self, run: callspan.Run) -> None:
        """Do nothing with it."""

    def on_run_end(self, run: callspan.Run) -> None:
        """Do nothing with it."""


class Tokens(callspan.Callback):
    """Hears every token."""

    def on_llm_new_token(self, run: callspan.Run, token: Any, chunk: Any) -> None:
        """Do nothing with it."""


class AsyncTokens(callspan.Callback):
    """Hears every token, and is awaited."""

    async def on_llm_new_token(self, run: callspan.Run, token: Any, chunk: Any) -> None:
        """Do nothing with it."""


class InlineHandler(BaseCallbackHandler):
    """LangChain's handler that does nothing, called where the event is and not in a thread pool."""

    run_inline = True


@contextmanager
def _instrumented(
    provider: TracerProvider, *heard_by: callspan.Callback, content: str = "no_content"
) -> Iterator[None]:
    callspan.instrument(tracer_provider=provider, detail="all", callbacks=heard_by, content=content)
    try:
        yield
    finally:
        callspan.uninstrument()


@contextmanager
def _wordless(provider: TracerProvider) -> Iterator[None]:
    """Instrument with kinds of runs that have no content, so that nothing about it is even asked."""
    before = [(kind, kind.input_content, kind.output_content) for kind in _KINDS]
    for kind in _KINDS:
        _set_content(kind, (), ())
    try:
        with _instrumented(provider):
            yield
    finally:
        for kind, input_content, output_content in before:
            _set_content(kind, input_content, output_content)


def _set_content(kind: Operation, input_content: tuple[Any, ...], output_content: tuple[Any, ...]) -> None:
    object.__setattr__(kind, "input_content", input_content)
    object.__setattr__(kind, "output_content", output_content)


_KINDS = (CHAT, TOOL, RETRIEVER, CHAIN, WORKFLOW, AGENT, NODE)


@contextmanager
def _uninstrumented(provider: TracerProvider) -> Iterator[None]:
    with _instrumented(provider):
        pass
    yield


PLAIN = "plain"
FLOOR, CALLSPAN = "floor", "callspan"
FLOOR_SAID, CALLSPAN_SAID, CALLSPAN_WORDLESS = "floor, the same JSON", "callspan, content on", "... without its code"
FLOOR_OFF, CALLSPAN_OFF = "floor, sampled out", "callspan, sampled out"
UNINSTRUMENTED = "uninstrumented"
RUNS_HEARD, RUNS_HEARD_OFF = "start and end heard", "heard, sampled out"
TOKENS_HEARD, TOKENS_AWAITED = "tokens heard by a def", "... by an async def"
HANDLER, INLINE_HANDLER, ASYNC_HANDLER = "LangChain handler", "... run_inline", "... async"


def _streams(workload: Workload) -> bool:
    return workload.tokens > 0


def _calls(workload: Workload) -> bool:
    return not workload.tokens


def _streams_async(workload: Workload) -> bool:
    return _streams(workload) and workload.mode == "async"


def all_contenders() -> list[Contender]:
    """Give every contender. Handlers and callbacks do nothing with what they hear.

    No provider has a processor: what exporting costs is not the instrumentation's. Who listens has one of its own, as
    callspan adds a processor to it.
    """
    on, heard = (TracerProvider(sampler=ParentBased(ALWAYS_ON), shutdown_on_exit=False) for _ in range(2))
    off, heard_off = (TracerProvider(sampler=ParentBased(ALWAYS_OFF), shutdown_on_exit=False) for _ in range(2))
    return [
        Contender(PLAIN),
        Contender(FLOOR, tracer=on.get_tracer("floor")),
        Contender(CALLSPAN, lambda: _instrumented(on)),
        Contender(CALLSPAN_WORDLESS, lambda: _wordless(on)),
        Contender(FLOOR_SAID, tracer=on.get_tracer("floor"), said=True),
        Contender(CALLSPAN_SAID, lambda: _instrumented(on, content="span_only")),
        Contender(FLOOR_OFF, tracer=off.get_tracer("floor")),
        Contender(CALLSPAN_OFF, lambda: _instrumented(off)),
        Contender(UNINSTRUMENTED, lambda: _uninstrumented(on)),
        Contender(RUNS_HEARD, lambda: _instrumented(heard, Runs()), of=_calls),
        Contender(RUNS_HEARD_OFF, lambda: _instrumented(heard_off, Runs()), of=_calls),
        Contender(TOKENS_HEARD, lambda: _instrumented(heard, Tokens()), of=_streams),
        Contender(TOKENS_AWAITED, lambda: _instrumented(heard, AsyncTokens()), of=_streams_async),
        Contender(HANDLER, config={"callbacks": [BaseCallbackHandler()]}),
        Contender(INLINE_HANDLER, config={"callbacks": [InlineHandler()]}, of=_streams),
        Contender(ASYNC_HANDLER, config={"callbacks": [AsyncCallbackHandler()]}, of=_streams_async),
    ]
