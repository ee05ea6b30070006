"""Calls of all kinds and forms, each with a body that a test watches; a hook may stop them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, TypedDict

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableGenerator, RunnableLambda, RunnableParallel
from langchain_core.tools import StructuredTool
from tests.callbacks.workflow_forms import FORMS
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ChatInvoking, ChatNative, ChatStreaming
from tests.modes.models.completion_models import Completing, CompletingNative
from tests.modes.retrievers.embedders import Embedder, EmbedderNative, Retriever, RetrieverNative

Fn = Callable[..., Any]


class Body:
    """What every body here does: it counts its calls, and fails if a test wants that."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.calls = 0
        self.error = error

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return "done"

    def work(self, x: Any) -> Any:
        """Do it, as a function that LangChain can look at."""
        return self()


@dataclass(frozen=True)
class Case:
    """One call.

    Args:
        name: What it is.
        kind: The kind of run that is to be stopped.
        call: Makes the call, around this body.
    """

    name: str
    kind: str
    call: Callable[[Body], Any]

    def __str__(self) -> str:
        return self.name


def what_and_form(case: Case) -> list[str]:
    """Return what is called and the form: two values for tests/pairs.py."""
    return case.name.rsplit(".", 1)


def forms(name: str, kind: str, make: Fn, given: Any, *methods: str, **keywords: Any) -> Iterator[Case]:
    """Give the cases of one runnable in several forms.

    Args:
        name: What it is.
        kind: The kind of run that is to be stopped.
        make: Makes it from its body.
        given: Its input; a batch gets it twice.
        *methods: The forms, as `tests.modes.models.calls.call` takes them.
        **keywords: Keywords of the call.
    """
    for method in methods:
        several = "batch" in method or "generate" in method

        def run(body: Body, method: str = method, several: bool = several) -> Any:
            return call(method, make(body), [given, given] if several else given, **keywords)

        yield Case(f"{name}.{method}", kind, run)


_EVERY = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch")
_CALLS = ("invoke", "ainvoke", "stream", "astream")


def _lambda(body: Body) -> Any:
    async def afunc(value: Any) -> Any:
        return body(value)

    return RunnableLambda(body.work, afunc, name="f")


def _generator(body: Body) -> Any:
    def gen(values: Iterator[Any]) -> Iterator[Any]:
        for value in values:
            yield body(value)

    async def agen(values: Any) -> Any:
        async for value in values:
            yield body(value)

    return RunnableGenerator(gen, agen, name="gen")


def _tool(body: Body) -> Any:
    async def acount(x: int) -> Any:
        return body(x)

    return StructuredTool.from_function(body.work, coroutine=acount, name="count", description="c", args_schema=Count)


class Count(TypedDict):
    """What the tool takes."""

    x: int


def _threaded_tool(body: Body) -> Any:
    def count(x: int) -> Any:
        """Count."""
        return body(x)

    return StructuredTool.from_function(count)


TOOL_CALL = {"name": "count", "args": {"x": 1}, "id": "1", "type": "tool_call"}

PLAIN: tuple[Case, ...] = (
    *forms("chat", "llm", lambda body: ChatNative(body=body), "hello", *_EVERY),
    *forms("chat", "llm", lambda body: ChatNative(body=body), [HumanMessage("hello")], "generate", "agenerate"),
    *forms("chat invoking", "llm", lambda body: ChatInvoking(body=body), "hello", "ainvoke", "stream", "astream"),
    *forms("chat streaming", "llm", lambda body: ChatStreaming(body=body), "hello", "astream"),
    *forms("completion", "llm", lambda body: CompletingNative(body=body), "hello", *_EVERY, "generate", "agenerate"),
    *forms("completion by threads", "llm", lambda body: Completing(body=body), "hello", "ainvoke", "agenerate"),
    *forms("tool", "tool", _threaded_tool, {"x": 1}, "invoke", "ainvoke", "batch", "abatch"),
    *forms("tool called", "tool", _threaded_tool, TOOL_CALL, "invoke", "ainvoke"),
    *forms("retriever", "retriever", lambda body: Retriever(body=body), "q", "invoke", "ainvoke", "batch", "abatch"),
    *forms("retriever native", "retriever", lambda body: RetrieverNative(body=body), "q", "ainvoke"),
    *forms("embedder", "embedding", Embedder, "q", "embed_query", "aembed_query"),
    *forms("embedder", "embedding", Embedder, ["q"], "embed_documents", "aembed_documents"),
    *forms("embedder native", "embedding", EmbedderNative, "q", "aembed_query"),
    *forms("lambda", "chain", _lambda, 1, *_EVERY),
    *forms("generator", "chain", _generator, 1, *_CALLS),
)
"""One run each."""

