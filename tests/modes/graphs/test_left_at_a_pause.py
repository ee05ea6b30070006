"""A stream that its reader leaves where the graph waits for a person is paused; left anywhere else it is closed."""

from __future__ import annotations

import asyncio
import gc
import operator
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, interrupt
from tests.modes.models.calls import Standstill, cancel

import callspan
from callspan.testing import Recording, ScriptedChatModel, ToolCall, open_runs, record

Fn = Callable[..., Any]

CONFIG: Any = {"configurable": {"thread_id": "1"}}
QUESTION = "may I?"

HAS_EVENTS = find_spec("langgraph.callbacks") is not None
needs_events = pytest.mark.skipif(not HAS_EVENTS, reason="LangGraph has told of breakpoints since 1.2")


class Trail(TypedDict, total=False):
    """The state: what was answered."""

    trail: Annotated[list[str], operator.add]


def first(state: Any) -> Any:
    """Work before the pause."""
    return {"trail": ["first"]}


def ask(state: Any) -> Any:
    """Ask a person."""
    return {"trail": [interrupt(QUESTION)]}


def graph_of(*nodes: tuple[str, Any], name: str = "g", **compiling: Any) -> Any:
    """Make a graph of nodes in a line."""
    builder: Any = StateGraph(Trail)
    before = START
    for node, work in nodes:
        builder.add_node(node, work)
        builder.add_edge(before, node)
        before = node
    return builder.compile(name=name, **compiling)


def plain() -> Any:
    """Make a graph that asks in its second node."""
    return graph_of(("first", first), ("ask", ask), checkpointer=InMemorySaver())


def nested() -> Any:
    """Make a graph with a node that is a graph that asks."""
    return graph_of(("sub", graph_of(("ask", ask), name="sub")), checkpointer=InMemorySaver())


def nested_in_a_function() -> Any:
    """Make a graph with a node that calls a graph that asks."""
    sub = graph_of(("ask", ask), name="sub")

    async def acall(state: Any) -> Any:
        return await sub.ainvoke(state)

    return graph_of(("outer", RunnableLambda(sub.invoke, acall)), checkpointer=InMemorySaver())


def in_a_tool() -> Any:
    """Make a graph with a tool that calls a graph that asks."""
    sub = graph_of(("ask", ask), name="sub")

    def consult(question: str) -> str:
        """Consult another graph."""
        return str(sub.invoke({}))

    async def aconsult(question: str) -> str:
        return str(await sub.ainvoke({}))

    def call_it(state: Any) -> Any:
        calls: Any = [{"name": "consult", "args": {"question": "x"}, "id": "1"}]
        return {"messages": [AIMessage("", tool_calls=calls)]}

    tools = ToolNode([StructuredTool.from_function(consult, aconsult, name="consult")])
    builder: Any = StateGraph(MessagesState).add_node("model", call_it).add_node("tools", tools)
    return builder.add_edge(START, "model").add_edge("model", "tools").compile(checkpointer=InMemorySaver(), name="g")


def functional() -> Any:
    """Make an entrypoint that asks."""

    @entrypoint(checkpointer=InMemorySaver())
    def g(given: Any) -> Any:
        return interrupt(QUESTION)

    return g


def task_of_an_entrypoint() -> Any:
    """Make an entrypoint whose task asks."""

    @task
    def approve() -> Any:
        return interrupt(QUESTION)

    @entrypoint(checkpointer=InMemorySaver())
    def g(given: Any) -> Any:
        return approve().result()

    return g


def before_a_node() -> Any:
    """Make a graph with a breakpoint before its second node."""
    return graph_of(("first", first), ("then", first), checkpointer=InMemorySaver(), interrupt_before=["then"])


def after_a_node() -> Any:
    """Make a graph with a breakpoint after its first node."""
    return graph_of(("first", first), ("then", first), checkpointer=InMemorySaver(), interrupt_after=["first"])


ASKING = [plain, nested, nested_in_a_function, in_a_tool, functional, task_of_an_entrypoint]
STOPPING = [before_a_node, after_a_node]


def shows_a_pause(chunk: Any) -> bool:
    """Return whether a reader learns from this chunk, in whatever mode, that the graph waits."""
    said = repr(chunk)
    return "__interrupt__" in said or "Interrupt(" in said or "'interrupts': [{" in said


