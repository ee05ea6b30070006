"""A time limit that a signal handler raises is the program's: it comes out of our code too, as no failure of ours."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from opentelemetry.context import get_current
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler, SamplingResult

import callspan
from callspan.core.signals import is_from_handler
from callspan.testing import open_runs

NUMBER = signal.SIGTERM
"""Any will do: it is raised, and handled at once."""


class TimeLimit(Exception):
    """What a program's timer raises."""


LIMIT = TimeLimit("too late")


def over(number: int, frame: Any) -> None:
    """Be the handler."""
    raise LIMIT


class Timer:
    """Handles signals, as a method and as an object."""

    def method(self, number: int, frame: Any) -> None:
        over(number, frame)

    def __call__(self, number: int, frame: Any) -> None:
        over(number, frame)


HANDLERS: dict[str, Any] = {
    "function": over,
    "method": Timer().method,
    "object": Timer(),
    "partial": partial(lambda word, number, frame: over(number, frame), "x"),
}


def expire() -> None:
    """Have the time limit come here."""
    signal.raise_signal(NUMBER)


class World(SpanProcessor, Sampler):
    """A provider's parts and a redactor, one of which takes too long once."""

    def __init__(self) -> None:
        self.where = ""
        self.spans: list[Any] = []

    def take(self, where: str) -> None:
        if where == self.where:
            self.where = ""
            expire()

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.spans.append(span)
        self.take("on_start")

    def on_end(self, span: Any) -> None:
        self.take("on_end")

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        self.take("sampler")
        return ALWAYS_ON.should_sample(*args, **kwargs)

    def get_description(self) -> str:
        return "world"

    def redact(self, part: Any, place: Any) -> Any:
        self.take("redactor")
        return part


class Hears(callspan.Callback):
    """Takes too long in one of its hooks."""

    def __init__(self, world: World) -> None:
        self.world = world

    def on_run_start(self, run: callspan.Run) -> None:
        self.world.take("start hook")

    def on_run_end(self, run: callspan.Run) -> None:
        self.world.take("end hook")

    def on_llm_new_token(self, run: callspan.Run, token: str, chunk: Any) -> None:
        self.world.take("token hook")


@pytest.fixture(params=HANDLERS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """LangChain is instrumented, and a signal handler of each form is installed."""
    world = World()
    provider = TracerProvider(sampler=world)
    provider.add_span_processor(world)
    before = signal.signal(NUMBER, HANDLERS[request.param])
    callspan.instrument(tracer_provider=provider, content="span_only", redact=world.redact, callbacks=[Hears(world)])
    yield world
    callspan.uninstrument()
    signal.signal(NUMBER, before)


MODEL = FakeListChatModel(responses=["hi"])
CALLS: dict[str, Callable[[], Any]] = {
    "invoke": lambda: MODEL.invoke("x"),
    "stream": lambda: list(MODEL.stream("x")),
    "in a sequence": lambda: (RunnableLambda(str) | MODEL).invoke("x"),
}
PLACES = ("sampler", "on_start", "on_end", "redactor", "start hook", "end hook", "token hook")


@pytest.mark.parametrize("form", CALLS)
@pytest.mark.parametrize("where", PLACES)
def test_it_comes_out(where: str, form: str, world: World) -> None:
    """The caller gets the very object; nothing is logged, no span stays open, and the next call is a root."""
    if where == "token hook" and form != "stream":
        pytest.skip("there are no tokens")
    world.where, before = where, get_current()
    with pytest.raises(TimeLimit) as caught:
        CALLS[form]()
    assert caught.value is LIMIT
    assert get_current() is before
    assert open_runs() == []
    assert [span for span in world.spans if span.end_time is None] == []
    del world.spans[:]
    CALLS[form]()
    assert world.spans[0].parent is None


@pytest.mark.may_log
def test_a_failure_beside_it_is_still_isolated(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """An installed handler changes nothing for what did not come from it."""

    class Broken(callspan.Callback):
        def on_run_start(self, run: callspan.Run) -> None:
            raise TimeLimit("its own")

    with callspan.callbacks(Broken()):
        assert MODEL.invoke("x").content == "hi"
    assert [entry.getMessage() for entry in caplog.records] == ["Broken.on_run_start failed; the call goes on"]


def test_an_exception_that_was_never_raised_comes_from_nowhere() -> None:
    """Nor does one that was raised where it is caught."""
    with pytest.raises(ValueError, match="here") as caught:
        raise ValueError("here")
    assert not is_from_handler(caught.value)
    assert not is_from_handler(ValueError())
