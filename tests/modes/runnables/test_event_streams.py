"""`astream_events` and `astream_log`: a handler of LangChain's own, a task of its own, and the same spans."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.context import get_current

import callspan

EXPECTED = """\
invoke_workflow
  chain f
    http
  chain g
    http
    http
    http
"""

pytestmark = pytest.mark.filterwarnings("ignore:astream_.* is deprecated")


@pytest.fixture
def chain(step: Any, spell: Any) -> Any:
    """A chain that streams two letters and its first step's."""
    return step("f") | spell("g")


def streams(chain: Any) -> dict[str, Callable[[], AsyncIterator[Any]]]:
    """Name the streams, each made by calling it."""
    return {
        "v1": lambda: chain.astream_events("xy", version="v1"),
        "v2": lambda: chain.astream_events("xy", version="v2"),
        "log": lambda: chain.astream_log("xy"),
        "log, whole": lambda: chain.astream_log("xy", diff=False),
    }


STREAMS = tuple(streams(None))


async def read(stream: AsyncIterator[Any]) -> list[Any]:
    """Read a stream to its end; the reader's context is its own all the time."""
    before, found = get_current(), []
    async for item in stream:
        assert get_current() is before
        found.append(item)
    assert get_current() is before
    return found


@pytest.mark.parametrize("kind", STREAMS)
async def test_the_spans_of_an_event_stream(kind: str, chain: Any, tree: Callable[..., str]) -> None:
    """The chain of an event stream has the spans it has without one."""
    assert await read(streams(chain)[kind]())
    assert tree() == EXPECTED


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_the_events_are_the_same(version: str, chain: Any, recording: Any) -> None:
    """The events are those that LangChain gives without us."""

    def told(events: list[Any]) -> list[Any]:
        return [(event["event"], event["name"], event["tags"], str(event["data"])) for event in events]

    with_us = told(await read(streams(chain)[version]()))
    callspan.uninstrument()
    assert with_us == told(await read(streams(chain)[version]()))
    assert with_us[0][:2] == ("on_chain_start", "RunnableSequence")


@pytest.mark.parametrize("kind", ["v2", "log"])
async def test_an_event_stream_in_a_span(kind: str, chain: Any, recording: Any) -> None:
    """The task of an event stream inherits the span that the user has around it."""
    with recording.tracer.start_as_current_span("mine"):
        await read(streams(chain)[kind]())
    assert recording.tree() == "mine\n" + "".join(f"  {line}\n" for line in EXPECTED.splitlines())


async def test_an_abandoned_event_stream(step: Any, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """When its reader closes an event stream of version 2, LangChain cancels the chain: the runs are cancelled."""
    begun = asyncio.Event()

    async def g(value: str) -> None:
        http()
        begun.set()
        await asyncio.Event().wait()

    stream = (step("f") | RunnableLambda(g)).astream_events("x", version="v2")
    await anext(stream)
    await begun.wait()
    before = get_current()
    await stream.aclose()
    assert get_current() is before
    assert (
        tree()
        == """\
invoke_workflow ~cancelled
  chain f
    http
  chain g ~cancelled
    http
"""
    )


@pytest.mark.parametrize("kind", ["v1", "log"])
async def test_an_abandoned_older_stream(kind: str, step: Any, tree: Callable[..., str]) -> None:
    """The older streams let the chain run to its end when their reader closes them: its spans are whole."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def g(value: str) -> None:
        begun.set()
        await go_on.wait()

    stream = streams(step("f") | RunnableLambda(g))[kind]()
    await anext(stream)
    await begun.wait()
    go_on.set()
    mine = asyncio.current_task()
    await stream.aclose()
    while others := asyncio.all_tasks() - {mine}:
        await asyncio.wait(others)
    assert (
        tree()
        == """\
invoke_workflow
  chain f
    http
  chain g
"""
    )


async def test_closed_while_the_start_is_announced(step: Any, tree: Callable[..., str]) -> None:
    """The first event is sent while the start is being announced: who closes then, cancels before there is a run."""
    stream = step("f").astream_events("x", version="v2")
    assert (await anext(stream))["event"] == "on_chain_start"
    await stream.aclose()
    assert tree() == ""


@pytest.mark.parametrize("kind", STREAMS)
async def test_an_event_stream_that_fails(kind: str, step: Any, spell: Any, tree: Callable[..., str]) -> None:
    """A failure comes out of the event stream as the same object, and is the runs' that it ended."""
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as caught:
        await read(streams(step("f") | spell("g", raises=error))[kind]())
    assert caught.value is error
    assert tree() == EXPECTED.replace("workflow", "workflow !ValueError").replace("chain g", "chain g !ValueError")
