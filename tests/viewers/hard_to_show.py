"""A program whose content viewers have trouble with: they drop what lacks a reason, an id, a score or a known shape."""

from __future__ import annotations

from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph


class Shelf(BaseRetriever):
    """Its documents have neither ids nor scores."""

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        return [Document("Whales sing."), Document("Sharks do not.", metadata={"page": 7})]


@tool
def measure(animal: str) -> dict[str, Any]:
    """Measure an animal."""
    return {"animal": animal, "metres": 18.5}


# No response says why it ended; the first one's content is blocks, and its tokens come from a cache and fill it.
MODEL = FakeMessagesListChatModel(
    responses=[
        AIMessage(
            content=[
                {"type": "reasoning", "reasoning": "It may be a whale."},
                {"type": "text", "text": "I measure it."},
                {"type": "a block of tomorrow", "shape": ["odd", 1]},
            ],
            tool_calls=[{"name": "measure", "args": {"animal": "whale"}, "id": "call-1"}],
            usage_metadata={
                "input_tokens": 100,
                "output_tokens": 20,
                "total_tokens": 120,
                "input_token_details": {"cache_read": 30, "cache_creation": 40},
            },
        ),
        AIMessage("A whale of 18.5 m ⌘."),
    ]
)


def look(state: MessagesState) -> dict[str, Any]:
    Shelf().invoke("whales")
    return {"messages": [MODEL.invoke(state["messages"])]}


def act(state: MessagesState) -> dict[str, Any]:
    [call] = state["messages"][-1].tool_calls
    said = measure.invoke({**call, "type": "tool_call"})
    answered = ToolMessage(said.content, tool_call_id=call["id"])
    return {"messages": [answered, MODEL.invoke([*state["messages"], answered])]}


def main() -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("look", look)
    graph.add_node("act", act)
    graph.add_edge(START, "look")
    graph.add_edge("look", "act")
    graph.add_edge("act", END)
    picture = {"type": "image", "source_type": "base64", "mime_type": "image/png", "data": "aGVsbG8="}
    asked = HumanMessage([{"type": "text", "text": "What is this?"}, picture])
    finder = graph.compile(name="finder")
    finder.invoke({"messages": [asked]}, {"configurable": {"thread_id": "thread-7"}})


if __name__ == "__main__":
    main()
