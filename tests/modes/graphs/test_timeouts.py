"""A step or a node that takes too long is given up, which is a failure: its graph cancels it, not the program."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy
from tests.modes.models.calls import Standstill, cancel

import callspan
from callspan.testing import record

Fn = Callable[..., Any]
State = dict[str, Any]

TINY = 0.1  # seconds: long enough to start and to work, and a body that hangs never ends by itself

needs_node_timeouts = pytest.mark.skipif(
    not find_spec("langgraph.callbacks"), reason="nodes have had timeouts since langgraph 1.2"
)


async def test_an_async_step(line: Fn, http: Fn, tree: Fn) -> None:
    """The node of a step that takes too long fails, and so does the graph."""

    async def n(state: State) -> State:
        http()
        await asyncio.Event().wait()
        return {}

    graph = line(n)
    graph.step_timeout = TINY
    with pytest.raises(TimeoutError):
        await graph.ainvoke({"trail": []})
    assert tree() == "invoke_workflow !TimeoutError\n  node n !TimeoutError\n    http\n"


def test_a_sync_step(line: Fn, http: Fn, tree: Fn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync body goes on in its thread: LangGraph waits for it, and its node ends well."""
    given_up = threading.Event()
    waiting = concurrent.futures.wait

    def wait(*args: Any, **kwargs: Any) -> Any:
        found = waiting(*args, **kwargs)
        if not found.done:
            given_up.set()
        return found

    def n(state: State) -> State:
        assert given_up.wait(60)
        http()
        return {"trail": ["n"]}

    monkeypatch.setattr(concurrent.futures, "wait", wait)
    graph = line(n)
    graph.step_timeout = TINY
    with pytest.raises(TimeoutError):
        graph.invoke({"trail": []})
    assert tree() == "invoke_workflow !TimeoutError\n  node n\n    http\n"


@needs_node_timeouts
async def test_an_async_node(line: Fn, http: Fn, tree: Fn) -> None:
    """A node that takes too long fails, and so does the graph."""
    from langgraph.errors import NodeTimeoutError

    async def n(state: State) -> State:
        http()
        await asyncio.Event().wait()
        return {}

    with pytest.raises(NodeTimeoutError):
        await line(n, options={"timeout": TINY}).ainvoke({"trail": []})
    assert (
        tree()
        == """\
invoke_workflow !langgraph.errors.NodeTimeoutError
  node n !langgraph.errors.NodeTimeoutError
    http
"""
    )


AGAIN = RetryPolicy(max_attempts=3, initial_interval=0.0, jitter=False, retry_on=lambda error: True)
TIMED_OUT = "langgraph.errors.NodeTimeoutError"


def hanging(times: int, release: Fn | None = None) -> Fn:
    """Make a node's function that hangs so many times, and then does its work."""
    calls: list[int] = []

    async def n(state: State) -> State:
        calls.append(len(calls))
        if len(calls) <= times:
            try:
                await asyncio.Event().wait()
            finally:
                if release is not None:
                    await release()
        return {"trail": ["n"]}

    return n


def attempts(recording: Any) -> list[tuple[Any, Any, Any]]:
    """Return of each attempt at the node its error, its number and the place of the one it is a retry of."""
    spans = sorted((span for span in recording if span.name == "node n"), key=lambda span: span.start_time or 0)
    ids = [format(span.context.span_id, "016x") for span in spans]
    found = []
    for span in spans:
        said = span.attributes
        before = said.get("langchain.retry_of")
        assert (before is None) is (span.links == ())
        place = None if before is None else ids.index(before)
        found.append((said.get("error.type"), said.get("langchain.run.attempt"), place))
    return found


@needs_node_timeouts
@pytest.mark.parametrize("limit", ["run", "idle"])
@pytest.mark.parametrize("form", ["ainvoke", "astream", "abatch"])
async def test_a_node_that_is_run_again_is_a_retry(form: str, limit: str, line: Fn, recording: Any) -> None:
    from langgraph.types import TimeoutPolicy

    policy: Any = TimeoutPolicy(run_timeout=TINY) if limit == "run" else TimeoutPolicy(idle_timeout=TINY)
    graph = line(hanging(2), options={"timeout": policy, "retry_policy": AGAIN})
    if form == "astream":
        assert [chunk async for chunk in graph.astream({"trail": []})]
    else:
        await getattr(graph, form)([{"trail": []}] if form == "abatch" else {"trail": []})
    assert attempts(recording) == [(TIMED_OUT, None, None), (TIMED_OUT, 2, 0), (None, 3, 1)]
    assert recording.named("invoke_workflow").status.status_code.name == "UNSET"


@needs_node_timeouts
async def test_a_retry_that_begins_before_the_body_is_over(line: Fn, recording: Any) -> None:
    """A body may take its time to clean up; LangGraph does not wait for it."""

    async def linger() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    graph = line(hanging(1, linger), options={"timeout": TINY, "retry_policy": AGAIN})
    await graph.ainvoke({"trail": []})
    assert attempts(recording) == [(TIMED_OUT, None, None), (None, 2, 0)]


