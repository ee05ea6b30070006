"""A research agent: it searches notes, reads an instrument that fails at times, and streams its answer.

Run it with OPENAI_API_KEY set (and OPENAI_BASE_URL, for another endpoint than OpenAI's):

    python examples/research_agent.py "How old does a Greenland shark get?"
"""

from __future__ import annotations

import itertools
import sys

from langchain.agents import create_agent
from langchain.agents.middleware import ToolRetryMiddleware
from langchain.tools import tool
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

QUESTION = "How long do Greenland sharks and bowhead whales live, and how cold is the water at K7 now?"

NOTES = [
    "Note 1. Greenland shark: eye-lens radiocarbon puts the oldest at about 390 years.",
    "Note 2. Bowhead whale: stone harpoon points and amino acids tell of a life of over 200 years.",
    "Note 3. Ocean quahog: one clam, counted by its growth rings, lived for 507 years.",
    "Note 4. Station K7 is moored in Disko Bay and measures the water at 400 metres.",
]

# Without the length check the texts go out as they are, and no tokenizer is downloaded.
embeddings = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False)
retriever = InMemoryVectorStore.from_texts(NOTES, embeddings).as_retriever(search_kwargs={"k": 1})
readings = itertools.count(1)


@tool
def search_notes(query: str) -> str:
    """Search the research notes."""
    return "\n".join(document.page_content for document in retriever.invoke(query))


@tool
def read_station(station: str) -> str:
    """Read the water temperature at a measuring station."""
    if next(readings) == 1:
        raise ConnectionError(f"the line to {station} dropped")
    return f"{station}: 1.2 °C at 400 m"


agent = create_agent(
    ChatOpenAI(model="gpt-5-mini", stream_usage=True),
    tools=[search_notes, read_station],
    system_prompt="You are a careful research assistant. Look things up before you answer; name the note.",
    middleware=[ToolRetryMiddleware(tools=["read_station"], retry_on=(ConnectionError,), initial_delay=0.1)],
    name="research_agent",
)


def main() -> None:
    """Answer the question on the command line, word by word as it comes."""
    question = " ".join(sys.argv[1:]) or QUESTION
    print(f"Q: {question}\nA: ", end="", flush=True)
    for chunk, _ in agent.stream({"messages": [HumanMessage(question)]}, stream_mode="messages"):
        if isinstance(chunk, AIMessageChunk):
            print(chunk.text, end="", flush=True)
    print()


if __name__ == "__main__":
    main()
