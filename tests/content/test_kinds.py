"""What each kind of run says with content on; a stream says what a call says."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.callbacks import dispatch_custom_event
from langchain_core.documents import Document
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph import types
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from pydantic import BaseModel
from tests.content.models import calls, says, speaker
from tests.content.schemas import all_faults
from tests.content.transcript import transcript

Run = Callable[..., Any]


class Trail(TypedDict, total=False):
    """The state of the graphs here."""

    kept: str
    trail: Annotated[list[Any], operator.add]


class Library(BaseRetriever):
    """Has whatever it is given."""

    found: list[Document]

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return self.found


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool
def weather(city: str) -> dict[str, Any]:
    """Tell the weather."""
    return {"city": city, "sky": ["blue"]}


@tool(response_format="content_and_artifact")
def picture(of: str) -> tuple[list[Any], bytes]:
    """Draw."""
    return [{"type": "text", "text": "here"}, {"type": "image", "url": f"https://example.org/{of}"}], b"secret"


def test_a_model_says_what_it_is_asked_and_what_it_answers(heard: Any, run: Run) -> None:
    model = speaker(says("hello you")).bind_tools([add])
    run(model, [SystemMessage("be kind"), HumanMessage("hi", name="ann"), ToolMessage("2", tool_call_id="c1")])
    assert all_faults(heard.spans) == []
    assert (
        transcript(heard)
        == """\
