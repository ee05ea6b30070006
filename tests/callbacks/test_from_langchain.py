"""A handler of LangChain's, told by `FromLangChain`, hears what it hears from LangChain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from operator import add
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    CallbackManager,
    adispatch_custom_event,
    dispatch_custom_event,
)
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import create_base_retry_decorator
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableGenerator, RunnableLambda, RunnableParallel
from langchain_core.tools import StructuredTool
from langgraph.graph import START, StateGraph
from tests.callbacks.recorders import told_alike
from tests.modes.models.calls import EVENTS, Standstill, call, cancel, settle
from tests.modes.models.chat_models import ChatInvoking, ChatNative, ChatStreaming
from tests.modes.models.completion_models import Completing, CompletingNative
from tests.modes.retrievers.embedders import Retriever, RetrieverNative

Fn = Callable[..., Any]

SYNC, ASYNC = BaseCallbackHandler, AsyncCallbackHandler

WAYS = [
    *[(form, SYNC) for form in ("invoke", "stream", "batch", "ainvoke", "astream", "abatch")],
    *[(form, ASYNC) for form in ("ainvoke", "astream", "abatch")],
]
"""A form of call, and of which class the handler is."""


class Trail(TypedDict, total=False):
    """The state of the graphs."""

    trail: Annotated[list[str], add]


def f(text: Any) -> Any:
    return text


def _fail(*args: Any) -> Any:
    raise ValueError("no")


def _words(items: Any) -> Iterator[str]:
    yield from ("one ", "two")


async def _awords(items: Any) -> AsyncIterator[str]:
    for word in ("one ", "two"):
        yield word


def _graph(*nodes: Fn) -> Any:
    graph = StateGraph(Trail)
    before = START
    for node in nodes:
        graph.add_node(node.__name__, RunnableLambda(node, aa) if node is a else node)
        graph.add_edge(before, node.__name__)
        before = node.__name__
    return graph.compile()


def a(state: Any) -> Any:
    """A node that asks a model."""
    return {"trail": [ChatNative().invoke("hello").content]}


async def aa(state: Any) -> Any:
    return {"trail": [(await ChatNative().ainvoke("hello")).content]}


def b(state: Any) -> Any:
    return {"trail": ["b"]}


def fails(state: Any) -> Any:
    raise ValueError("no")


def _tool(body: Fn) -> Any:
    def sync(a: str) -> Any:
        return body(a)

    async def coroutine(a: str) -> Any:
        return body(a)

    return StructuredTool.from_function(sync, coroutine, name="t", description="A tool.")


SUBJECTS: dict[str, tuple[Fn, Any]] = {
    "function": (lambda: RunnableLambda(f), "x"),
    "function that fails": (lambda: RunnableLambda(_fail), "x"),
    "sequence": (lambda: RunnableLambda(f) | RunnableLambda(f).with_config(tags=["second"], metadata={"n": 2}), "x"),
    "sequence that fails": (lambda: RunnableLambda(f) | RunnableLambda(_fail), "x"),
    "generator": (lambda: RunnableGenerator(_words, _awords), "x"),
    "retry": (lambda: RunnableLambda(_fail).with_retry(stop_after_attempt=2, wait_exponential_jitter=False), "x"),
    "fallback": (lambda: RunnableLambda(_fail).with_fallbacks([RunnableLambda(f)]), "x"),
    "chat that only invokes": (ChatInvoking, "hello"),
    "chat that streams in threads": (ChatStreaming, "hello"),
    "chat": (ChatNative, "hello"),
    "chat that fails": (lambda: ChatNative(body=_fail), "hello"),
    "chat that is configured": (
        lambda: ChatNative(tags=["own"], metadata={"m": 1}).bind(stop=["."]).with_config(run_name="c", tags=["t"]),
        "hello",
    ),
    "completion": (CompletingNative, "hello"),
    "completion that only invokes": (Completing, "hello"),
    "completion that fails": (lambda: CompletingNative(body=_fail), "hello"),
    "prompt, chat and parser": (
        lambda: ChatPromptTemplate.from_template("{q}") | ChatNative() | StrOutputParser(),
        {"q": "hello"},
    ),
    "tool": (lambda: _tool(f), {"a": "x"}),
    "tool with a call": (
        lambda: _tool(f),
        {"name": "t", "args": {"a": "x"}, "id": "call-1", "type": "tool_call"},
    ),
    "tool that fails": (lambda: _tool(_fail), {"a": "x"}),
    "retriever": (lambda: Retriever(body=lambda: None, metadata={"m": 1}), "hello"),
    "retriever by itself": (lambda: RetrieverNative(body=lambda: None, tags=["own"]), "hello"),
    "retriever that fails": (lambda: Retriever(body=_fail), "hello"),
    "graph": (lambda: _graph(a, b), {"trail": []}),
    "graph that fails": (lambda: _graph(b, fails), {"trail": []}),
}
STARTS = {"chat": "chat+", "completion": "llm+", "tool": "tool+", "retriever": "retriever+"}
ENDS = {"chat": "llm", "completion": "llm", "tool": "tool", "retriever": "retriever"}


@pytest.mark.parametrize(("form", "base"), WAYS)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_call(subject: str, form: str, base: type) -> None:
    """Each call is told in the same order with the same arguments, whether or not LangChain tells somebody too."""
    make, given = SUBJECTS[subject]
    is_batch = form.endswith("batch")
    more = {"return_exceptions": True} if is_batch else {}  # else the others are still running

    def calling(config: Any) -> None:
        raises = ("fails" in subject or subject == "retry") and not is_batch
        with pytest.raises(ValueError, match="no") if raises else nullcontext():
            call(form, make(), [given, given] if is_batch else given, config, **more)

    told = told_alike(calling, base, ordered=not is_batch).split()

    kind = subject.partition(" ")[0]
    assert told[0] == STARTS.get(kind, "chain+")
    assert told[-1] == ENDS.get(kind, "chain") + ("!" if "fails" in subject or subject == "retry" else "-")


@pytest.mark.parametrize("form", ["generate", "agenerate"])
@pytest.mark.parametrize("model", [ChatNative, CompletingNative])
def test_several_prompts(form: str, model: Fn) -> None:
    """Several prompts are as many runs, each told with its own."""

    def calling(config: Any) -> Any:
        prompts = [[HumanMessage("a")], [HumanMessage("b")]] if model is ChatNative else ["a", "b"]
        call(form, model(), prompts, callbacks=config["callbacks"])

    start = "chat+" if model is ChatNative else "llm+"
    assert told_alike(calling) == f"{start} {start} llm- llm-"


CLOSED = {
    "function": ("chain+ chain-", "chain! chain+"),
    "generator": ("chain+ chain-", "chain! chain+"),
    "chat": ("chat+ llm!", "chat+ llm!"),
    "completion": ("llm! llm+", "llm! llm+"),
    "prompt, chat and parser": (
        "chain+ chain+ chain+ chain- chain- chain- chat+ llm-",
        "chain! chain! chain+ chain+ chain+ chain- chat+ llm!",
    ),
    "graph": (
        "chain! chain+ chain+ chain+ chain- chain- chat+ llm-",
        "chain! chain+ chain+ chain+ chain- chain- chat+ llm-",
    ),
}
"""What LangChain tells, in any order, of a stream that is closed after its first step."""


def _sorted(outline: str) -> str:
    return " ".join(sorted(word for word in outline.split() if word != "token"))


@pytest.mark.parametrize("subject", CLOSED)
def test_a_closed_stream(subject: str) -> None:
    """A closed stream is told as LangChain tells it: as an error or as an end, by what it is."""
    make, given = SUBJECTS[subject]

    def closing(config: Any) -> None:
        steps = make().stream(given, config)
        next(steps)
        steps.close()

    assert _sorted(told_alike(closing)) == CLOSED[subject][0]


@pytest.mark.parametrize("base", [SYNC, ASYNC])
@pytest.mark.parametrize("subject", CLOSED)
def test_a_closed_asynchronous_stream(subject: str, base: type) -> None:
    """And so is an asynchronous one."""
    make, given = SUBJECTS[subject]

    def closing(config: Any) -> None:
        async def main() -> None:
            steps = make().astream(given, config)
            await anext(steps)
            await steps.aclose()
            await settle()

        asyncio.run(main())

    assert _sorted(told_alike(closing, base)) == CLOSED[subject][1]


@pytest.mark.parametrize("base", [SYNC, ASYNC])
def test_a_cancelled_chain(base: type) -> None:
    """A cancelled chain is told as an error, as LangChain tells it."""

    def calling(config: Any) -> None:
        async def main() -> None:
            still = Standstill()

            async def wait(text: Any) -> None:
                await still()

            chain = RunnableLambda(f) | RunnableLambda(f, wait)
            await cancel(chain.ainvoke("x", config), still.reached)

        asyncio.run(main())

    assert told_alike(calling, base) == "chain+ chain+ chain- chain+ chain! chain!"


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_events_of_the_program(form: str) -> None:
    """Custom events are told with the tags and the metadata that LangChain tells them with."""

    def says(text: Any) -> Any:
        dispatch_custom_event("said", {"n": 1})
        return text

    async def asays(text: Any) -> Any:
        await adispatch_custom_event("said", {"n": 1})
        return text

    chain = RunnableLambda(f) | RunnableLambda(says, asays)

    def calling(config: Any) -> None:
        call(form, chain, "x", {**config, "tags": ["outer"], "metadata": {"m": 1}})

    assert told_alike(calling) == "chain+ chain+ chain- chain+ custom_event chain- chain-"


@pytest.mark.may_log
@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_retries_of_an_integration(form: str) -> None:
    """What an integration tries again is told with tenacity's own state."""

    class Stubborn(ChatInvoking):
        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            manager = run_manager.get_sync() if hasattr(run_manager, "get_sync") else run_manager
            tries: list[int] = []

            @create_base_retry_decorator([ValueError], max_retries=2, run_manager=manager)
            def attempt() -> Any:
                tries.append(1)
                if len(tries) == 1:
                    raise ValueError("no")
                return ChatInvoking._generate(self, messages)

            attempt.retry.sleep = lambda seconds: None  # type: ignore[attr-defined]
            return attempt()

    assert told_alike(lambda config: call(form, Stubborn(), "hello", config)) == "chat+ retry llm-"