def read(graph: Any, until: Fn, **options: Any) -> bool:
    """Read a stream up to a chunk, and leave the loop."""
    stream: Iterator[Any] = graph.stream({"trail": []}, CONFIG, **options)
    return any(until(chunk) for chunk in stream)


def read_and_keep(graph: Any, until: Fn, **options: Any) -> bool:
    """Read a stream up to a chunk, and drop it later."""
    stream = graph.stream({"trail": []}, CONFIG, **options)
    found = any(until(chunk) for chunk in stream)
    gc.collect()
    return found


def aread(graph: Any, until: Fn, **options: Any) -> bool:
    """Read an asynchronous stream up to a chunk, and close it."""

    async def main() -> bool:
        stream = graph.astream({"trail": []}, CONFIG, **options)
        async for chunk in stream:
            if until(chunk):
                await stream.aclose()
                return True
        return False

    return asyncio.run(main())


def aread_and_drop(graph: Any, until: Fn, **options: Any) -> bool:
    """Read an asynchronous stream up to a chunk, and leave it to the event loop."""

    async def main() -> bool:
        async for chunk in graph.astream({"trail": []}, CONFIG, **options):
            if until(chunk):
                return True
        return False

    return asyncio.run(main())


def aread_events(graph: Any, until: Fn, **options: Any) -> bool:
    """Read the events of a graph up to one, and leave the loop."""

    async def main() -> bool:
        events: AsyncIterator[Any] = graph.astream_events({"trail": []}, CONFIG, version="v2", **options)
        async for event in events:
            if until(event):
                return True
        return False

    return asyncio.run(main())


READERS = [read, read_and_keep, aread, aread_and_drop, aread_events]

MODES: list[dict[str, Any]] = [
    {"stream_mode": "updates"},
    {"stream_mode": "values"},
    {"stream_mode": "debug"},
    {"stream_mode": "tasks"},
    {"stream_mode": ["values", "updates", "custom"]},
    {"stream_mode": "updates", "subgraphs": True},
    {"stream_mode": ["messages", "updates"], "subgraphs": True},
]


