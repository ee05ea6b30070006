"""What happens in the middle of a run: who hears it, with what, and what of it stands on the span."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from langchain_core.agents import AgentAction, AgentFinish
from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import create_base_retry_decorator
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult, GenerationChunk
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from langgraph.graph import START, StateGraph
from tenacity import wait_none
from tests.callbacks.forms import FORMS, State, in_form
from tests.modes.models.calls import call, settle
from tests.modes.models.chat_models import WORDS, ChatInvoking, ChatNative, ChatStreaming
from tests.modes.models.completion_models import CompletingNative

Fn = Callable[..., Any]

TEXT = "what nobody outside may read"


def events_of(recording: Any, name: str) -> list[tuple[str, dict[str, Any]]]:
    """Give the events of the only span of this name."""
    return [(event.name, dict(event.attributes)) for event in recording.named(name).events]


class Completing(CompletingNative):
    """A completion model, which tells its manager of tokens itself."""

    def _stream(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        for chunk in super()._stream(prompt):
            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        async for chunk in super()._astream(prompt):
            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


class TestTokens:
    """Each chunk of a stream, with LangChain's own chunk object, in the model's own run."""

    @pytest.mark.parametrize("form", ["stream", "astream"])
    @pytest.mark.parametrize("model", [ChatNative, ChatStreaming, Completing])
    def test_streamed(self, model: Any, form: str, recorder: Any, recording: Any) -> None:
        in_form(form, model(), "hello")
        chunks = recorder.payloads("on_llm_new_token")
        assert [token for token, _ in chunks if token] == list(WORDS)
        wanted = GenerationChunk if model is Completing else ChatGenerationChunk
        assert {type(chunk) for _, chunk in chunks} == {wanted}
        assert recorder.heard[2] == f"llm_new_token {model.__name__} 'one ' {wanted.__name__}"
        assert [event.name for span in recording.spans for event in span.events] == []

    @pytest.mark.parametrize("form", ["invoke", "ainvoke", "batch", "abatch"])
    def test_not_streamed(self, form: str, recorder: Any, recording: Any) -> None:
        """Listening to tokens makes no stream of a call."""
        in_form(form, ChatNative(), "hello")
        assert recorder.only("llm_new_token") == []

    @pytest.mark.parametrize("form", ["stream", "astream"])
    def test_a_graph_that_streams_messages(self, form: str, recorder: Any, recording: Any) -> None:
        """Under `stream_mode="messages"` a model that a node invokes streams, and is heard."""
        model = ChatNative()
        builder = StateGraph(State)
        builder.add_node("node", RunnableLambda(lambda state: {"answer": model.invoke(state["asked"])}))
        builder.add_edge(START, "node")
        call(form, builder.compile(), {"asked": "hello"}, stream_mode="messages")
        heard = [token for token, _ in recorder.payloads("on_llm_new_token") if token]
        assert heard == list(WORDS)

    @pytest.mark.parametrize("form", ["invoke", "ainvoke", "batch", "abatch", "graph", "agraph"])
    def test_a_sync_model_that_talks(self, form: str, recorder: Any, recording: Any) -> None:
        """A model without asynchronous methods tells of tokens to a sync copy of its manager; they are heard once."""

        class Talking(CompletingNative):
            def _generate(self, prompts: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
                run_manager.on_llm_new_token("one")
                run_manager.on_llm_new_token("two", chunk=None)
                return super()._generate(prompts)

            async def _agenerate(self, prompts: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
                return self._generate(prompts, stop, run_manager.get_sync())

        recorder.kinds = "llm"
        in_form(form, Talking(), "hello")
        assert recorder.heard == [
            "run_start Talking",
            "llm_start Talking",
            "llm_new_token Talking 'one' None",
            "llm_new_token Talking 'two' None",
            "llm_end Talking",
            "run_end Talking",
        ]


@pytest.mark.skipif(not hasattr(BaseChatModel, "_iter_v2_events"), reason="came with langchain-core 1.4")
@pytest.mark.filterwarnings("ignore:.*is in beta")
@pytest.mark.parametrize("model", [ChatNative, ChatStreaming])
class TestStreamEvents:
    """The events of the newer protocol, each once; they are no tokens."""

    def test_stream(self, model: Any, recorder: Any, recording: Any) -> None:
        list(model().stream_events("hello", version="v3"))
        self.check(model.__name__, recorder)

    async def test_astream(self, model: Any, recorder: Any, recording: Any) -> None:
        async for _ in await model().astream_events("hello", version="v3"):
            pass
        await settle()  # the task that produces tells of the last event once it is read
        self.check(model.__name__, recorder)

    def check(self, name: str, recorder: Any) -> None:
        events = [event for (event,) in recorder.payloads("on_stream_event")]
        assert events[0]["event"] == "message-start"
        assert events[-1]["event"] == "message-finish"
        said = [event["delta"]["text"] for event in events if event["event"] == "content-block-delta"]
        assert said == list(WORDS)
        assert recorder.without("stream_event") == [
            f"run_start {name}",
            f"chat_model_start {name}",
            f"llm_end {name}",
            f"run_end {name}",
        ]
        assert recorder.heard[2].startswith(f"stream_event {name}")
        assert not [line for line in recorder.heard if line.endswith(")")]


def chain(said: Fn, asaid: Fn) -> RunnableLambda[Any, Any]:
    """Make a lambda that says something to its run manager."""

    def f(value: Any, run_manager: Any) -> Any:
        said(run_manager)
        return value

    async def af(value: Any, run_manager: Any) -> Any:
        await asaid(run_manager)
        return value

    return RunnableLambda(f, af, name="f")


def middle(recorder: Any, event: str, name: str, payload: str, kind: str = "chain") -> None:
    """The event was heard once, between start and end."""
    assert [line for line in recorder.heard if line.split()[1] == name] == [
        f"run_start {name}",
        f"{kind}_start {name}",
        " ".join(filter(None, (event, name, payload))),
        f"{kind}_end {name}",
        f"run_end {name}",
    ]


def span_name(form: str, name: str = "f") -> str:
    """Give the name of a lambda's span."""
    return f"chain {name}" if form.endswith("graph") else f"invoke_workflow {name}"


