"""What is particular to graphs and agents, told by `FromLangChain` as by LangChain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from operator import add
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.prompts import PromptTemplate
from langchain_core.tools import tool
from langgraph import types
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from tests.callbacks.recorders import outline, recorder, told_alike
from tests.modes.models.calls import call

from callspan import FromLangChain
from callspan.testing import record

Fn = Callable[..., Any]


class Trail(TypedDict, total=False):
    """The state of the graphs."""

    trail: Annotated[list[str], add]


def asks(state: Any) -> Any:
    return {"trail": [interrupt("may I?")]}


def b(state: Any) -> Any:
    return {"trail": ["b"]}


def _graph(node: Fn, **options: Any) -> Any:
    return StateGraph(Trail).add_node("n", node).add_edge(START, "n").compile(**options)


def _ask_and_answer(form: str, config: Any, thread: str = "1") -> None:
    graph = _graph(asks, checkpointer=InMemorySaver())
    config = {**config, "configurable": {"thread_id": thread}}
    call(form, graph, {"trail": []}, config)
    call(form, graph, Command(resume="yes"), config)


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_a_pause(form: str) -> None:
    """A node that interrupts is told as an error, and the graph as an end, as LangChain tells it."""
    paused, answered = "chain+ chain+ chain! chain-", "chain+ chain+ chain- chain-"

    assert told_alike(lambda config: _ask_and_answer(form, config)) == f"{paused} {answered}"


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_a_command_to_the_parent(form: str) -> None:
    """A subgraph that hands on to a node of its parent is told as LangChain tells it."""

    def leaves(state: Any) -> Any:
        return Command(goto="b", graph=Command.PARENT)

    inner = _graph(leaves)
    outer = StateGraph(Trail).add_node("inner", inner).add_node("b", b).add_edge(START, "inner").compile()
    told = told_alike(lambda config: call(form, outer, {"trail": []}, config))

    assert told.split()[0] == "chain+"
    assert told.split()[-1] == "chain-"
    assert "chain!" in told


@pytest.mark.parametrize("base", [BaseCallbackHandler, AsyncCallbackHandler])
@pytest.mark.parametrize("mode", ["values", "updates", "debug"])
def test_stream_modes(mode: str, base: type) -> None:
    """Whatever a graph streams, its runs are told alike."""
    told = told_alike(lambda config: call("astream", _graph(b), {"trail": []}, config, stream_mode=mode), base)
    assert told == "chain+ chain+ chain- chain-"


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_a_trace_policy(form: str) -> None:
    """A node that ends twice, first for tracers with what they may record, is told once, with that."""
    if not hasattr(types, "TracePolicy"):
        pytest.skip("trace policies came after langgraph 1.2.0")
    policy = types.TracePolicy(process_outputs=lambda value: {"trail": ["hidden"]})
    graph = StateGraph(Trail).add_node("n", b, trace_policy=policy).add_edge(START, "n").compile()
    handler = recorder()
    with record(callbacks=[FromLangChain(handler)]):
        call(form, graph, {"trail": []})

    assert outline(handler.heard) == "chain+ chain+ chain- chain-"
    assert [args for event, args, _ in handler.heard if event == "on_chain_end"] == [
        ({"trail": ["hidden"]},),
        ({"trail": ["b"]},),
    ]


@pytest.mark.parametrize(("form", "is_async"), [("invoke", False), ("ainvoke", False), ("ainvoke", True)])
def test_a_handler_of_graphs(form: str, is_async: bool) -> None:
    """LangGraph's own handler hears pauses and resumptions, with LangGraph's own events."""
    graphs = pytest.importorskip("langgraph.callbacks", reason="LangGraph has handlers of its own since 1.2")

    def handler() -> Any:
        heard: list[Any] = []

        def noted(self: Any, event: Any) -> None:
            heard.append((type(event).__name__, event.status, len(getattr(event, "interrupts", ()))))

        async def anoted(self: Any, event: Any) -> None:
            noted(self, event)

        method = anoted if is_async else noted
        made = type("Graphs", (graphs.GraphCallbackHandler,), {"on_interrupt": method, "on_resume": method})()
        made.heard = heard
        return made

    theirs, ours, alone = handler(), handler(), handler()
    with record(callbacks=[FromLangChain(ours)]):
        _ask_and_answer(form, {"callbacks": [theirs]})
    with record(callbacks=[FromLangChain(alone)]):
        _ask_and_answer(form, {})

    assert theirs.heard == [("GraphInterruptEvent", "pending", 1), ("GraphResumeEvent", "pending", 0)]
    assert ours.heard == alone.heard == theirs.heard


def test_another_handler_does_not_hear_pauses() -> None:
    """A handler that only happens to have such a method is not called, as LangGraph does not call it."""
    heard: list[Any] = []
    handler = recorder(on_interrupt=lambda self, event: heard.append(event))
    with record(callbacks=[FromLangChain(handler)]):
        _ask_and_answer("invoke", {})

    assert heard == []
    assert outline(handler.heard).startswith("chain+ chain+ chain! chain-")


CLASSIC = "langchain_classic" if find_spec("langchain_classic") else "langchain"


@pytest.fixture
def executor() -> Fn:
    """Make an old agent that looks once, and then knows."""
    agents = import_module(f"{CLASSIC}.agents")

    @tool
    def look(where: str) -> str:
        """Look."""
        return "seen"

    def lines() -> Iterator[AIMessage]:
        yield AIMessage("Thought: I look.\nAction: look\nAction Input: there")
        yield AIMessage("Thought: I know.\nFinal Answer: a tree")

    def make() -> Any:
        prompt = PromptTemplate.from_template("{tools} {tool_names} {input} {agent_scratchpad}")
        agent = agents.create_react_agent(GenericFakeChatModel(messages=lines()), [look], prompt)
        return agents.AgentExecutor(agent=agent, tools=[look])

    return make


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_an_agent_executor(form: str, executor: Fn) -> None:
    """The actions and the finish of an old agent are told with the keywords that LangChain tells them with."""
    told = told_alike(lambda config: call(form, executor(), {"input": "What is there?"}, config)).split()

    assert [word for word in told if word in ("tool+", "agent_action", "agent_finish")] == [
        "agent_action",
        "tool+",
        "agent_finish",
    ]
    assert (told[0], told[-1]) == ("chain+", "chain-")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_an_old_chain(form: str) -> None:
    """A verbose chain of the old sort tells its prompt as a text."""
    chains = import_module(f"{CLASSIC}.chains")

    def calling(config: Any) -> None:
        model = GenericFakeChatModel(messages=iter([AIMessage("a tree")]))
        call(form, chains.LLMChain(llm=model, prompt=PromptTemplate.from_template("{q}")), {"q": "What?"}, config)

    assert told_alike(calling) == "chain+ text chat+ llm- chain-"


def test_a_cancelled_graph() -> None:
    """A cancelled graph is told as LangChain tells it."""

    def calling(config: Any) -> None:
        async def main() -> None:
            reached, still = asyncio.Event(), asyncio.Event()

            async def wait(state: Any) -> Any:
                reached.set()
                await still.wait()

            task = asyncio.ensure_future(_graph(wait).ainvoke({"trail": []}, config))
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())

    assert told_alike(calling) == "chain+ chain+ chain! chain!"
