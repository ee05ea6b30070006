"""`astream_events` and `astream_log`: a handler of LangChain's own, a task of its own, and the same spans."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from opentelemetry.context import get_current

import callspan
from callspan.testing import open_runs

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


@pytest.mark.parametrize("kind", ["v1", "v2", "log"])
async def test_an_abandoned_event_stream(kind: str, chain: Any, recording: Any) -> None:
    """When its reader closes an event stream, LangChain's task is cancelled, and nothing stays open."""
    stream = streams(chain)[kind]()
    await anext(stream)
    before = get_current()
    await stream.aclose()
    assert get_current() is before
    assert open_runs() == []
    outcomes = {span.attributes.get("langchain.run.outcome") for span in recording.spans if span.parent is None}
    assert outcomes <= {"cancelled", "closed", None}


@pytest.mark.parametrize("kind", STREAMS)
async def test_an_event_stream_that_fails(kind: str, step: Any, spell: Any, tree: Callable[..., str]) -> None:
    """A failure comes out of the event stream as the same object, and is the runs' that it ended."""
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as caught:
        await read(streams(step("f") | spell("g", raises=error))[kind]())
    assert caught.value is error
    assert tree() == EXPECTED.replace("workflow", "workflow !ValueError").replace("chain g", "chain g !ValueError")