@pytest.mark.parametrize("form", FORMS)
def test_text(form: str, recorder: Any, recording: Any) -> None:
    """A text is heard as it is; the span says that there was one, and not which."""
    recorder.names = "f"
    in_form(form, chain(lambda manager: manager.on_text(TEXT), lambda manager: manager.on_text(TEXT)), "x")
    middle(recorder, "text", "f", repr(TEXT))
    assert events_of(recording, span_name(form)) == [("langchain.text", {})]


@pytest.mark.may_log  # LangChain itself does at each retry
@pytest.mark.parametrize("form", FORMS)
def test_retry(form: str, recorder: Any, recording: Any) -> None:
    """A retry is heard with tenacity's state; the span says which attempt failed, how, and how long is waited."""

    class Flaky(ChatInvoking):
        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
            attempts = iter([ConnectionError(TEXT), None])

            def attempt() -> ChatResult:
                if (error := next(attempts)) is not None:
                    raise error
                return super(Flaky, self)._generate(messages)

            guarded: Any = create_base_retry_decorator([ConnectionError], max_retries=2, run_manager=run_manager)
            attempt = guarded(attempt)
            attempt.retry.wait = wait_none()
            return attempt()

    recorder.kinds = "llm"
    in_form(form, Flaky(model="m"), "hello")
    assert recorder.without("llm_new_token") == [
        "run_start Flaky",
        "chat_model_start Flaky",
        f"retry Flaky 1 {ConnectionError(TEXT)!r}",
        "llm_end Flaky",
        "run_end Flaky",
    ]
    assert events_of(recording, "chat m") == [
        (
            "langchain.retry",
            {"langchain.retry.attempt": 1, "langchain.retry.wait_time": 0.0, "error.type": "ConnectionError"},
        )
    ]