INSIDE: tuple[Case, ...] = (
    *forms("sequence", "chain", lambda body: _lambda(body) | str, 1, *_EVERY),
    *forms("parallel", "chain", lambda body: RunnableParallel(a=_lambda(body), b=_lambda(body)), 1, *_EVERY),
    *forms("chat in a sequence", "llm", lambda body: RunnableLambda(str) | ChatNative(body=body), 1, *_EVERY),
    *forms("retriever in parallel", "retriever", lambda body: RunnableParallel(a=Retriever(body=body)), "q", *_CALLS),
)  # fmt: skip
"""Runs in runs."""


def graphs() -> Iterator[Case]:
    """Give graphs, and chat models in their nodes; none where LangGraph is not installed."""
    try:
        from langgraph.graph import END, START, StateGraph
    except ImportError:
        return

    class State(TypedDict, total=False):
        said: Annotated[list[Any], lambda old, new: old + new]

    def graph(node: Fn, anode: Fn | None = None) -> Any:
        builder = StateGraph(State)
        builder.add_node("a", node if anode is None else RunnableLambda(node, anode))
        builder.add_edge(START, "a")
        builder.add_edge("a", END)
        return builder.compile()

    def plain(body: Body) -> Any:
        return graph(lambda state: {"said": [body()]})

    def asking(body: Body) -> Any:
        model = ChatNative(body=body)

        async def anode(state: Any) -> Any:
            return {"said": [await model.ainvoke("hello")]}

        return graph(lambda state: {"said": [model.invoke("hello")]}, anode)

    yield from forms("graph", "chain", plain, {"said": []}, *_EVERY)
    yield from forms("chat in a node", "llm", asking, {"said": []}, *_CALLS)
    for mode in ("messages", "values"):
        yield from forms(f"chat in a node, {mode}", "llm", asking, {"said": []}, "stream", "astream", stream_mode=mode)


class _Scripted(GenericFakeChatModel):
    body: Any

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        self.body()
        return super()._generate(*args, **kwargs)

    def _stream(self, *args: Any, **kwargs: Any) -> Any:
        self.body()
        return super()._stream(*args, **kwargs)


def agents() -> Iterator[Case]:
    """Give agents whose model or whose tool is to be stopped; none where they are not installed."""
    try:
        from langgraph.prebuilt import ToolNode

        try:
            from langchain.agents import create_agent
        except ImportError:
            from langgraph.prebuilt import create_react_agent as create_agent
    except ImportError:
        return

    def agent(body: Body, idle: Body, *, in_tool: bool) -> Any:
        lines = iter([AIMessage("", tool_calls=[TOOL_CALL]), AIMessage("bye")])
        tools: Any = [_threaded_tool(body if in_tool else idle)]
        if create_agent.__name__ == "create_react_agent":  # its default handles all errors of tools
            tools = ToolNode(tools, handle_tool_errors=False)
        return create_agent(_Scripted(messages=lines, body=idle if in_tool else body), tools)

    asked = {"messages": [("user", "hello")]}
    for kind in ("llm", "tool"):
        make = partial(agent, idle=Body(), in_tool=kind == "tool")
        yield from forms(f"agent, its {kind}", kind, make, asked, *_CALLS)


WORKFLOWS: tuple[Case, ...] = tuple(Case(f"workflow.{name}", "chain", form) for name, form in FORMS.items())

ALL: tuple[Case, ...] = (*PLAIN, *INSIDE, *WORKFLOWS, *graphs(), *agents())
