"""A graph that waits for a person before it pays, and goes on in another run: both are told, and linked in the trace.

Run it:

    python examples/approval.py
"""

from __future__ import annotations

from typing import Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

import callspan


class Refund(TypedDict):
    """What is paid back."""

    order: str
    amount: int
    decision: str


class Desk(callspan.Callback):
    """Tells the people at the desk what waits for them, and what went on."""

    def on_interrupt(self, run: callspan.Run, event: Any) -> None:
        print(f"{run.name} waits: {event.interrupts[0].value}")

    def on_resume(self, run: callspan.Run, event: Any) -> None:
        print(f"{run.name} goes on")

    def on_chain_end(self, run: callspan.Run) -> None:
        if run.name == "pay":
            print(f"pay has ended: {run.outcome}")


def check(state: Refund) -> dict[str, str]:
    return {"decision": "ask" if state["amount"] > 100 else "pay"}


def pay(state: Refund) -> dict[str, str]:
    if state["decision"] == "ask" and not interrupt(f"refund {state['amount']} for {state['order']}?"):
        return {"decision": "denied"}
    return {"decision": "paid"}


def build() -> Any:
    graph = StateGraph(Refund)
    graph.add_node("check", check)
    graph.add_node("pay", pay)
    graph.add_edge(START, "check")
    graph.add_edge("check", "pay")
    return graph.compile(checkpointer=InMemorySaver(), name="refund")


def main() -> None:
    callspan.instrument()
    graph = build()
    thread: RunnableConfig = {"configurable": {"thread_id": "order-17"}}
    with callspan.callbacks(Desk()):
        graph.invoke({"order": "17", "amount": 250}, thread)
        # Hours later, in this process or in another one with the same checkpointer:
        done = graph.invoke(Command(resume=True), thread)
    print(f"the refund is {done['decision']}")


if __name__ == "__main__":
    main()