def test_branches_in_parallel() -> None:
    """Branches that run beside each other are told with their own parents."""
    both = RunnableParallel(left=RunnableLambda(f), right=RunnableLambda(f))
    told = told_alike(lambda config: both.invoke("x", config), ordered=False)

    assert sorted(told.split()) == ["chain+"] * 3 + ["chain-"] * 3


def test_an_event_stream_of_a_chat_model() -> None:
    """The events of the newer protocol are told one by one."""
    if not hasattr(BaseChatModel, "_iter_v2_events"):
        pytest.skip("v3 streams of events came with langchain-core 1.4")

    def calling(config: Any) -> None:
        list(ChatNative().stream_events("hello", config, version="v3").text)

    told = told_alike(calling).split()
    assert (told[0], set(told[1:-1]), told[-1]) == ("chat+", {"stream_event"}, "llm-")


@pytest.mark.filterwarnings("ignore:astream_(log|events) ")
@pytest.mark.parametrize("form", EVENTS)
def test_beside_a_stream_of_events(form: str) -> None:
    """Whoever reads LangChain's streams of events makes a model stream, and that is told too."""
    chain = RunnableLambda(f) | ChatNative()
    told = told_alike(lambda config: call(form, chain, "hello", config))

    assert told == "chain+ chain+ chain- chat+ token llm- chain-"


