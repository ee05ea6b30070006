"""A tool that answers with an error instead of raising one has failed, and the runs around it have not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.prebuilt import ToolNode
from langgraph.types import Command
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from tests.modes.models.calls import acall, call

import callspan
from callspan.testing import record

FORMS = ("invoke", "ainvoke", "run", "arun", "stream", "astream")
NO = "no such order"


def refusal(call_id: str = "1", status: Any = "error") -> ToolMessage:
    """Make the answer of a tool."""
    return ToolMessage(NO, tool_call_id=call_id, status=status)


def call_tool_result(content: str, *, is_error: bool) -> Any:
    """Make a result as MCP's client gives it."""
    made: Any = type("CallToolResult", (SimpleNamespace,), {})
    return made(content=[SimpleNamespace(type="text", text=content)], isError=is_error)


def tool_that_returns(answer: Any, **options: Any) -> BaseTool:
    """Make a tool named `order` that returns this."""

    def order(x: str) -> Any:
        """Look an order up."""
        return answer

    async def aorder(x: str) -> Any:
        return answer

    return StructuredTool.from_function(order, coroutine=aorder, name="order", **options)


def tool_that_raises(error: Exception, **options: Any) -> BaseTool:
    """Make a tool named `order` that raises this."""

    def order(x: str) -> Any:
        """Look an order up."""
        raise error

    return StructuredTool.from_function(order, name="order", **options)


def plain(form: str, tool: BaseTool, given: Any) -> Any:
    """Call a tool without a tool call."""
    return call(form, tool, given)


ANSWERS = {
    "message": refusal(),
    "command": Command(update={"messages": [refusal()]}),
    "command with another key": Command(update={"dialogue": [HumanMessage("hi"), refusal()]}),
    "command with one message": Command(update={"messages": refusal()}),
    "command with pairs": Command(update=[("messages", [refusal()])]),
    "command with a list": Command(update=[refusal()]),
    "list": [refusal(), Command(goto="end")],
    "list with a command": [Command(update={"messages": [refusal()]})],
    "result of MCP": call_tool_result(NO, is_error=True),
    "result of MCP as JSON": {"content": [{"type": "text", "text": NO}], "isError": True},
}

