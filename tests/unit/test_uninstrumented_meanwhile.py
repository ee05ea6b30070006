"""`uninstrument()` while calls are under way: every span that has started ends, and nothing is logged."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler, SamplingResult

import callspan
from callspan.testing import open_runs


def in_a_thread() -> None:
    """Switch tracing off in another thread, and wait until that is done."""
    thread = threading.Thread(target=callspan.uninstrument)
    thread.start()
    thread.join()


OFF = pytest.mark.parametrize("off", [in_a_thread, callspan.uninstrument], ids=["in a thread", "here"])


class Spans(SpanProcessor):
    """Keeps the spans that started, and does something at the first start or end."""

    def __init__(self) -> None:
        self.started: list[Any] = []
        self.ended: list[Any] = []
        self.at_start: Callable[[], None] = lambda: None
        self.at_end: Callable[[], None] = lambda: None

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.started.append(span)
        self.at_start()

    def on_end(self, span: Any) -> None:
        self.ended.append(span)
        self.at_end()

    def outcomes(self) -> list[Any]:
        """Give the outcome of each span, of those that never ended `unended`."""
        return [
            "unended" if span.end_time is None else span.attributes.get("langchain.run.outcome", "ok")
            for span in self.started
        ]


@pytest.fixture
def spans() -> Iterator[Spans]:
    """LangChain is instrumented, and these are its spans."""
    spans, provider = Spans(), TracerProvider()
    provider.add_span_processor(spans)
    callspan.instrument(tracer_provider=provider)
    yield spans
    callspan.uninstrument()
    assert len(spans.ended) == len(spans.started)


@OFF
def test_in_the_middle_of_a_start_the_run_is_abandoned(off: Any, spans: Spans) -> None:
    """A processor takes that moment: the call goes on, and what it calls is traced no longer."""
    spans.at_start = off
    assert (RunnableLambda(str) | RunnableLambda(str)).invoke(1) == "1"
    assert spans.outcomes() == ["abandoned"]


@OFF
def test_a_sampler_takes_the_moment_before_the_span_starts(off: Any) -> None:
    """The span starts after all, and ends at once."""

    class Off(Sampler):
        def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
            off()
            return ALWAYS_ON.should_sample(*args, **kwargs)

        def get_description(self) -> str:
            return "off"

    spans, provider = Spans(), TracerProvider(sampler=Off())
    provider.add_span_processor(spans)
    callspan.instrument(tracer_provider=provider)
    assert RunnableLambda(str).invoke(1) == "1"
    assert (spans.outcomes(), len(spans.ended)) == (["abandoned"], 1)


@OFF
def test_in_the_middle_of_a_body_all_runs_around_are_abandoned(off: Any, spans: Spans) -> None:
    """Sync and async."""

    def body(value: int) -> int:
        off()
        return value

    assert (RunnableLambda(str) | RunnableLambda(body)).invoke(1) == "1"
    assert spans.outcomes() == ["abandoned", "ok", "abandoned"]


async def test_in_the_middle_of_an_async_body(spans: Spans) -> None:
    """The same for a coroutine, and what it calls afterwards."""
    inner = RunnableLambda(str)

    async def body(value: int) -> Any:
        callspan.uninstrument()
        await asyncio.sleep(0)
        return await inner.ainvoke(value)

    assert await RunnableLambda(body).ainvoke(1) == "1"
    assert spans.outcomes() == ["abandoned"]


@OFF
@pytest.mark.parametrize("form", ["stream", "astream"])
def test_in_the_middle_of_a_stream(off: Any, form: str, spans: Spans) -> None:
    """The chunks come as before."""
    model = FakeListChatModel(responses=["abc"])

    async def read() -> list[Any]:
        chunks = []
        async for chunk in model.astream("x"):
            off()
            chunks.append(chunk.content)
        return chunks

    def read_here() -> list[Any]:
        chunks = []
        for chunk in model.stream("x"):
            off()
            chunks.append(chunk.content)
        return chunks

    assert "".join(read_here() if form == "stream" else asyncio.run(read())) == "abc"
    assert spans.outcomes() == ["abandoned"]


@OFF
def test_in_the_middle_of_an_end_the_run_ends_as_it_would(off: Any, spans: Spans) -> None:
    """Its span has ended by then; the runs around it are abandoned."""
    spans.at_end = off
    assert (RunnableLambda(str) | RunnableLambda(str)).invoke(1) == "1"
    assert spans.outcomes() == ["abandoned", "ok"]


@OFF
@pytest.mark.parametrize(("hook", "outcome"), [("on_run_start", "abandoned"), ("on_run_end", "ok")])
def test_in_a_hook(off: Any, hook: str, outcome: str, spans: Spans) -> None:
    """A hook may switch off what it hears."""

    def hears(self: Any, run: callspan.Run) -> None:
        off()

    with callspan.callbacks(type("Off", (callspan.Callback,), {hook: hears})()):
        assert RunnableLambda(str).invoke(1) == "1"
    assert spans.outcomes() == [outcome]


@pytest.mark.filterwarnings("ignore::UserWarning")  # core 0.3 silences one of its own, but not in several threads
def test_again_and_again_under_traffic() -> None:
    """Eight threads call while another one switches off and on: no span stays open, none ends twice."""
    spans, provider, done = Spans(), TracerProvider(), threading.Event()
    provider.add_span_processor(spans)
    model = FakeListChatModel(responses=["yes"])
    chain = RunnableLambda(str) | model | RunnableLambda(lambda message: message.content)
    wrong: list[Any] = []

    def call() -> None:
        while not done.is_set():
            if chain.invoke(1) != "yes" or "".join(chain.stream(1)) != "yes":
                wrong.append("an answer")

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(12):
            callspan.instrument(tracer_provider=provider)
            enough = len(spans.started) + 25
            while len(spans.started) < enough and threads[0].is_alive():
                done.wait(0.0005)
            callspan.uninstrument()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert open_runs() == []
    assert len(spans.ended) == len(spans.started) > 0
    assert "unended" not in spans.outcomes()
