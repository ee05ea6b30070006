"""What stands under `configurable`: the conversation's id on every core, and private values that are never written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableBranch, RunnableConfig, RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph

import callspan
from callspan.testing import Recording, ScriptedChatModel


class Retriever(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("x")]


@tool
def double(x: int) -> int:
    """Double."""
    return 2 * x


def model() -> ScriptedChatModel:
    return ScriptedChatModel(lambda messages: "yes", model="m")


def step() -> Any:
    return RunnableLambda(lambda x: x, name="f")


def graph() -> Any:
    builder: Any = StateGraph(dict)
    return builder.add_node("n", lambda state: model().invoke("hi") and state).add_edge(START, "n").compile()


THINGS: dict[str, tuple[Callable[[], Any], Any]] = {
    "lambda": (step, 1),
    "sequence": (lambda: step() | step(), 1),
    "parallel": (lambda: RunnableParallel(a=step(), b=step()), 1),
    "branch": (lambda: RunnableBranch((lambda x: True, step()), step()), 1),
    "fallbacks": (lambda: step().with_fallbacks([step()]), 1),
    "retry": (lambda: step().with_retry(), 1),
    "chat model": (model, "hi"),
    "completion model": (lambda: FakeListLLM(responses=["a", "b", "c"]), "hi"),
    "tool": (lambda: double, {"x": 1}),
    "retriever": (Retriever, "hi"),
    "graph": (graph, {"a": 1}),
}


def config(number: int = 0, key: str = "session_id") -> RunnableConfig:
    return {
        "configurable": {key: f"id {number}", "plan": f"merger {number}", "model": f"merger {number}"},
        "metadata": {"tier": "gold"},
    }


async def _all(stream: Any) -> None:
    async for _ in stream:
        pass


FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "invoke": lambda thing, x: thing.invoke(x, config()),
    "ainvoke": lambda thing, x: asyncio.run(thing.ainvoke(x, config())),
    "stream": lambda thing, x: list(thing.stream(x, config())),
    "astream": lambda thing, x: asyncio.run(_all(thing.astream(x, config()))),
    "batch": lambda thing, x: thing.batch([x, x], [config(0), config(1)]),
    "abatch": lambda thing, x: asyncio.run(thing.abatch([x, x], [config(0), config(1)])),
    "with_config": lambda thing, x: thing.with_config(**config()).invoke(x),
    "in a thread": lambda thing, x: ThreadPoolExecutor(1).submit(thing.invoke, x, config()).result(),
    "events": lambda thing, x: asyncio.run(_all(thing.astream_events(x, config(), version="v2"))),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("thing", THINGS)
def test_the_id_is_on_every_span_and_the_rest_on_none(thing: str, form: str, recording: Recording) -> None:
    make, inputs = THINGS[thing]
    FORMS[form](make(), inputs)
    expected = {"id 0", "id 1"} if "batch" in form else {"id 0"}
    assert {span.attributes["gen_ai.conversation.id"] for span in recording.spans} == expected
    assert {span.attributes["langchain.metadata.tier"] for span in recording.spans} == {"gold"}
    assert "merger" not in str([dict(span.attributes) for span in recording.spans])


def _nested(outer: Any) -> None:
    """Call a model with a conversation of its own in a chain."""
    RunnableLambda(lambda x: model().invoke("hi", {"configurable": {"thread_id": "inner"}})).invoke(1, outer)


def test_that_of_a_call_inside_is_its_own(recording: Recording) -> None:
    _nested({"configurable": {"thread_id": "outer"}, "run_name": "root"})
    assert recording.named("chat m").attributes["gen_ai.conversation.id"] == "inner"
    assert recording.named("invoke_workflow root").attributes["gen_ai.conversation.id"] == "outer"


@pytest.mark.parametrize(
    ("given", "conversation"),
    [
        ({"configurable": {"thread_id": "t", "session_id": "s"}}, "t"),
        ({"configurable": {"session_id": "s", "conversation_id": "c"}}, "block"),
        ({"configurable": {"thread_id": 7}}, "7"),
        ({"configurable": {"thread_id": "t"}, "metadata": {"thread_id": "m"}}, "m"),
    ],
)
def test_its_place_is_that_of_the_metadata(given: Any, conversation: str, recording: Recording) -> None:
    with callspan.session("block"):
        step().invoke(1, given)
    assert recording.named("invoke_workflow f").attributes["gen_ai.conversation.id"] == conversation


def test_what_the_program_gives_as_metadata_stays(recording: Recording) -> None:
    """Also under a key that `configurable` has with another value."""
    given: RunnableConfig = {"configurable": {"note": "private"}, "metadata": {"note": "public"}}
    (step() | model().with_config(configurable={"note": "private too"})).invoke("hi", given)
    assert {span.attributes["langchain.metadata.note"] for span in recording.spans} == {"public"}


def test_private_values_of_the_config_around_stay_out_of_calls_inside(recording: Recording) -> None:
    """Also where the inner call has another value under the same key."""
    inner = RunnableLambda(lambda x: model().invoke("hi", {"configurable": {"plan": "another"}}), name="inner")
    inner.invoke(1, {"configurable": {"plan": "merger"}})
    assert "merger" not in str([dict(span.attributes) for span in recording.spans])
    assert "another" not in str([dict(span.attributes) for span in recording.spans])