WELL = {
    "text": "error: none",
    "message": refusal(status="success"),
    "command": Command(update={"messages": [refusal(status="success")]}),
    "command without an update": Command(goto="end"),
    "result of MCP": call_tool_result("fine", is_error=False),
    "record": {"isError": "no", "status": "error"},
    "list": ["error"],
    "nothing": None,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_is_an_error_fails_the_tool(answer: str, form: str, recording: Any) -> None:
    plain(form, tool_that_returns(ANSWERS[answer]), {"x": "1"})
    assert recording.tree() == "execute_tool order !tool_error\n"
    assert recording.named("execute_tool order").events == ()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("answer", WELL)
def test_any_other_answer_does_not(answer: str, form: str, tree: Callable[..., str]) -> None:
    plain(form, tool_that_returns(WELL[answer]), {"x": "1"})
    assert tree() == "execute_tool order\n"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", [True, "try again", lambda error: "try again"], ids=["flag", "text", "function"])
def test_a_handled_exception_fails_the_tool(how: Any, form: str, recording: Any) -> None:
    """Without a tool call id the answer is a text, and nothing in it shows that it is an error."""
    assert plain(form, tool_that_raises(ToolException(NO), handle_tool_error=how), {"x": "1"})
    assert recording.tree() == "execute_tool order !tool_error\n"
    assert recording.named("execute_tool order").events == ()


@pytest.mark.parametrize("form", FORMS)
def test_handled_arguments_fail_the_tool(form: str, tree: Callable[..., str]) -> None:
    assert plain(form, tool_that_returns("", handle_validation_error=True), {"y": "1"})
    assert tree() == "execute_tool order !tool_error\n"


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_an_exception_that_is_not_handled_is_the_failure(form: str, tree: Callable[..., str]) -> None:
    def fail(error: Any) -> str:
        raise LookupError(NO)

    with pytest.raises(LookupError):
        plain(form, tool_that_raises(ToolException(NO), handle_tool_error=fail), {"x": "1"})
    assert tree() == "execute_tool order !LookupError\n"


def test_an_artifact_of_mcp_says_it(tree: Callable[..., str]) -> None:
    answer = (NO, call_tool_result(NO, is_error=True))
    tool = tool_that_returns(answer, response_format="content_and_artifact")
    tool.invoke({"type": "tool_call", "id": "1", "name": "order", "args": {"x": "1"}})
    assert tree() == "execute_tool order !tool_error\n"


MCP_TEXTS = {
    "JSON": ({"content": [{"type": "text", "text": NO}], "isError": True}, "tool_error"),
    "JSON that is well": ({"content": [], "isError": False}, None),
    "what Python prints": (f"meta=None content=[TextContent(text='{NO}')] isError=True", "tool_error"),
    "a text about it": ("check for isError=True", None),
    "JSON about it": ('{"rows": [{"isError": true}]}', None),
    "no JSON": ('{"isError": true', None),
}


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
@pytest.mark.parametrize("what", MCP_TEXTS)
def test_a_result_of_mcp_that_became_a_message(what: str, form: str, recording: Any) -> None:
    """LangChain makes a text of what it does not know."""
    answer, error = MCP_TEXTS[what]
    call(form, tool_that_returns(answer), {"type": "tool_call", "id": "1", "name": "order", "args": {"x": "1"}})
    assert recording.named("execute_tool order").attributes.get("error.type") == error


def test_errors_of_other_calls_do_not_count(tree: Callable[..., str]) -> None:
    """A command may hand over a whole conversation, in which an earlier tool failed."""
    answer = Command(update={"messages": [refusal("earlier"), refusal("1", "success")]})
    tool_that_returns(answer).invoke({"type": "tool_call", "id": "1", "name": "order", "args": {"x": "1"}})
    assert tree() == "execute_tool order\n"


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_the_runs_around_it_have_not_failed(form: str, recording: Any) -> None:
    def ask(given: Any) -> AIMessage:
        calls = [{"name": "order", "args": {"x": "1"}, "id": "1", "type": "tool_call"}]
        return AIMessage("", tool_calls=calls)  # type: ignore[arg-type]

    tool = tool_that_raises(ToolException(NO), handle_tool_error=True)
    chain = RunnableLambda(ask, name="ask") | RunnableLambda(lambda message: message.tool_calls[0], name="first") | tool
    call(form, chain, "hi")
    assert (
        recording.tree()
        == """\
invoke_workflow
  chain ask
  chain first
  execute_tool order !tool_error
"""
    )


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_in_a_tool_node(form: str) -> None:
    """Only the tools that answered with an error have failed; a tool that raised says what it raised."""
    from langgraph.graph import START, MessagesState, StateGraph

    good, bad = tool_that_returns("fine"), tool_that_raises(ToolException(NO), handle_tool_error=True)
    good.name, bad.name = "good", "bad"
    raises = tool_that_raises(ValueError(NO))
    raises.name = "raises"
    node = ToolNode([good, bad, raises], handle_tool_errors=True)
    graph = StateGraph(MessagesState).add_node("tools", node).add_edge(START, "tools").compile()
    calls = [{"name": name, "args": {"x": "1"}, "id": name} for name in ("good", "bad", "raises")]
    with record() as spans:
        call(form, graph, {"messages": [AIMessage("", tool_calls=calls)]})
    failed = {span.name: span.attributes.get("error.type") for span in spans}
    assert failed == {
        "invoke_workflow": None,
        "node tools": None,
        "execute_tool good": None,
        "execute_tool bad": "tool_error",
        "execute_tool raises": "ValueError",
    }


class Notes(callspan.Callback):
    """Writes down the ends that it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, Any]] = []

    def on_tool_end(self, run: callspan.Run) -> None:
        self.heard.append(("end", str(run.outcome), run.error))

    def on_tool_error(self, run: callspan.Run) -> None:
        self.heard.append(("error", str(run.outcome), run.error))
        assert run.outputs is not None


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
@pytest.mark.parametrize("sampled", [True, False])
def test_callbacks_hear_an_error_with_the_answer(form: str, sampled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not sampled:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    notes = Notes()
    with record(callbacks=[notes]):
        call(form, tool_that_returns(refusal()), {"x": "1"})
    ((event, outcome, error),) = notes.heard
    assert (event, outcome, type(error), str(error)) == ("error", "error", callspan.ToolError, NO)


def test_langchains_handlers_hear_the_answer() -> None:
    """They hear from callspan what they would hear from LangChain."""
    from langchain_core.callbacks import BaseCallbackHandler

    class Handler(BaseCallbackHandler):
        def on_tool_end(self, output: Any, **kwargs: Any) -> None:
            heard.append(output)

        def on_tool_error(self, error: BaseException, **kwargs: Any) -> None:
            heard.append(error)

    heard: list[Any] = []
    with record(callbacks=[callspan.FromLangChain(Handler())]):
        tool_that_returns(refusal()).invoke({"x": "1"})
    assert heard == [refusal()]


def test_a_tool_that_a_callback_refuses_has_not_failed() -> None:
    with record(callbacks=[callspan.Approval(lambda request: False)]) as spans:
        answer = tool_that_returns("fine").invoke({"type": "tool_call", "id": "1", "name": "order", "args": {"x": "1"}})
    assert answer.status == "error"
    assert spans.tree() == "execute_tool order ~skipped\n"


def test_a_guard_looks_at_what_the_error_says() -> None:
    with record(callbacks=[callspan.Guard({"orders": "order"}, inputs=False)]), pytest.raises(callspan.Stop):
        tool_that_returns(refusal()).invoke({"x": "1"})


def test_metrics_say_the_error() -> None:
    reader = InMemoryMetricReader()
    with record(meter_provider=MeterProvider([reader])):
        tool_that_returns(refusal()).invoke({"x": "1"})
    data = reader.get_metrics_data()
    assert data is not None
    points = [
        point
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]
    assert [point.attributes["error.type"] for point in points if point.attributes] == ["tool_error"]


@pytest.mark.without_content
def test_the_status_has_a_text_only_with_content_on() -> None:
    with record(content="no_content") as private:
        tool_that_returns(refusal()).invoke({"x": "1"})
    with record(content="span_only") as public:
        tool_that_returns(refusal()).invoke({"x": "1"})
    assert private.named("execute_tool order").status.description is None
    assert public.named("execute_tool order").status.description == NO
    assert NO not in str([dict(private.named("execute_tool order").attributes or {})])


def test_the_same_call_again_is_a_retry_and_another_call_is_not(recording: Any) -> None:
    tool = tool_that_raises(ToolException(NO), handle_tool_error=True)

    def agent(given: str) -> str:
        for number in ("1", "1", "2"):
            tool.invoke({"type": "tool_call", "id": number, "name": "order", "args": {"x": "1"}})
        return given

    RunnableLambda(agent).invoke("hi")
    tools = sorted(
        (span for span in recording if span.name == "execute_tool order"), key=lambda span: span.start_time or 0
    )
    assert [span.attributes.get("langchain.run.attempt") for span in tools] == [None, 2, None]


async def test_many_at_once_are_not_mixed_up(recording: Any) -> None:
    """What one tool handled is not taken for another one's, whichever ends first."""
    handled = tool_that_raises(ToolException(NO), handle_tool_error=True)
    handled.name = "handled"
    tools = [handled, tool_that_returns("fine")] * 5
    await asyncio.gather(*(acall("ainvoke", tool, {"x": "1"}) for tool in tools))
    found = sorted((span.name, span.attributes.get("error.type")) for span in recording)
    assert found == [("execute_tool handled", "tool_error")] * 5 + [("execute_tool order", None)] * 5