class Pauses(callspan.Callback):
    """Writes down the pauses that it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_interrupt(self, run: callspan.Run, event: Any) -> None:
        self.heard.append(f"{run.kind} of {event.run_id == run.id}")


def roots_of(recording: Recording) -> list[Any]:
    """Return the root spans in the order of their starts."""
    return sorted((span for span in recording if span.parent is None), key=lambda span: span.start_time or 0)


def check(graph: Any, reader: Fn, resumed_with: Any, **options: Any) -> None:
    """Leave a stream at its pause, go on, and look at both."""
    pauses = Pauses()
    with record(callbacks=[pauses]) as recording:
        assert reader(graph, shows_a_pause, **options)
        assert open_runs() == []
        graph.invoke(resumed_with, CONFIG)
    paused, resumed = roots_of(recording)
    assert paused.attributes["langchain.run.outcome"] == "paused"
    assert paused.status.status_code.name == "UNSET"
    assert [event.name for event in paused.events] == ["langgraph.interrupt"]
    assert pauses.heard == ["chain of True"]
    assert resumed.attributes["langchain.resumes"] == format(paused.context.span_id, "016x")
    assert paused.context in [link.context for link in resumed.links]
    assert resumed.attributes["langgraph.resume.wait_time"] >= 0


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("make", ASKING)
def test_at_an_interrupt(make: Fn, reader: Fn) -> None:
    check(make(), reader, Command(resume="yes"))


@needs_events
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("make", STOPPING)
def test_at_a_breakpoint(make: Fn, reader: Fn) -> None:
    check(make(), reader, None)


@pytest.mark.parametrize("reader", [read, aread])
@pytest.mark.parametrize("make", [plain, nested])
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_in_each_mode(mode: dict[str, Any], make: Fn, reader: Fn) -> None:
    check(make(), reader, Command(resume="yes"), **mode)


@pytest.mark.parametrize("reader", READERS)
def test_where_several_nodes_wait(reader: Fn) -> None:
    """The reader leaves at the first of them."""
    builder: Any = StateGraph(Trail).add_node("ask", ask).add_node("too", ask)
    graph = builder.add_edge(START, "ask").add_edge(START, "too").compile(checkpointer=InMemorySaver())
    with record() as recording:
        assert reader(graph, shows_a_pause)
    assert roots_of(recording)[0].attributes["langchain.run.outcome"] == "paused"


@pytest.mark.parametrize("reader", [read, read_and_keep, aread])
def test_left_anywhere_else_it_is_closed(reader: Fn) -> None:
    """It has not paused yet, so the run that follows does not resume it."""
    graph, pauses = plain(), Pauses()
    with record(callbacks=[pauses]) as recording:
        assert reader(graph, lambda chunk: "first" in chunk)
    (root,) = roots_of(recording)
    assert (root.attributes["langchain.run.outcome"], root.events, pauses.heard) == ("closed", (), [])


@pytest.mark.parametrize("sampled", [True, False])
def test_a_callback_hears_it_sampled_out_too(sampled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not sampled:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    pauses = Pauses()
    with record(callbacks=[pauses]):
        assert read(plain(), shows_a_pause)
    assert pauses.heard == ["chain of True"]


def test_the_question_is_content() -> None:
    with record(content="no_content") as private:
        read(plain(), shows_a_pause)
    with record(content="span_only") as public:
        read(plain(), shows_a_pause)
    ((told,),) = [span.events for span in roots_of(public)]
    assert told.attributes["langgraph.interrupt.value"] == QUESTION
    ((told,),) = [span.events for span in roots_of(private)]
    assert "langgraph.interrupt.value" not in told.attributes
    assert told.attributes["langgraph.interrupt.id"]


async def test_a_program_that_cancels_has_not_paused(tree: Fn) -> None:
    """One node waits for a person while another one works; the cancelled node is no failure."""
    standstill = Standstill()

    async def work(state: Any) -> Any:
        await standstill()

    async def ask_at_once(state: Any) -> Any:
        return ask(state)

    builder: Any = StateGraph(Trail).add_node("ask", ask_at_once).add_node("work", work)
    graph = builder.add_edge(START, "ask").add_edge(START, "work").compile(checkpointer=InMemorySaver())
    await cancel(graph.ainvoke({"trail": []}, CONFIG), standstill.reached)
    assert tree() == "invoke_workflow ~cancelled\n  node ask ~paused\n  node work ~cancelled\n"


@pytest.mark.parametrize("detail", ["all", "calls"])
@pytest.mark.parametrize("reader", [read, aread, aread_and_drop, aread_events])
def test_an_agent_that_waits_for_an_approval(reader: Fn, detail: str) -> None:
    middleware = pytest.importorskip("langchain.agents.middleware", reason="LangChain has had middleware since 1.0")
    from langchain.agents import create_agent

    def pay(amount: int) -> str:
        """Pay."""
        return f"{amount} paid"

    def said(messages: Any) -> Any:
        return "done" if messages[-1].type == "tool" else ToolCall("pay", {"amount": 5})

    approval = middleware.HumanInTheLoopMiddleware(interrupt_on={"pay": True})
    agent: Any = create_agent(
        ScriptedChatModel(said), [pay], middleware=[approval], checkpointer=InMemorySaver(), name="payer"
    )
    pauses = Pauses()
    with record(callbacks=[pauses], detail=detail) as recording:
        assert reader(Asked(agent), shows_a_pause)
        agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), CONFIG)
    paused, resumed = roots_of(recording)
    assert paused.attributes["langchain.run.outcome"] == "paused"
    assert resumed.attributes["langchain.resumes"] == format(paused.context.span_id, "016x")
    assert pauses.heard == ["chain of True"]


class Asked:
    """An agent that is asked for a payment, whatever it is given."""

    def __init__(self, agent: Any) -> None:
        self.agent = agent

    def stream(self, given: Any, *args: Any, **kwargs: Any) -> Any:
        return self.agent.stream({"messages": "pay 5"}, *args, **kwargs)

    def astream(self, given: Any, *args: Any, **kwargs: Any) -> Any:
        return self.agent.astream({"messages": "pay 5"}, *args, **kwargs)

    def astream_events(self, given: Any, *args: Any, **kwargs: Any) -> Any:
        return self.agent.astream_events({"messages": "pay 5"}, *args, **kwargs)
