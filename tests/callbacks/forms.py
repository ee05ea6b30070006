"""The forms in which a thing is called: to its end, in steps, several at once, or by the node of a graph."""

from __future__ import annotations

from typing import Any, TypedDict

from tests.modes.models.calls import call

FORMS = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch", "graph", "agraph")
"""In the last two a node of a graph calls `invoke` or `ainvoke`."""


class State(TypedDict, total=False):
    """What is asked, and the answer."""

    asked: Any
    answer: Any


def in_form(form: str, thing: Any, asked: Any, *config: Any) -> Any:
    """Call a runnable in one of the forms; give the answer, or the list of the steps.

    Args:
        form: One of the forms.
        thing: What is called.
        asked: Its input.
        *config: Its config, if it gets one.
    """
    if form.endswith("graph"):
        return call(f"{form[:-5]}invoke", in_node(thing), {"asked": asked}, *config)["answer"]
    if form.endswith("batch"):
        (answer,) = call(form, thing, [asked], *config)
        return answer
    return call(form, thing, asked, *config)


def in_node(thing: Any) -> Any:
    """Make a graph whose one node calls this runnable as the graph is called."""
    from langchain_core.runnables import RunnableLambda
    from langgraph.graph import END, START, StateGraph

    def node(state: State) -> State:
        return {"answer": thing.invoke(state["asked"])}

    async def anode(state: State) -> State:
        return {"answer": await thing.ainvoke(state["asked"])}

    builder = StateGraph(State)
    builder.add_node("node", RunnableLambda(node, afunc=anode))
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile(name="graph")
