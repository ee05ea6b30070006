"""Why a run of a graph was made: a node that is run again, a graph that goes on."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from tests.modes.causes.test_causes import causes, flaky

from callspan.testing import ScriptedChatModel


class State(TypedDict):
    """What the graphs pass on."""

    said: str


def graph(node: Any, **options: Any) -> Any:
    """Build a graph of one node."""
    built = StateGraph(State)
    built.add_node("n", node, **{key: options.pop(key) for key in ("retry_policy",) if key in options})
    built.add_edge(START, "n")
    built.add_edge("n", END)
    return built.compile(**options)


async def run(form: str, runnable: Any, given: Any, config: Any = None) -> Any:
    return await runnable.ainvoke(given, config) if form == "ainvoke" else runnable.invoke(given, config)


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
async def test_a_node_that_its_graph_runs_again_is_a_retry(form, recording):
    body = flaky(2)
    policy = RetryPolicy(initial_interval=0.0, jitter=False, max_attempts=3, retry_on=ConnectionError)
    await run(form, graph(body, retry_policy=policy), {"said": "x"})
    assert causes(recording) == ["node n#2 retry_of node n#1", "node n#3 retry_of node n#2"]
    spans = sorted((span for span in recording.spans if span.name == "node n"), key=lambda span: span.start_time)
    assert [span.attributes.get("langchain.run.attempt") for span in spans] == [None, 2, 3]


def pausing() -> Any:
    return graph(lambda state: {"said": interrupt("go on?")}, checkpointer=InMemorySaver())


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
async def test_a_resumed_graph_answers_to_the_paused_one(form, recording):
    """In a trace of its own, with the time between the two."""
    asks, config = pausing(), {"configurable": {"thread_id": "t1"}}
    await run(form, asks, {"said": ""}, config)
    assert (await run(form, asks, Command(resume="yes"), config))["said"] == "yes"
    assert causes(recording) == ["invoke_workflow#2 resumes invoke_workflow#0"]
    paused, resumed = (span for span in recording.spans if span.name == "invoke_workflow")
    assert paused.attributes["langchain.run.outcome"] == "paused"
    waited = resumed.attributes["langgraph.resume.wait_time"]
    assert 0 <= waited <= (resumed.end_time - paused.start_time) / 1e9
    assert resumed.context.trace_id != paused.context.trace_id
    assert {span.attributes["gen_ai.conversation.id"] for span in recording.spans} == {"t1"}


def test_another_thread_and_a_second_run_resume_nothing(recording):
    """Only the thread that paused goes on, and once."""
    asks, first, second = pausing(), *({"configurable": {"thread_id": name}} for name in ("t2", "t3"))
    asks.invoke({"said": ""}, first)
    asks.invoke({"said": ""}, second)
    asks.invoke(Command(resume="yes"), second)
    asks.invoke({"said": "anew"}, second)
    asks.invoke(Command(resume="yes"), first)
    assert causes(recording) == [
        "invoke_workflow#4 resumes invoke_workflow#2",
        "invoke_workflow#8 resumes invoke_workflow#0",
    ]


def test_what_is_remembered_is_bounded(recording):
    """However many threads wait for ever, the tables stay small."""
    from callspan.langchain import links as remembered

    table: Any = remembered.Newest(3)
    for number in range(10):
        table.put(number, number)
    assert [number for number in range(10) if table.get(number) is not None] == [7, 8, 9]


def test_a_new_input_ends_the_pause(recording):
    """What is told after it, also by a command that is no answer, resumes nothing."""
    asks, config = pausing(), {"configurable": {"thread_id": "t4"}}
    asks.invoke({"said": ""}, config)
    asks.invoke({"said": "anew"}, config)
    asks.invoke(Command(update={"said": "x"}), config)
    assert causes(recording) == []


def test_what_goes_on_after_a_pause_is_not_paused(recording):
    """A program that answers itself, in one run, has returned."""
    asks, config = pausing(), {"configurable": {"thread_id": "t5"}}

    def body(_: Any) -> Any:
        asks.invoke({"said": ""}, config)
        return asks.invoke(Command(resume="yes"), config)

    RunnableLambda(body, name="app").invoke(0)
    assert "langchain.run.outcome" not in recording.named("invoke_workflow app").attributes
    assert causes(recording) == ["invoke_workflow#3 resumes invoke_workflow#1"]


def numbered(name: str) -> Any:
    """Make a model that asks for one tool, and numbers its calls from 0 in each answer."""
    call = AIMessage("", tool_calls=[{"name": name, "args": {"question": "x"}, "id": "call_0"}])
    return ScriptedChatModel(lambda said: "done" if said[-1].type == "tool" else call, model=f"asks for {name}")


def asked_by_name(recording: Any) -> list[tuple[str, str]]:
    names = {format(span.context.span_id, "016x"): span.name for span in recording.spans}
    return [
        (
            span.name.removeprefix("execute_tool "),
            names[span.attributes["langchain.asked_by"]].removeprefix("chat asks for "),
        )
        for span in recording.spans
        if span.name.startswith("execute_tool")
    ]


@pytest.mark.parametrize("pauses", [False, True])
def test_a_tool_is_asked_for_by_its_own_agent_where_calls_are_numbered(pauses, recording):
    """Also where the agent is resumed in another run, after an agent inside it has asked for a call of that number."""
    create_agent = pytest.importorskip("langchain.agents", reason="langchain 1.0").__dict__.get("create_agent")
    if create_agent is None:
        pytest.skip("create_agent is of langchain 1.0")

    @tool
    def pay(question: str) -> str:
        """Pay."""
        return interrupt("may I?") if pauses else "paid"

    @tool
    def delegate(question: str) -> str:
        """Delegate."""
        return str(inner.invoke({"messages": question})["messages"][-1].content)

    inner = create_agent(numbered("pay"), [pay], name="inner")
    outer = create_agent(numbered("delegate"), [delegate], name="outer", checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "numbered"}}
    outer.invoke({"messages": "go"}, config)
    if pauses:
        outer.invoke(Command(resume="yes"), config)
    asked = asked_by_name(recording)
    assert len(asked) == (4 if pauses else 2)
    assert all(called == asked_for for called, asked_for in asked)
