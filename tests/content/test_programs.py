"""Programs of every mode with content on spans and in events: it is valid, and the programs do what they did."""

from __future__ import annotations

import asyncio
import operator
import re
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import FakeEmbeddings
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableBranch, RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import create_react_agent
from langgraph.types import Send
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs import export as logs
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from tests.content.models import calls, says, speaker
from tests.content.schemas import CONTENT, SCHEMAS, all_faults, faults, strict_json

from callspan.testing import record

pytestmark = [
    pytest.mark.filterwarnings("ignore:create_react_agent"),
    pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning"),
]

InMemory: Any = getattr(logs, "InMemoryLogRecordExporter", None) or getattr(logs, "InMemoryLogExporter", None)


class State(TypedDict, total=False):
    """The state of the graphs here."""

    trail: Annotated[list[Any], operator.add]


class Library(BaseRetriever):
    """Finds what it is asked for."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(query, metadata={"score": 0.5, "page": 1})]


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def prompted() -> tuple[Any, Any]:
    prompt = ChatPromptTemplate([("system", "be kind"), MessagesPlaceholder("history"), ("human", "{word}")])
    return prompt | speaker(says("a"), says("b c")) | StrOutputParser(), {
        "word": "hi",
        "history": [
            HumanMessage([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]),
            says("a"),
        ],
    }


def parsed() -> tuple[Any, Any]:
    return speaker(says('{"a": [1, 2]}')) | JsonOutputParser(), "give JSON"


def completed() -> tuple[Any, Any]:
    return FakeListLLM(responses=["yes"]) | RunnableLambda(str.upper), "sure?"


def retrieved() -> tuple[Any, Any]:
    return RunnableParallel(found=Library(), asked=RunnablePassthrough()), "what?"


def branched() -> tuple[Any, Any]:
    return RunnableBranch((lambda value: value > 1, lambda value: {"big": value}), lambda value: None), 2


def fallen_back() -> tuple[Any, Any]:
    def fail(value: Any) -> Any:
        raise ValueError(value)

    return RunnableLambda(fail).with_fallbacks([RunnableLambda(lambda value: value)]), {"a": (1, {2}, b"3")}


def called() -> tuple[Any, Any]:
    return RunnableLambda(lambda value: add.invoke({"a": value, "b": 1})), 1


def graph() -> tuple[Any, Any]:
    builder = StateGraph(State)
    builder.add_node("a", lambda state: {"trail": [HumanMessage("from a", id="1")]})
    builder.add_node("worker", lambda given: {"trail": [given["n"]]})
    builder.add_edge(START, "a")
    builder.add_conditional_edges("a", lambda state: [Send("worker", {"n": n}) for n in range(2)], ["worker"])
    builder.add_edge("worker", END)
    return builder.compile(), {"trail": [b"bytes", float("nan")]}


def subgraph() -> tuple[Any, Any]:
    inner, given = graph()
    builder = StateGraph(State)
    builder.add_node("inner", inner)
    builder.add_edge(START, "inner")
    return builder.compile(), given


def agent() -> tuple[Any, Any]:
    model = speaker(calls("add", a=1, b=2), says("it is 3"))
    return create_react_agent(model, [add], name="adder", prompt="be kind"), {"messages": [("human", "add!")]}


def embedded() -> tuple[Any, Any]:
    return RunnableLambda(lambda value: len(FakeEmbeddings(size=3).embed_query(value))), "hi"


def failed() -> tuple[Any, Any]:
    def fail(value: Any) -> Any:
        raise ValueError("no")

    return RunnableLambda(len) | fail, "hi"


PROGRAMS = (
    *(prompted, parsed, completed, retrieved, branched, fallen_back, called),
    *(graph, subgraph, agent, embedded, failed),
)
FORMS = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch")


def outcome(form: str, program: Callable[[], tuple[Any, Any]]) -> str:
    """Run a program, and tell what came of it, without the ids that LangChain makes up."""
    runnable, given = program()

    async def main() -> Any:
        if form == "astream":
            return [chunk async for chunk in runnable.astream(given)]
        return await getattr(runnable, form)([given, given] if form == "abatch" else given)

    try:
        if form.startswith("a"):
            result = asyncio.run(main())
        else:
            result = getattr(runnable, form)([given, given] if form == "batch" else given)
            result = list(result) if form == "stream" else result
    except ValueError as error:
        return repr(error)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "id", repr(result))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_all_that_a_program_says_is_valid_and_it_does_what_it_did(form: str, program: Any) -> None:
    exporter = InMemory()
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    plain = outcome(form, program)
    with record(content="span_and_event", logger_provider=provider) as recording:
        assert outcome(form, program) == plain
    assert all_faults(recording.spans) == []
    said = [value for span in recording.spans for name, value in span.attributes.items() if name in CONTENT]
    for value in said:
        value.encode("utf-8")
    assert said
    records = [data.log_record for data in exporter.get_finished_logs()]
    models = [span for span in recording.spans if span.attributes.get("gen_ai.operation.name") in MODELS]
    assert len(records) == len(models)
    assert [
        fault for one in records for name in SCHEMAS if name in one.attributes for fault in _faults(one, name)
    ] == []
    provider.shutdown()


MODELS = ("chat", "text_completion")


def _faults(one: Any, name: str) -> list[str]:
    """Give what is wrong with the structured content of an event."""

    def listed(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [listed(each) for each in value]
        return {key: listed(each) for key, each in value.items()} if hasattr(value, "items") else value

    return faults(name, listed(one.attributes[name]))


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_what_goes_through_a_chain_is_the_very_object(form: str) -> None:
    class Own:
        """An object that nobody copies."""

    given = {"own": Own(), "deep": [Own()]}
    seen: list[Any] = []
    chain = RunnableLambda(lambda value: seen.append(value) or value) | RunnableLambda(lambda value: value)
    with record(content="span_and_event") as recording:
        result = outcome_of(form, chain, given)
    assert result is given
    assert seen == [given]
    root = next(span for span in recording.spans if span.parent is None)
    assert strict_json(root.attributes["gen_ai.output.messages"])[0]["parts"] == [
        {"type": "text", "content": '{"own": "<Own>", "deep": ["<Own>"]}'}
    ]


def outcome_of(form: str, runnable: Any, given: Any) -> Any:
    """Run it, and give the very result; of a stream the only chunk."""

    async def main() -> Any:
        result = getattr(runnable, form)(given)
        return [chunk async for chunk in result] if form == "astream" else await result

    result = asyncio.run(main()) if form.startswith("a") else getattr(runnable, form)(given)
    if form.endswith("stream"):
        [result] = result
    return result
