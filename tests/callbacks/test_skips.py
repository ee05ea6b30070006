"""A start hook that skips a run answers its call: nothing is made, and everybody hears one end."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode
from tests.callbacks.hearing import Notes, Witness
from tests.callbacks.stoppable import ALL, TOOL_CALL, Body, Case, what_and_form
from tests.handlers.agents import ASKED, Agent
from tests.modes.models.calls import acall, call
from tests.modes.models.chat_models import ChatInvoking, ChatNative, ChatStreaming
from tests.modes.models.completion_models import Completing

import callspan
from callspan.testing import OpenAIServer, Recording, ScriptedChatModel, record

pytestmark = pytest.mark.may_log  # of asynchronous hooks in synchronous calls

COLOURS = pytest.mark.parametrize("asynchronous", [False, True], ids=["def", "async def"])

ANSWERS: dict[str, Any] = {"llm": "canned", "tool": "canned", "retriever": [Document("canned")]}


class Skipper(callspan.Callback):
    """Skips the runs of some kinds.

    Args:
        **answers: By kind: the answer.
    """

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def on_run_start(self, run: callspan.Run) -> Any:
        if run.kind in self.answers:
            run.skip(self.answers[run.kind])


class AsyncSkipper(Skipper):
    """Does so after a turn of the loop."""

    async def on_run_start(self, run: callspan.Run) -> None:
        await asyncio.sleep(0)
        super().on_run_start(run)


def skipping(*, asynchronous: bool, **answers: Any) -> Skipper:
    return (AsyncSkipper if asynchronous else Skipper)(**answers)


SKIPPED = [case for case in ALL if case.kind in ANSWERS and not case.name.startswith("completion")]


@pytest.mark.pairs(case=what_and_form)
@COLOURS
@pytest.mark.parametrize("case", SKIPPED, ids=str)
def test_a_skipped_call_is_not_made(case: Case, asynchronous: bool) -> None:
    """The body is not run; the span says so and has no tokens; each who heard the start hears one end."""
    notes, body = Notes(), Body()
    hears = Witness("first", notes), skipping(asynchronous=asynchronous, **ANSWERS), Witness("last", notes)
    with record(callbacks=hears) as recording:
        result = case.call(body)
    assert body.calls == 0
    assert "canned" in str(result) or case.name.startswith("agent")
    of_kind = [run for run in notes.runs if run.kind in ANSWERS]
    assert of_kind
    for run in of_kind:
        assert run.outcome == "skipped"
        assert run.usage == callspan.TokenCounts()
        assert notes.of(run) == ["first start", "last start", "first end", "last end"]
    spans = [span for span in recording.spans if (span.attributes or {}).get("langchain.run.outcome") == "skipped"]
    assert len(spans) == len(of_kind)
    for span in spans:
        assert span.status.status_code is StatusCode.UNSET
        assert not [name for name in span.attributes or {} if "usage" in name or "response" in name]
    for span in recording.spans:
        assert span.status.status_code is StatusCode.UNSET
        assert not [name for name in span.attributes or {} if name.startswith("langchain.total")]


CHATS = [ChatInvoking, ChatStreaming, ChatNative]
FORMS = ["invoke", "ainvoke", "stream", "astream", "batch", "abatch"]


@pytest.mark.parametrize("model", CHATS)
@pytest.mark.parametrize("form", FORMS)
def test_the_caller_of_a_chat_model_gets_a_message(form: str, model: Any) -> None:
    with record(), callspan.callbacks(Skipper(llm="canned")):
        result = call(form, model(), ["hi"] if "batch" in form else "hi")
    (message,) = result if isinstance(result, list) else [result]
    assert message.content == "canned"
    assert message.type in ("ai", "AIMessageChunk")
    assert str(message.id).startswith("run-")


@pytest.mark.parametrize(
    "given",
    [
        "canned",
        AIMessage("canned", id="mine"),
        ChatResult(generations=[ChatGeneration(message=AIMessage("canned"))]),
    ],
    ids=["text", "message", "result"],
)
@pytest.mark.parametrize("form", FORMS)
def test_what_is_given_twice_is_not_changed(form: str, given: Any) -> None:
    before = given if isinstance(given, str) else given.model_copy(deep=True)
    with record(), callspan.callbacks(Skipper(llm=given)):
        for _ in range(2):
            result = call(form, ChatNative(), ["hi"] if "batch" in form else "hi")
            assert (result[0] if isinstance(result, list) else result).content == "canned"
    assert given == before


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_tool_calls_come_through_a_stream(form: str) -> None:
    given = AIMessage("", tool_calls=[TOOL_CALL])
    with record(), callspan.callbacks(Skipper(llm=given)):
        (chunk,) = call(form, ChatNative(), "hi")
    assert chunk.tool_calls == [TOOL_CALL]


def test_structured_output_is_read_from_the_answer() -> None:
    model = ScriptedChatModel(replies=[])
    schema = {"title": "Size", "type": "object", "properties": {"big": {"type": "boolean"}}}
    given = AIMessage("", tool_calls=[{"name": "Size", "args": {"big": True}, "id": "1"}])
    with record(), callspan.callbacks(Skipper(llm=given)):
        assert model.with_structured_output(schema).invoke("hi") == {"big": True}
    assert model.asked == []


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_a_tool_that_is_called_gives_a_message(form: str, make_tool: Any) -> None:
    tool = make_tool()
    with record(), callspan.callbacks(Skipper(tool="canned")):
        message = call(form, tool, TOOL_CALL)
        assert isinstance(message, ToolMessage)
        assert (message.content, message.tool_call_id, message.name) == ("canned", "1", "count")
        assert call(form, tool, {"x": 1}) == "canned"
    with record(), callspan.callbacks(Skipper(tool=ToolMessage("no", tool_call_id="", status="error"))):
        message = call(form, tool, TOOL_CALL)
        assert (message.content, message.tool_call_id, message.status) == ("no", "1", "error")
    with record(), callspan.callbacks(Skipper(tool=None)):
        assert call(form, tool, {"x": 1}) is None


@pytest.fixture
def make_tool() -> Any:
    from tests.callbacks.stoppable import _threaded_tool

    return lambda: _threaded_tool(Body(AssertionError("the tool was called")))


def test_the_first_skip_decides_and_a_stop_wins() -> None:
    first, second = Skipper(llm="first"), Skipper(llm="second")
    with record(callbacks=[first, second]):
        assert ChatNative().invoke("hi").content == "first"

    class Stopping(callspan.Callback):
        def on_llm_start(self, run: callspan.Run) -> None:
            raise callspan.Stop("no")

    for form in FORMS:
        with record(callbacks=[first, Stopping()]) as recording, pytest.raises(callspan.Stop):
            call(form, ChatNative(), ["hi"] if "batch" in form else "hi")
        outcomes = {span.attributes.get("langchain.run.outcome") for span in recording.spans if span.attributes}
        assert "skipped" not in outcomes


def test_some_of_several_prompts_are_skipped() -> None:
    class Some(callspan.Callback):
        def on_chat_model_start(self, run: callspan.Run) -> None:
            if run.messages[-1].content == "b":
                run.skip("canned")

    from langchain_core.messages import HumanMessage

    asked = [[HumanMessage(text)] for text in "abc"]
    with record(callbacks=[Some()]) as recording:
        for form in ("generate", "agenerate"):
            result = call(form, ChatNative(), asked)
            assert [line[0].text for line in result.generations] == ["one two three", "canned", "one two three"]
    outcomes = [(span.attributes or {}).get("langchain.run.outcome") for span in recording.spans]
    assert sorted(map(str, outcomes)) == ["None"] * 4 + ["skipped"] * 2


def test_an_end_hook_can_stop_a_skipped_call() -> None:
    class Stopping(callspan.Callback):
        def on_run_end(self, run: callspan.Run) -> None:
            if run.outcome == "skipped":
                raise callspan.Stop("no")

    for form in FORMS:
        with record(callbacks=[Skipper(llm="canned"), Stopping()]), pytest.raises(callspan.Stop) as raised:
            call(form, ChatNative(), ["hi"] if "batch" in form else "hi")
        context: Any = raised.value.__context__
        while context is not None:
            assert type(context).__name__ != "Answered"
            context = context.__context__


@pytest.mark.parametrize(
    ("runnable", "given"),
    [(RunnableLambda(str), 1), (Completing(), "hi")],
    ids=["chain", "completion"],
)
def test_elsewhere_it_is_a_type_error_that_says_why(runnable: Any, given: Any) -> None:
    said: list[str] = []

    class Wrong(callspan.Callback):
        def on_run_start(self, run: callspan.Run) -> None:
            with pytest.raises(TypeError) as raised:
                run.skip("canned")
            said.append(str(raised.value))

    with record(callbacks=[Wrong()]):
        runnable.invoke(given)
    assert "only calls of chat models, tools and retrievers" in said[0]


def test_after_its_start_a_run_cannot_be_skipped() -> None:
    said: list[str] = []

    class Late(callspan.Callback):
        def on_llm_new_token(self, run: callspan.Run, token: Any, chunk: Any) -> None:
            self.on_llm_end(run)

        def on_llm_end(self, run: callspan.Run) -> None:
            with pytest.raises(TypeError) as raised:
                run.skip("canned")
            said.append(str(raised.value))

    with record(callbacks=[Late()]):
        list(ChatNative().stream("hi"))
    assert len(said) > 3
    assert all("in a start hook only" in one for one in said)


def test_a_stream_of_version_3_is_made() -> None:
    said: list[str] = []

    class Wrong(callspan.Callback):
        def on_llm_start(self, run: callspan.Run) -> None:
            with pytest.raises(TypeError) as raised:
                run.skip("canned")
            said.append(str(raised.value))

    if not hasattr(ChatNative, "stream_events"):
        pytest.skip("this core has no streams of version 3")
    with record(callbacks=[Wrong()]):
        stream: Any = ChatNative().stream_events("hi", version="v3")
        for _ in stream:
            pass
    assert "streams of version 3" in said[0]


@pytest.mark.parametrize("answer", [42, b"x", [1]])
def test_what_is_no_answer_is_refused(answer: Any) -> None:
    caught: list[TypeError] = []

    class Wrong(callspan.Callback):
        def on_run_start(self, run: callspan.Run) -> None:
            try:
                run.skip(answer)
            except TypeError as error:
                caught.append(error)

    with record(callbacks=[Wrong()]):
        assert ChatNative().invoke("hi").content == "one two three"
    assert "is answered with" in str(caught[0])


@COLOURS
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scope", ["process", "block", "call", "object", "opentelemetry", "sampled out"])
def test_every_door(form: str, scope: str, asynchronous: bool) -> None:
    skipper = skipping(asynchronous=asynchronous, llm="canned")
    body = Body()
    given: Any = ["hi"] if "batch" in form else "hi"
    sampler = {"sampler": ALWAYS_OFF} if scope == "sampled out" else {}
    with record(callbacks=[skipper] if scope in ("process", "sampled out") else [], **sampler) as recording:
        if scope == "opentelemetry":
            recording.provider.add_span_processor(skipper)
        model = ChatNative(body=body, callbacks=[skipper] if scope == "object" else None)
        config: Any = {"callbacks": [skipper]} if scope == "call" else {}
        if scope == "block":
            with callspan.callbacks(skipper):
                result = call(form, model, given, config)
        else:
            result = call(form, model, given, config)
    assert body.calls == 0
    assert "canned" in str(result)


@pytest.mark.parametrize("form", ["invoke", "stream"])
def test_content_has_the_answer(form: str) -> None:
    with record(content="span_only") as recording, callspan.callbacks(Skipper(llm="canned")):
        call(form, ChatNative(), "hi")
    (span,) = recording.spans
    assert "canned" in str((span.attributes or {})["gen_ai.output.messages"])


@pytest.mark.parametrize("form", FORMS)
def test_langchains_own_handlers_hear_one_end(form: str) -> None:
    from langchain_core.callbacks import BaseCallbackHandler

    heard: list[str] = []

    class Handler(BaseCallbackHandler):
        def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            heard.append("start")

        def on_llm_end(self, response: Any, **kwargs: Any) -> None:
            heard.append(f"end {response.generations[0][0].text}")

    config: Any = {"callbacks": [Handler()]}
    with record(), callspan.callbacks(Skipper(llm="canned")):
        call(form, ChatNative(), ["hi"] if "batch" in form else "hi", config)
    assert heard == ["start", "end canned"]


def test_a_graph_that_streams_messages_says_the_answer() -> None:
    from langgraph.graph import START, MessagesState, StateGraph

    model = ChatNative()
    graph = StateGraph(MessagesState).add_node("n", lambda state: {"messages": model.invoke("hi")})
    compiled = graph.add_edge(START, "n").compile()
    with record(), callspan.callbacks(Skipper(llm="canned")):
        said = [chunk.content for chunk, _ in compiled.stream({"messages": "hi"}, stream_mode="messages")]
    assert said == ["canned"]


def test_many_at_once() -> None:
    class Half(callspan.Callback):
        async def on_llm_start(self, run: callspan.Run) -> None:
            await asyncio.sleep(0)
            if int(run.messages[-1].content) % 2:
                run.skip(run.messages[-1].content)

    async def all_of_them() -> list[Any]:
        model = ChatNative()
        return await asyncio.gather(*[acall(("ainvoke", "astream")[n % 4 // 2], model, str(n)) for n in range(200)])

    with record(callbacks=[Half()]) as recording:
        results = asyncio.run(all_of_them())
    for n, result in enumerate(results):
        text = "".join(one.content for one in result) if isinstance(result, list) else result.content
        assert text == (str(n) if n % 2 else "one two three")
    outcomes = [(span.attributes or {}).get("langchain.run.outcome") for span in recording.spans]
    assert outcomes.count("skipped") == 100


def test_many_threads_at_once() -> None:
    class Odd(callspan.Callback):
        def on_llm_start(self, run: callspan.Run) -> None:
            if int(run.messages[-1].content) % 2:
                run.skip(run.messages[-1].content)

    with record(callbacks=[Odd()]):
        results = ChatNative().batch([str(n) for n in range(200)], {"max_concurrency": 16})
    assert [one.content for one in results] == [str(n) if n % 2 else "one two three" for n in range(200)]


def test_an_agent_goes_on(recording: Recording) -> None:
    agent = Agent()
    with callspan.callbacks(Skipper(tool="denied")):
        said = agent.runnable.invoke(ASKED)["messages"]
    assert [message.content for message in said] == ["clean up", "", "denied", "all is done"]
    assert isinstance(said[2], ToolMessage)
    assert agent.deleted == []
    span = recording.named("execute_tool delete")
    attributes = dict(span.attributes or {})
    assert attributes["langchain.run.outcome"] == "skipped"
    assert attributes["langchain.asked_by"]
    root = dict(recording.named("invoke_agent helper").attributes or {})
    assert root["langchain.total.model_calls"] == 2
    assert not root.get("langchain.total.tool_calls")


@pytest.mark.parametrize("form", FORMS)
def test_no_request_is_made(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    openai = pytest.importorskip("langchain_openai")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer() as server, record(), callspan.callbacks(Skipper(llm="canned")):
        model = openai.ChatOpenAI(model="gpt-5-mini", base_url=server.base_url, api_key="k", max_retries=0)
        assert "canned" in str(call(form, model, ["hi"] if "batch" in form else "hi"))
        assert server.requests == []


@pytest.mark.parametrize("case", [case for case in SKIPPED if "agent" not in case.name], ids=str)
def test_nothing_is_held(case: Case) -> None:
    """The callback and its runs are let go of without the garbage collector."""
    runs: list[Any] = []
    skip = Skipper(**ANSWERS)
    note = callspan.Listen(on_end=lambda run: runs.append(weakref.ref(run)), kinds=tuple(ANSWERS))
    with record(callbacks=[skip, note]):
        case.call(Body())
        gc.collect()
        gc.disable()
        try:
            del runs[:]
            case.call(Body())
            assert runs
            left = [ref() for ref in runs if ref() is not None]
        finally:
            gc.enable()
    assert left == [] or "node" in case.name  # a graph has cycles of its own
