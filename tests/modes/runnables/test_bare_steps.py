"""Steps that are no runs of their own: they work in the run that calls them, and that one is current."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.runnables import (
    Runnable,
    RunnableBranch,
    RunnableConfig,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)


@pytest.fixture
def bare(http: Callable[..., None]) -> Runnable[str, str]:
    """A runnable that overrides what is called and opens no run."""

    class Bare(Runnable[str, str]):
        def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
            http()
            return input

        async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
            return self.invoke(input)

        def stream(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[str]:
            for letter in input:
                http()
                yield letter

        async def astream(
            self,
            input: str,
            config: RunnableConfig | None = None,
            **kwargs: Any,
        ) -> AsyncIterator[str]:
            for letter in self.stream(input):
                yield letter

    return Bare()


def _fails(value: str) -> str:
    raise ValueError(value)


CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "sequence": lambda bare: RunnableLambda(str) | bare,
    "first in a sequence": lambda bare: bare | RunnableLambda(str),
    "parallel": lambda bare: RunnableParallel(a=bare),
    "branch": lambda bare: RunnableBranch((lambda value: True, bare), bare),
    "default": lambda bare: RunnableBranch((lambda value: False, bare), bare),
    "fallbacks": lambda bare: bare.with_fallbacks([bare]),
    "fallback": lambda bare: RunnableLambda(_fails).with_fallbacks([bare]),
    "retry": lambda bare: bare.with_retry(),
    "returned": lambda bare: RunnableLambda(lambda value: bare),
    "assigned": lambda bare: (
        RunnablePassthrough.assign(a=lambda value: "xyz") | RunnableLambda(lambda v: v["a"]) | bare
    ),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_invoked(way: Any, container: str, bare: Any, recording: Any) -> None:
    """What a bare step does hangs under the run that calls it, whatever kind of runnable that is."""
    value = {"b": "x"} if container == "assigned" else "x"
    way.invoke(CONTAINERS[container](bare), value, {"run_name": "outer"})
    outer = recording.named("invoke_workflow outer")
    assert recording.named("http").parent.span_id == outer.context.span_id


@pytest.mark.parametrize("container", ["sequence", "branch", "default", "fallbacks", "fallback", "returned"])
def test_streamed(way: Any, container: str, bare: Any, recording: Any) -> None:
    """At each step of a stream the run around a bare step is current, and between the steps it is not."""
    assert way.stream(CONTAINERS[container](bare), "xyz", {"run_name": "outer"}) == ["x", "y", "z"]
    outer = recording.named("invoke_workflow outer")
    parents = [span.parent.span_id for span in recording.spans if span.name == "http"]
    assert parents == [outer.context.span_id] * 3


@pytest.mark.parametrize("container", ["sequence", "parallel", "fallbacks", "retry"])
def test_a_batch_of_one(way: Any, container: str, bare: Any, recording: Any) -> None:
    """In a batch of one input the run around a bare step is current."""
    way.batch(CONTAINERS[container](bare), ["x"], {"run_name": "outer"})
    outer = recording.named("invoke_workflow outer")
    assert recording.named("http").parent.span_id == outer.context.span_id


@pytest.mark.parametrize("container", ["sequence", "fallbacks"])
def test_a_batch_of_two(way: Any, container: str, bare: Any, recording: Any) -> None:
    """Two runs share the frame of their batch: there none of them is current, but what is around the batch."""
    with recording.tracer.start_as_current_span("mine"):
        way.batch(CONTAINERS[container](bare), ["x", "y"], {"run_name": "outer"})
    mine = recording.named("mine")
    parents = [span.parent.span_id for span in recording.spans if span.name == "http"]
    assert parents == [mine.context.span_id] * 2


def test_a_span_held_across_steps(way: Any, recording: Any) -> None:
    """A span that a bare step holds from one chunk to the next stays current in the stream, and only there."""

    class Holding(Runnable[str, str]):
        def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
            return input

        def stream(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[str]:
            with recording.tracer.start_as_current_span("held"):
                for letter in input:
                    with recording.tracer.start_as_current_span(letter):
                        pass
                    yield letter

        async def astream(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[str]:
            for letter in self.stream(input):
                yield letter

    branch = RunnableBranch((lambda value: False, Holding()), Holding())
    assert way.stream(branch, "xyz") == ["x", "y", "z"]
    assert (
        recording.tree()
        == """\
invoke_workflow
  chain RunnableLambda
  held
    x
    y
    z
"""
    )
