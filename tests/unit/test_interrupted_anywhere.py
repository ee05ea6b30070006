"""An exception comes at any line of ours: Ctrl-C, or a timer. Afterwards it is as if the call had never been made.

Tracing raises it, once at each line that a call passes, the first time it passes it.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableBranch, RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import callspan
from callspan.testing import open_runs

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Interrupt(KeyboardInterrupt):
    """What comes."""


class Started(SpanProcessor):
    """Keeps the spans that started."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.spans.append(span)


class Hears(callspan.Callback):
    """Hears starts, ends and tokens."""

    def on_run_start(self, run: callspan.Run) -> None:
        assert run.outcome is None

    def on_run_end(self, run: callspan.Run) -> None:
        assert run.outcome

    def on_llm_new_token(self, run: callspan.Run, token: str, chunk: Any) -> None:
        assert run.outcome is None


class Finding(BaseRetriever):
    """Finds one document."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("x")]


class Failing(FakeListChatModel):
    """A model that is down."""

    def _call(self, *args: Any, **kwargs: Any) -> str:
        raise ValueError("the user's own")


@tool
def double(x: int) -> int:
    """Double it."""
    return 2 * x


model, llm = FakeListChatModel(responses=["hi"]), FakeListLLM(responses=["hi"])
f: Any = RunnableLambda(lambda value: value, name="f")
hears = Hears()


def graph() -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("ask", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_edge(START, "ask")
    return builder.compile()


GRAPH, ASKED = graph(), {"messages": ["x"]}


def heard(call: Callable[[], Any]) -> Callable[[], Any]:
    """Call it where a callback hears it."""

    def made() -> None:
        with callspan.callbacks(hears):
            call()

    return made


def fails() -> None:
    with suppress(ValueError):
        Failing(responses=["x"]).invoke("x")


def closes() -> None:
    stream = model.stream("x")
    next(stream)
    stream.close()


@callspan.workflow("decorated")
def decorated() -> None:
    f.invoke(1)


def block() -> None:
    with callspan.workflow("block"), callspan.session("s", user="u"):
        f.invoke(1)


CALLS: dict[str, Callable[[], Any]] = {
    "lambda": lambda: f.invoke(1),
    "sequence": lambda: (f | f).invoke(1),
    "batch": lambda: (f | f).batch([1]),
    "branch": lambda: RunnableBranch((lambda value: True, f), f).invoke(1),
    "chat": lambda: model.invoke("x"),
    "stream": lambda: list(model.stream("x")),
    "closed stream": closes,
    "stream of a sequence": lambda: list((f | model).stream("x")),
    "prompts": lambda: llm.generate(["x", "y"]),
    "tool": lambda: double.invoke({"x": 1}),
    "retriever": lambda: Finding().invoke("x"),
    "embeddings": lambda: DeterministicFakeEmbedding(size=2).embed_query("x"),
    "graph": lambda: GRAPH.invoke(ASKED),
    "stream of a graph": lambda: list(GRAPH.stream(ASKED)),
    "failure": fails,
    "decorated": decorated,
    "block": block,
    "heard": heard(lambda: f.invoke(1)),
    "heard chat": heard(lambda: model.invoke("x")),
    "heard stream": heard(lambda: list(model.stream("x"))),
    "heard failure": heard(fails),
    "heard by the call's own": lambda: model.invoke("x", {"callbacks": [hears]}),
}


class Interrupter:
    """Raises at one line of ours.

    Args:
        at: The file and the line; None: nowhere, and `passed` has those that were passed.
    """

    def __init__(self, at: tuple[str, int] | None = None) -> None:
        self.at = at
        self.passed: dict[tuple[str, int], None] = {}
        self.error: Interrupt | None = None

    def __call__(self, call: Callable[[], Any]) -> BaseException | None:
        """Make the call, and give what came out of it."""
        sys.settrace(self._enter)
        try:
            call()
        except BaseException as error:
            return error
        finally:
            sys.settrace(None)
        return None

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        module = str(frame.f_globals.get("__name__"))
        if not module.startswith("callspan.") or module.startswith("callspan.testing"):
            return None
        frame.f_trace_opcodes = "callspan" not in frame.f_code.co_filename  # what stands in one line of LangChain's
        return self._line

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event not in ("line", "opcode") or (event == "line") == frame.f_trace_opcodes:
            return self._line
        here = (frame.f_code.co_filename, frame.f_lasti if event == "opcode" else frame.f_lineno)
        self.passed.setdefault(here)
        if here == self.at and self.error is None:
            self.error = Interrupt()
            raise self.error
        return self._line


@pytest.fixture
def started(request: pytest.FixtureRequest) -> Iterator[Started]:
    """LangChain is instrumented, and these are its spans; after a warning that comes once."""
    started, provider = Started(), TracerProvider(**getattr(request, "param", {}))
    provider.add_span_processor(started)
    callspan.instrument(tracer_provider=provider, content="span_only")
    yield started
    callspan.uninstrument()


_MANY = 400
"""From so many lines on every third is enough: most of them other calls pass too."""


def interrupt_everywhere(call: Callable[[], Any], started: Started) -> list[tuple[Any, str]]:
    """Interrupt the call at each line it passes; give what was wrong where."""
    (explorer := Interrupter())(call)
    (explorer := Interrupter())(call)
    wrong, user = [], trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)
    few = 3 if len(explorer.passed) > _MANY else 1
    for place in list(explorer.passed)[::few]:
        started.spans.clear()
        with trace.use_span(user):
            before, interrupter = get_current(), Interrupter(place)
            came = interrupter(call)
            swallowed = came is None and _is_finaliser(place)  # there Python itself reports it, and goes on
            if came is not interrupter.error and not swallowed:
                wrong.append((place, f"{came!r} came out"))
            came = interrupter.error = None
            if get_current() is not before:
                wrong.append((place, "another context is current"))
        callspan.flush()
        if any(span.end_time is None for span in started.spans) or open_runs():
            gc.collect()
            callspan.flush()
            if any(span.end_time is None for span in started.spans) or open_runs():
                wrong.append((place, "a span did not end"))
        started.spans.clear()
        call()
        if started.spans and started.spans[0].parent is not None:
            wrong.append((place, "the next call is no root"))
    return wrong


def _is_finaliser(place: tuple[str, int]) -> bool:
    return place[0].endswith(("lease.py", "registry.py", "workflows.py", "tokens.py"))


@pytest.mark.parametrize("name", CALLS)
def test_an_exception_at_any_line_leaves_nothing_behind(name: str, started: Started) -> None:
    """The very exception comes out, the caller's context is current, spans end, and the next call is a root."""
    assert interrupt_everywhere(CALLS[name], started) == []


@pytest.mark.parametrize("started", [{"sampler": ALWAYS_OFF}], indirect=True)
@pytest.mark.parametrize("name", ["chat", "stream", "sequence", "heard"])
def test_nor_where_nothing_is_sampled(name: str, started: Started) -> None:
    """There is no span, but a run, and its context."""
    assert interrupt_everywhere(CALLS[name], started) == []