def test_a_chain_group() -> None:
    """A chain group is told once LangChain announces it, with what is in it as its children."""

    def calling(config: Any) -> None:
        manager = config["callbacks"]
        manager = manager if isinstance(manager, CallbackManager) else CallbackManager(manager, manager)
        group = manager.on_chain_start({"name": "group"}, {})
        RunnableLambda(f).invoke("x", {"callbacks": group.get_child()})
        group.on_chain_end({"output": "x"})

    assert told_alike(calling) == "chain+ chain+ chain- chain-"


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_a_decision_model(form: str) -> None:
    """A decision model is told as the chain that LangChain says it is."""
    decisions = pytest.importorskip("langchain_core.decisions", reason="decision models came with langchain-core 1.8")

    class Deciding(decisions.BaseDecisionModel):  # type: ignore[misc, name-defined]
        model: str = "d"

        @property
        def _provider(self) -> str:
            return "deciders"

        def _classify(self, state: Any, questions: Any) -> Any:
            return decisions.ClassifierResponse(model="d-1", answers={}, usage={"input_tokens": 3})

    asked = {"state": "blue", "questions": {"blue": decisions.Noul(instructions="is it blue?")}}
    assert told_alike(lambda config: call(form, Deciding(), asked, config)) == "chain+ chain-"