@pytest.mark.may_log  # as above
@pytest.mark.parametrize("form", ["ainvoke", "abatch", "agraph"])
def test_retry_of_an_async_model(form: str, recorder: Any, recording: Any) -> None:
    """LangChain tells an asynchronous manager of a retry in a task of its own; it is heard, in its run."""

    class Flaky(ChatNative):
        async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            attempts = iter([ConnectionError(TEXT), None])

            async def attempt() -> ChatResult:
                if (error := next(attempts)) is not None:
                    raise error
                for _ in range(3):
                    await asyncio.sleep(0)
                return self._generate(messages)

            guarded: Any = create_base_retry_decorator([ConnectionError], max_retries=2, run_manager=run_manager)
            attempt = guarded(attempt)
            attempt.retry.wait = wait_none()
            return await attempt()

    recorder.kinds = "llm"
    in_form(form, Flaky(model="m"), "hello")
    assert [line.split()[0] for line in recorder.heard] == [
        "run_start", "chat_model_start", "retry", "llm_end", "run_end",
    ]  # fmt: skip
    assert [name for name, _ in events_of(recording, "chat m")] == ["langchain.retry"]


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_agent_actions(form: str, recorder: Any, recording: Any) -> None:
    """What a classic agent decides is heard with LangChain's objects; of the span's events one names the tool."""
    package = "langchain_classic" if find_spec("langchain_classic") else "langchain"
    agents = import_module(f"{package}.agents")
    action, finish = AgentAction("look", TEXT, TEXT), AgentFinish({"output": TEXT}, TEXT)

    class Planner(agents.BaseSingleActionAgent):  # type: ignore[misc, name-defined]
        """Looks once, and knows."""

        @property
        def input_keys(self) -> list[str]:
            return ["input"]

        def plan(self, intermediate_steps: Any, *args: Any, **kwargs: Any) -> Any:
            return finish if intermediate_steps else action

        async def aplan(self, intermediate_steps: Any, *args: Any, **kwargs: Any) -> Any:
            return self.plan(intermediate_steps)

    tool = StructuredTool.from_function(lambda where: where, name="look", description="Look.")
    call(form, agents.AgentExecutor(agent=Planner(), tools=[tool]), {"input": "What is there?"})
    assert [line for line in recorder.heard if "AgentExecutor" in line] == [
        "run_start AgentExecutor",
        "chain_start AgentExecutor",
        "agent_action AgentExecutor AgentAction",
        *(["text AgentExecutor " + repr("")] if recorder.only("text") else []),
        "agent_finish AgentExecutor AgentFinish",
        "chain_end AgentExecutor",
        "run_end AgentExecutor",
    ]
    assert recorder.payloads("on_agent_action") == [(action,)]
    assert recorder.payloads("on_agent_finish") == [(finish,)]
    told = [event for event in events_of(recording, "invoke_workflow") if event[0] != "langchain.text"]
    assert told == [("langchain.agent_action", {"gen_ai.tool.name": "look"}), ("langchain.agent_finish", {})]


@pytest.mark.parametrize("form", FORMS)
def test_custom_event(form: str, recorder: Any, recording: Any) -> None:
    """The program's own events are heard with their data; the span's event has their name."""
    recorder.names = "f"

    def f(value: Any) -> Any:
        dispatch_custom_event("found", {"what": TEXT})
        return value

    async def af(value: Any) -> Any:
        await adispatch_custom_event("found", {"what": TEXT})
        return value

    in_form(form, RunnableLambda(f, af, name="f"), "x")
    middle(recorder, "custom_event", "f", f"'found' { ({'what': TEXT})!r}")
    assert events_of(recording, span_name(form)) == [("found", {"langchain.event.type": "custom"})]


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_custom_event_in_a_tool(form: str, recorder: Any, recording: Any) -> None:
    """A tool's own event is the tool's."""

    def look(where: str) -> str:
        dispatch_custom_event("found", [TEXT])
        return where

    tool = StructuredTool.from_function(look, name="look", description="Look.")
    in_form(form, tool, {"where": "there"})
    middle(recorder, "custom_event", "look", f"'found' {[TEXT]!r}", "tool")
    assert events_of(recording, "execute_tool look") == [("found", {"langchain.event.type": "custom"})]


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_custom_event_in_a_node(form: str, recorder: Any, recording: Any) -> None:
    """A node's own event is the node's."""

    def node(state: State) -> State:
        dispatch_custom_event("found", TEXT)
        return {"answer": 1}

    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    call(form, builder.compile(), {"asked": "x"})
    middle(recorder, "custom_event", "node", f"'found' {TEXT!r}")
    assert events_of(recording, "node node") == [("found", {"langchain.event.type": "custom"})]


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_text_of_a_retriever(form: str, recorder: Any, recording: Any) -> None:
    """Every kind of run can say a text."""

    class Telling(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Any]:
            run_manager.on_text(TEXT)
            return []

    in_form(form, Telling(), "x")
    middle(recorder, "text", "Telling", repr(TEXT), "retriever")


def test_an_event_after_the_end(recorder: Any, recording: Any) -> None:
    """What is said on a manager whose run has ended is heard by nobody, and written nowhere."""
    kept: list[Any] = []
    in_form("invoke", chain(kept.append, kept.append), "x")
    before = list(recorder.heard)
    kept[0].on_text(TEXT)
    assert recorder.heard == before
    assert events_of(recording, "invoke_workflow f") == []


def test_a_chunk_is_langchains_own(recorder: Any, recording: Any) -> None:
    """The chunks that are heard are what the model made, message and all."""
    list(ChatNative().stream("hello"))
    first = recorder.payloads("on_llm_new_token")[0][1]
    assert isinstance(first.message, AIMessageChunk)
    assert first.text == "one "