chat scripted
  asked system: be kind
  asked user: hi
  asked tool: => 2
  tools [{"type": "function", "name": "add", "description": "Add.", \
"parameters": {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"], \
"type": "object"}}]
  answered assistant (stop): hello you
"""
    )


def test_a_completion_model_is_asked_a_text(heard: Any, run: Run) -> None:
    run(FakeListLLM(responses=["hello"]), "hi")
    assert all_faults(heard.spans) == []
    assert transcript(heard) == "text_completion\n  asked user: hi\n  answered assistant: hello\n"


def test_a_chain_says_what_goes_in_and_out_of_each_step(heard: Any, run: Run) -> None:
    prompt = ChatPromptTemplate([("system", "be kind"), ("human", "{word}")])
    run(prompt | speaker(says("hello you")) | StrOutputParser(), {"word": "hi"})
    assert all_faults(heard.spans) == []
    assert set(transcript(heard).splitlines()) == set(
        """\
invoke_workflow
  asked user: {"word": "hi"}
  answered assistant: hello you
chain ChatPromptTemplate
  inputs {"word": "hi"}
  outputs [{"role": "system", "parts": [{"type": "text", "content": "be kind"}]}, {"role": "user", \
"parts": [{"type": "text", "content": "hi"}]}]
chat scripted
  asked system: be kind
  asked user: hi
  answered assistant (stop): hello you
chain StrOutputParser
  inputs {"role": "assistant", "parts": [{"type": "text", "content": "hello you"}]}
  outputs hello you
""".splitlines()
    )


class Person(BaseModel):
    """A structured output."""

    name: str


@pytest.mark.parametrize(
    ("given", "made", "asked", "answered"),
    [
        ("hi", "yo", "user: hi", "assistant: yo"),
        ({"input": 7}, [1, {"a": None}], 'user: {"input": 7}', 'assistant: [1, {"a": null}]'),
        ([("human", "hi")], says("yo"), "user: hi", "assistant (stop): yo"),
        (
            {"messages": [{"role": "user", "content": "hi"}]},
            Person(name="ann"),
            "user: hi",
            'assistant: {"name": "ann"}',
        ),
        (HumanMessage("hi"), {"messages": [says("a"), says("b")]}, "user: hi", "assistant (stop): b"),
        ({"input": object()}, object(), 'user: {"input": "<object>"}', "assistant: <object>"),
    ],
    ids=["texts", "values", "pairs", "records", "messages", "objects"],
)
def test_a_root_says_its_input_and_its_output_as_messages(
    given: Any, made: Any, asked: str, answered: str, heard: Any, run: Run
) -> None:
    run(RunnableLambda(lambda value: made, name="f"), given)
    assert all_faults(heard.spans) == []
    assert transcript(heard) == f"invoke_workflow f\n  asked {asked}\n  answered {answered}\n"


@pytest.mark.parametrize(
    ("called", "given", "result", "result_of_call"),
    [
        (add, '{"a": 1, "b": 2}', '{"result": 3}', "3"),
        (weather, '{"city": "Rome"}', *('{"city": "Rome", "sky": ["blue"]}',) * 2),
    ],
    ids=["number", "object"],
)
@pytest.mark.parametrize("as_call", [False, True], ids=["arguments", "call"])
def test_a_tool_says_its_arguments_and_its_result(
    called: Any, given: str, result: str, result_of_call: str, as_call: bool, heard: Any
) -> None:
    """A tool that answers a model's call gives a text."""
    arguments = json.loads(given)
    called.invoke({"name": called.name, "args": arguments, "id": "c1", "type": "tool_call"} if as_call else arguments)
    assert all_faults(heard.spans) == []
    expected = result_of_call if as_call else result
    assert transcript(heard) == f"execute_tool {called.name}\n  arguments {given}\n  result {expected}\n"


@pytest.mark.parametrize("words", ["plain words", "[1, 2]", "3", "", "{not json", "null"])
def test_the_result_of_a_tool_that_is_a_text_stays_the_text(words: str, heard: Any) -> None:
    @tool
    def say() -> str:
        """Say."""
        return words

    say.invoke({"name": "say", "args": {}, "id": "c1", "type": "tool_call"})
    (span,) = heard.spans
    assert span.attributes["gen_ai.tool.call.result"] == words


def test_a_tool_with_an_artifact_says_its_content_only(heard: Any) -> None:
    picture.invoke({"name": "picture", "args": {"of": "it"}, "id": "c1", "type": "tool_call"})
    assert all_faults(heard.spans) == []
    assert transcript(heard) == (
        'execute_tool picture\n  arguments {"of": "it"}\n  result {"result": [{"type": "text", "content": "here"}, '
        '{"type": "uri", "modality": "image", "uri": "https://example.org/it"}]}\n'
    )


def test_a_retriever_says_its_query_and_its_documents(heard: Any, run: Run) -> None:
    found = [
        Document("one", id="d1", metadata={"score": 0.5}),
        Document("two", metadata={"source": "a.txt", "score": float("nan")}),
        Document("three"),
    ]
    run(Library(found=found), "what?")
    assert all_faults(heard.spans) == []
    assert transcript(heard) == (
        "retrieval\n  query what?\n  documents ["
        '{"id": "d1", "score": 0.5, "content": "one", "metadata": {"score": 0.5}}, '
        '{"id": "a.txt", "score": 0.0, "content": "two", "metadata": {"source": "a.txt", "score": "nan"}}, '
        '{"id": "2", "score": 0.0, "content": "three", "metadata": {}}]\n'
    )


def _create_agent(**more: Any) -> Any:
    agents = pytest.importorskip("langchain.agents")
    if not hasattr(agents, "create_agent"):
        pytest.skip("create_agent came with langchain 1.0")
    return agents.create_agent(**more)


def _create_react_agent(**more: Any) -> Any:
    return pytest.importorskip("langgraph.prebuilt").create_react_agent(**more)


@pytest.mark.filterwarnings("ignore:create_react_agent")
@pytest.mark.parametrize("create", [_create_agent, _create_react_agent], ids=["create_agent", "create_react_agent"])
def test_an_agent_says_what_it_is_asked_and_what_it_answers_at_last(create: Any, heard: Any, run: Run) -> None:
    model = speaker(calls("add", a=1, b=2), says("it is 3"))
    agent = create(model=model, tools=[add], name="adder")
    run(agent, {"messages": [("human", "add!")]})
    assert all_faults(heard.spans) == []
    said = transcript(heard)
    assert said.startswith("invoke_agent adder\n  asked user: add!\n  answered assistant (stop): it is 3\n")
    assert 'execute_tool add\n  arguments {"a": 1, "b": 2}\n  result 3\n' in said
    assert '  answered assistant (tool_calls): add({"a": 1, "b": 2})\n' in said
    assert "  asked tool: => 3\n" in said


def graph(*nodes: Any, **compiling: Any) -> Any:
    """Make a graph of nodes, one after the other."""
    builder = StateGraph(Trail)
    names = [node.__name__ for node in nodes]
    for name, node in zip(names, nodes, strict=True):
        builder.add_node(name, node)
    for before, after in zip([START, *names], [*names, END], strict=True):
        builder.add_edge(before, after)
    return builder.compile(**compiling)


def a(state: Any) -> Any:
    return {"trail": ["a"]}


def b(state: Any) -> Any:
    return Command(update={"trail": ["b"]})


def test_a_graph_says_what_it_changed_and_a_node_what_it_gives(heard: Any, run: Run) -> None:
    run(graph(a, b), {"kept": "long ago", "trail": []})
    assert (
        transcript(heard)
        == """\
invoke_workflow
  asked user: {"kept": "long ago", "trail": []}
  answered assistant: {"trail": ["a", "b"]}
node a
  outputs {"trail": ["a"]}
node b
  outputs {"update": {"trail": ["b"]}}
"""
    )


def test_a_node_that_is_sent_something_says_what(heard: Any, run: Run) -> None:
    builder = StateGraph(Trail)
    builder.add_node("worker", lambda state: {"trail": [state["n"]]})
    builder.add_conditional_edges(START, lambda state: [Send("worker", {"n": 1})])
    run(builder.compile(), {"trail": []})
    assert 'node worker\n  inputs {"n": 1}\n  outputs {"trail": [1]}\n' in transcript(heard)


def test_a_pause_says_what_is_asked_for_and_going_on_with_what(heard: Any, run: Run) -> None:
    def ask(state: Any) -> Any:
        return {"trail": [interrupt({"question": "sure?"})]}

    asking = graph(ask, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}
    run(asking, {"trail": []}, config)
    run(asking, Command(resume={"answer": "yes"}), config)
    said = transcript(heard).splitlines()
    assert [line for line in said if line.startswith("  !")] == [
        '  ! langgraph.interrupt value {"question": "sure?"}',
        '  ! langgraph.resume value {"answer": "yes"}',
    ]


def test_an_event_of_the_program_says_its_data(heard: Any) -> None:
    def f(value: Any) -> Any:
        dispatch_custom_event("found", {"n": value, "message": HumanMessage("hi")})
        dispatch_custom_event("said", "words")
        return value

    RunnableLambda(f).invoke(1)
    assert (
        transcript(heard)
        == """\
invoke_workflow f
  asked user: 1
  answered assistant: 1
  ! found data {"n": 1, "message": {"role": "user", "parts": [{"type": "text", "content": "hi"}]}}
  ! said data words
"""
    )


@pytest.mark.skipif(not hasattr(types, "TracePolicy"), reason="trace policies came after langgraph 1.2.0")
@pytest.mark.parametrize("hidden", [{}, None, "nothing"], ids=repr)
def test_a_trace_policy_hides_what_it_hides(hidden: Any, heard: Any, run: Run) -> None:
    policy = types.TracePolicy(process_inputs=lambda value: hidden, process_outputs=lambda value: hidden)
    builder = StateGraph(Trail)
    builder.add_node("worker", lambda state: {"trail": ["secret out"]}, trace_policy=policy)
    builder.add_conditional_edges(START, lambda state: [Send("worker", {"n": "secret in"})])
    run(builder.compile(), {"trail": []})
    said = [heard.named("node worker").attributes.get(f"langchain.run.{what}") for what in ("inputs", "outputs")]
    assert said == [{repr({}): "{}", repr(None): None}.get(repr(hidden), "nothing")] * 2
