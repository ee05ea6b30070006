"""Graphs that pause and go on: heard with LangGraph's own events or, before it had them, with ours of that shape."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from tests.callbacks.forms import State
from tests.modes.models.calls import call

Fn = Callable[..., Any]

FORMS = ("invoke", "ainvoke", "stream", "astream")

HAS_EVENTS = find_spec("langgraph.callbacks") is not None
INTERRUPTED, RESUMED = ("GraphInterruptEvent", "GraphResumeEvent") if HAS_EVENTS else ("GraphEvent", "GraphEvent")

QUESTION = "what nobody outside may read"


def ask(state: State) -> State:
    """Ask a human."""
    return {"answer": interrupt(QUESTION)}


def config(thread: str) -> Any:
    """Give the config of a conversation."""
    return {"configurable": {"thread_id": thread}}


def graph(name: str, node: Any, **compiling: Any) -> Any:
    """Make a graph of one node, named `ask`."""
    builder = StateGraph(State)
    builder.add_node("ask", node)
    builder.add_edge(START, "ask")
    return builder.compile(name=name, **compiling)


def heard(recorder: Any) -> list[str]:
    """Give the lines, without those that every kind of run has."""
    lines = recorder.without("run_start", "run_end")
    recorder.heard.clear()
    return lines


PAUSED = [
    "chain_start g",
    "chain_start ask",
    "chain_end ask ~paused",
    f"interrupt g {INTERRUPTED}",
    "chain_end g ~paused",
]

WENT_ON = ["chain_start g", f"resume g {RESUMED}", "chain_start ask", "chain_end ask", "chain_end g"]


@pytest.mark.parametrize("form", FORMS)
def test_an_interrupt(form: str, recorder: Any, recording: Any) -> None:
    """A pause is heard before the graph's end, which is none of failure; the resumption after the graph's start."""
    paused = graph("g", ask, checkpointer=InMemorySaver())
    call(form, paused, {"asked": "x"}, config("1"))
    assert heard(recorder) == PAUSED
    call(form, paused, Command(resume="so"), config("1"))
    assert heard(recorder) == WENT_ON
    ((event,),) = recorder.payloads("on_interrupt")
    assert [one.value for one in event.interrupts] == [QUESTION]
    assert (event.checkpoint_ns, event.status) == ((), "pending")
    roots = [run for told, run, _ in recorder.told if told in ("on_interrupt", "on_resume")]
    assert [event.run_id, recorder.payloads("on_resume")[0][0].run_id] == [run.id for run in roots]


@pytest.mark.parametrize("form", FORMS)
def test_what_the_spans_say(form: str, recorder: Any, recording: Any) -> None:
    """The graphs' spans have an event with the interrupt's id; the question stands nowhere."""
    paused = graph("g", ask, checkpointer=InMemorySaver())
    call(form, paused, {"asked": "x"}, config("1"))
    call(form, paused, Command(resume="so"), config("1"))
    ((asked,),) = recorder.payloads("on_interrupt")
    told = [(span.name, event.name, dict(event.attributes)) for span in recording.spans for event in span.events]
    checkpoint = {"langgraph.checkpoint.id": asked.checkpoint_id} if HAS_EVENTS else {}
    assert told == [
        (
            "invoke_workflow g",
            "langgraph.interrupt",
            {"langgraph.interrupt.id": tuple(one.id for one in asked.interrupts)} | checkpoint,
        ),
        ("invoke_workflow g", "langgraph.resume", checkpoint),
    ]
    assert QUESTION not in "".join(span.to_json() for span in recording.spans)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", [{"interrupt_before": ["ask"]}, {"interrupt_after": ["ask"]}], ids=str)
def test_a_breakpoint(where: dict[str, Any], form: str, recorder: Any, recording: Any) -> None:
    """At a static breakpoint nothing raises: newer LangGraphs tell of it, and any graph that gets no input goes on."""
    builder = StateGraph(State)
    builder.add_node("ask", lambda state: {"answer": 1})
    builder.add_node("then", lambda state: {"answer": 2})
    builder.add_edge(START, "ask")
    builder.add_edge("ask", "then")
    stopping = builder.compile(name="g", checkpointer=InMemorySaver(), **where)
    call(form, stopping, {"asked": "x"}, config("1"))
    ask_is_called = ["chain_start ask", "chain_end ask"]
    before, after = ([], ask_is_called) if "interrupt_before" in where else (ask_is_called, [])
    told = [f"interrupt g {INTERRUPTED}"] if HAS_EVENTS else []
    end = "chain_end g" + " ~paused" * HAS_EVENTS
    assert heard(recorder) == ["chain_start g", *before, *told, end]
    call(form, stopping, None, config("1"))
    assert heard(recorder) == [
        *("chain_start g", f"resume g {RESUMED}", *after),
        *("chain_start then", "chain_end then", "chain_end g"),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_graph_in_a_graph(form: str, recorder: Any, recording: Any) -> None:
    """The outermost graph pauses, once; what is paused in it ends without being a failure."""
    outer = graph("outer", graph("inner", ask), checkpointer=InMemorySaver())
    call(form, outer, {"asked": "x"}, config("1"))
    assert heard(recorder) == [
        *("chain_start outer", "chain_start ask", "chain_start inner", "chain_start ask"),
        *("chain_end ask ~paused", "chain_end inner ~paused", "chain_end ask ~paused"),
        *(f"interrupt outer {INTERRUPTED}", "chain_end outer ~paused"),
    ]
    call(form, outer, Command(resume="so"), config("1"))
    inner = [f"resume inner {RESUMED}"] if HAS_EVENTS else []
    assert heard(recorder) == [
        *("chain_start outer", f"resume outer {RESUMED}", "chain_start ask"),
        *("chain_start inner", *inner, "chain_start ask"),
        *("chain_end ask", "chain_end inner", "chain_end ask", "chain_end outer"),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_graph_in_a_chain(form: str, recorder: Any, recording: Any) -> None:
    """A graph that is a step of a chain pauses like one that is alone, and the chain goes on with its result."""
    from langchain_core.runnables import RunnableLambda

    chain = RunnableLambda(lambda value: value, name="f") | graph("g", ask, checkpointer=InMemorySaver())
    call(form, chain, {"asked": "x"}, config("1"))
    lines = heard(recorder)
    assert [line for line in lines if line.split()[1] in ("g", "ask")] == PAUSED


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_no_input_that_is_no_resumption(form: str, recorder: Any, recording: Any) -> None:
    """A chain that is asked nothing resumes nothing."""
    from langchain_core.runnables import RunnableBranch, RunnableLambda

    nothing = RunnableLambda(lambda value: value, name="f")
    call(form, RunnableBranch((lambda value: False, nothing), nothing), None)
    assert recorder.only("resume") == []


@pytest.mark.skipif(not HAS_EVENTS, reason="langgraph.callbacks came with langgraph 1.2")
@pytest.mark.parametrize("form", FORMS)
def test_next_to_a_handler_of_langgraphs(form: str, recorder: Any, recording: Any) -> None:
    """A handler of LangGraph's hears its events as without us, and ours are not doubled."""
    from langgraph.callbacks import GraphCallbackHandler

    class Handler(GraphCallbackHandler):
        def __init__(self) -> None:
            self.events: list[Any] = []

        def on_interrupt(self, event: Any) -> None:
            self.events.append(event)

        on_resume = on_interrupt

    handler = Handler()
    paused = graph("g", ask, checkpointer=InMemorySaver())
    with_it = {**config("1"), "callbacks": [handler]}
    call(form, paused, {"asked": "x"}, with_it)
    call(form, paused, Command(resume="so"), with_it)
    assert heard(recorder) == PAUSED + WENT_ON
    assert handler.events == [
        *(event for (event,) in recorder.payloads("on_interrupt")),
        *(event for (event,) in recorder.payloads("on_resume")),
    ]