@needs_node_timeouts
async def test_a_body_that_does_not_mind(line: Fn, recording: Any) -> None:
    """What it gives after its time is not used, so it has failed."""

    async def n(state: State) -> State:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return {"trail": ["late"]}
        return {}

    from langgraph.errors import NodeTimeoutError

    with pytest.raises(NodeTimeoutError):
        await line(n, options={"timeout": TINY}).ainvoke({"trail": []})
    assert attempts(recording) == [(TIMED_OUT, None, None)]


@needs_node_timeouts
async def test_an_error_handler_that_swallows_it(recording: Any) -> None:
    """The node has failed, and the graph has not."""
    builder: Any = StateGraph(dict)

    def handle(state: State) -> State:
        return {"trail": ["handled"]}

    builder.add_node("n", hanging(1), timeout=TINY, error_handler=handle).add_edge(START, "n")
    await builder.compile().ainvoke({"trail": []})
    assert attempts(recording) == [(TIMED_OUT, None, None)]
    assert recording.named("invoke_workflow").status.status_code.name == "UNSET"


@needs_node_timeouts
async def test_a_task_of_the_functional_api(recording: Any) -> None:
    from langgraph.func import entrypoint, task

    hang = hanging(1)

    @task(timeout=TINY, retry_policy=AGAIN)
    async def n() -> Any:
        return await hang({})

    @entrypoint()
    async def work(given: Any) -> Any:
        return await n()

    await work.ainvoke("x")
    assert attempts(recording) == [(TIMED_OUT, None, None), (None, 2, 0)]


@needs_node_timeouts
async def test_the_exception_stands_where_it_began(line: Fn, recording: Any) -> None:
    """Once, on the node; what runs in the node was cancelled."""
    from langchain_core.runnables import RunnableLambda
    from langgraph.errors import NodeTimeoutError

    async def hang(given: Any) -> None:
        await asyncio.Event().wait()

    async def n(state: State) -> State:
        await RunnableLambda(hang, name="inner").ainvoke("x")
        return {}

    with pytest.raises(NodeTimeoutError):
        await line(n, options={"timeout": TINY}).ainvoke({"trail": []})
    assert recording.tree() == (f"invoke_workflow !{TIMED_OUT}\n  node n !{TIMED_OUT}\n    chain inner ~cancelled\n")
    assert [(span.name, len(span.events)) for span in recording if span.events] == [("node n", 1)]


@needs_node_timeouts
async def test_callbacks_hear_an_error() -> None:
    class Errors(callspan.Callback):
        def on_chain_error(self, run: callspan.Run) -> None:
            heard.append((run.name, type(run.error).__name__))

    heard: list[tuple[str, str]] = []
    builder: Any = StateGraph(dict).add_node("n", hanging(1), timeout=TINY, retry_policy=AGAIN).add_edge(START, "n")
    with record(callbacks=[Errors()]):
        await builder.compile().ainvoke({"trail": []})
    assert heard == [("n", "NodeTimeoutError")]


@needs_node_timeouts
async def test_a_node_that_the_program_cancels_has_not_failed(line: Fn, recording: Any) -> None:
    """And the same node in the next run is no retry."""
    standstill, calls = Standstill(), [0]

    async def n(state: State) -> State:
        calls[0] += 1
        if calls[0] == 1:
            await standstill()
        return {"trail": ["n"]}

    graph = line(n, options={"timeout": 60, "retry_policy": AGAIN})
    await cancel(graph.ainvoke({"trail": []}), standstill.reached)
    await graph.ainvoke({"trail": []})
    assert attempts(recording) == [(None, None, None), (None, None, None)]
    assert "node n ~cancelled" in recording.tree()


async def test_a_node_that_raises_a_time_out_itself(recording: Any) -> None:
    """It has failed; the other node of the step was cancelled since it failed."""
    standstill = Standstill()

    async def n(state: State) -> State:
        await standstill.reached()
        raise TimeoutError

    async def other(state: State) -> State:
        await standstill()
        return {}

    builder: Any = StateGraph(dict).add_node("n", n).add_node("other", other)
    graph = builder.add_edge(START, "n").add_edge(START, "other").compile()
    with pytest.raises(TimeoutError):
        await graph.ainvoke({"trail": []})
    assert recording.tree() == "invoke_workflow !TimeoutError\n  node n !TimeoutError\n  node other ~cancelled\n"


async def test_several_nodes_of_a_step(recording: Any) -> None:
    """The one that was ready in time has not failed."""

    async def quick(state: State) -> State:
        return {"trail": ["quick"]}

    builder: Any = StateGraph(dict).add_node("n", hanging(1)).add_node("quick", quick)
    graph = builder.add_edge(START, "n").add_edge(START, "quick").compile()
    graph.step_timeout = TINY
    with pytest.raises(TimeoutError):
        await graph.ainvoke({"trail": []})
    assert recording.tree() == "invoke_workflow !TimeoutError\n  node n !TimeoutError\n  node quick\n"
    assert [(span.name, len(span.events)) for span in recording if span.events] == [("node n", 1)]
