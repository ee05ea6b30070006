"""What is measured of each kind of run, in both generations of the conventions."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from opentelemetry.metrics import Meter, MeterProvider, NoOpMeterProvider, get_meter_provider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.modes.models.chat_models import ChatNative
from tests.modes.retrievers.embedders import Embedder

import callspan
from callspan.core import metrics
from callspan.testing import record

CHAT = "operation.name=chat, provider.name=native, request.model=m, response.model=m-1"


def fail(text: str) -> None:
    """A model's body that fails."""
    raise ValueError(text)


@tool
def look() -> str:
    """Look."""
    return "seen"


class Actor(BaseChatModel):
    """Calls the tool once, then answers."""

    model_name: str = "actor"

    @property
    def _llm_type(self) -> str:
        return "actor"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        asked = any(isinstance(message, AIMessage) for message in messages)
        calls: Any = [] if asked else [{"name": "look", "args": {}, "id": "1"}]
        usage: Any = {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}
        message = AIMessage("a tree", tool_calls=calls, usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=message)])


def agent(**options: Any) -> Any:
    """An agent of one tool."""
    agents = pytest.importorskip("langchain.agents", reason="create_agent came with langchain 1.0")
    if not hasattr(agents, "create_agent"):
        pytest.skip("create_agent came with langchain 1.0")
    return agents.create_agent(Actor(), [look], **options)


ASKED: Any = {"messages": [("user", "What is there?")]}


def test_a_chat(measured: Any, measuring: Any) -> None:
    """Two calls are one point; its attributes are no more than those of the conventions."""
    with measuring:
        ChatNative().invoke("a", config={"metadata": {"thread_id": "t"}})
        ChatNative().invoke("b")
    assert measured.lines() == [
        f"gen_ai.client.operation.duration {{{CHAT}}}: 2 x s",
        f"gen_ai.client.token.usage {{{CHAT}, token.type=input}}: 2 x 6 {{token}}",
        f"gen_ai.client.token.usage {{{CHAT}, token.type=output}}: 2 x 4 {{token}}",
    ]


def test_a_streamed_chat(measured: Any, measuring: Any) -> None:
    """The time to the first chunk is that of the span."""
    with measuring as recording:
        list(ChatNative().stream("a"))
    assert measured.lines() == [
        f"gen_ai.client.operation.duration {{{CHAT}}}: 1 x s",
        f"gen_ai.client.operation.time_to_first_chunk {{{CHAT}}}: 1 x s",
        f"gen_ai.client.token.usage {{{CHAT}, token.type=input}}: 1 x 3 {{token}}",
        f"gen_ai.client.token.usage {{{CHAT}, token.type=output}}: 1 x 2 {{token}}",
    ]
    (point,) = measured.points("gen_ai.client.operation.time_to_first_chunk")
    assert point.sum == recording.named("chat m").attributes["gen_ai.response.time_to_first_chunk"]


def test_a_failed_chat(measured: Any, measuring: Any) -> None:
    """A failure says its type; nobody knows its tokens."""
    with measuring, pytest.raises(ValueError, match="a"):
        ChatNative(body=fail).invoke("a")
    known = "operation.name=chat, provider.name=native, request.model=m"
    assert measured.lines() == [f"gen_ai.client.operation.duration {{error.type=ValueError, {known}}}: 1 x s"]


@pytest.mark.usefixtures("latest")
def test_a_streamed_chat_in_the_newer_generation(measured: Any, measuring: Any) -> None:
    """Tokens are counted and distributed; a count is of no known modality."""
    with measuring:
        list(ChatNative().stream("a"))
    assert measured.lines() == [
        f"gen_ai.client.inference.duration {{{CHAT}}}: 1 x s",
        f"gen_ai.client.inference.operation.input_tokens {{{CHAT}}}: 1 x 3 {{token}}",
        f"gen_ai.client.inference.operation.output_tokens {{{CHAT}}}: 1 x 2 {{token}}",
        f"gen_ai.client.inference.time_to_first_chunk {{{CHAT}}}: 1 x s",
        f"gen_ai.client.inference.usage.input_tokens {{{CHAT}, token.modality=unknown}}: 3 {{token}}",
        f"gen_ai.client.inference.usage.output_tokens {{{CHAT}, token.modality=unknown}}: 2 {{token}}",
    ]


@pytest.mark.usefixtures("latest")
def test_a_failed_chat_in_the_newer_generation(measured: Any, measuring: Any) -> None:
    """A failed call without counts used 0, as the conventions want it."""
    known = "operation.name=chat, provider.name=native, request.model=m"
    with measuring, pytest.raises(ValueError, match="a"):
        ChatNative(body=fail).invoke("a")
    assert measured.lines() == [
        f"gen_ai.client.inference.duration {{error.type=ValueError, {known}}}: 1 x s",
        f"gen_ai.client.inference.operation.input_tokens {{error.type=ValueError, {known}}}: 1 x 0 {{token}}",
        f"gen_ai.client.inference.operation.output_tokens {{error.type=ValueError, {known}}}: 1 x 0 {{token}}",
        f"gen_ai.client.inference.usage.input_tokens {{{known}, token.modality=unknown}}: 0 {{token}}",
        f"gen_ai.client.inference.usage.output_tokens {{{known}, token.modality=unknown}}: 0 {{token}}",
    ]


@pytest.mark.parametrize("opt_in", ["", "gen_ai_latest_experimental"])
def test_what_both_generations_measure(opt_in: str, measured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Embeddings, tools and workflows; a chain inside has no metric."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", opt_in)
    with record(meter_provider=measured.provider):
        Embedder(lambda: None).embed_query("a")
        look.invoke({})
        (RunnableLambda(str) | RunnableLambda(str)).with_config(run_name="nightly").invoke(1)
        (RunnableLambda(str) | RunnableLambda(str)).invoke(1)
    assert measured.lines() == [
        "gen_ai.client.operation.duration {operation.name=embeddings, provider.name=embedder, request.model=e}: 1 x s",
        "gen_ai.execute_tool.duration {tool.name=look, tool.type=function}: 1 x s",
        "gen_ai.invoke_workflow.duration {workflow.name=nightly}: 1 x s",
        "gen_ai.invoke_workflow.duration: 1 x s",
    ]


def test_an_agent(measured: Any, measuring: Any) -> None:
    """An agent, and its name on its tools."""
    with measuring:
        agent(name="scout").invoke(ASKED)
    assert [line for line in measured.lines() if "client" not in line] == [
        "gen_ai.execute_tool.duration {agent.name=scout, tool.name=look, tool.type=function}: 1 x s",
        "gen_ai.invoke_agent.duration {agent.name=scout}: 1 x s",
    ]


@pytest.mark.usefixtures("latest")
@pytest.mark.parametrize("options", [{}, {"sampler": ALWAYS_OFF}], ids=["sampled", "sampled out"])
def test_the_calls_of_an_agent(options: Any, measured: Any) -> None:
    """They are counted also if no span is recorded."""
    with record(meter_provider=measured.provider, **options):
        agent(name="scout").invoke(ASKED)
    assert [line for line in measured.lines() if "invoke_agent" in line] == [
        "gen_ai.invoke_agent.duration {agent.name=scout}: 1 x s",
        "gen_ai.invoke_agent.inference_calls {agent.name=scout}: 1 x 2 {inference_call}",
        "gen_ai.invoke_agent.tool_calls {agent.name=scout}: 1 x 1 {tool_call}",
    ]


def test_sampled_out(measured: Any) -> None:
    """What is measured does not depend on the sampler."""
    with record(meter_provider=measured.provider, sampler=ALWAYS_OFF) as recording:
        list(ChatNative().stream("a"))
    assert recording.spans == []
    assert measured.lines() == [
        f"gen_ai.client.operation.duration {{{CHAT}}}: 1 x s",
        f"gen_ai.client.operation.time_to_first_chunk {{{CHAT}}}: 1 x s",
        f"gen_ai.client.token.usage {{{CHAT}, token.type=input}}: 1 x 3 {{token}}",
        f"gen_ai.client.token.usage {{{CHAT}, token.type=output}}: 1 x 2 {{token}}",
    ]


def test_a_hidden_run(measured: Any, measuring: Any) -> None:
    """A run without a span costs what it costs: its measurement says what it is."""

    def call(text: str) -> Any:
        return ChatNative().invoke(text, {"tags": ["langsmith:hidden"]})

    with measuring as recording:
        RunnableLambda(call).invoke("a")
    assert recording.tree() == "invoke_workflow call\n"
    assert f"gen_ai.client.operation.duration {{{CHAT}}}: 1 x s" in measured.lines()


def test_a_metric_lasts_as_long_as_its_span(measured: Any, measuring: Any) -> None:
    """Duration and exemplar are those of the span."""
    with measuring as recording:
        ChatNative().invoke("a")
    span = recording.named("chat m")
    (point,) = measured.points("gen_ai.client.operation.duration")
    (exemplar,) = point.exemplars
    assert point.sum == (span.end_time - span.start_time) / 1e9  # type: ignore[operator]
    assert (exemplar.trace_id, exemplar.span_id) == (span.context.trace_id, span.context.span_id)


@pytest.mark.parametrize("opt_in", ["", "gen_ai_latest_experimental"])
def test_units_and_boundaries(opt_in: str, measured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the SDK exports has the units and boundaries of the tables."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", opt_in)
    with record(meter_provider=measured.provider):
        agent().invoke(ASKED)
        list(ChatNative().stream("a"))
        RunnableLambda(str).invoke(1)
    table = {metric.name: metric for metric in metrics.Meters().table}
    found = {
        (metric.name, metric.unit, tuple(getattr(point, "explicit_bounds", ())))
        for metric in measured.metrics()
        for point in metric.data.data_points
    }
    assert len(found) >= 6
    assert found == {(name, table[name].unit, table[name].buckets or ()) for name, _, _ in found}


def test_a_late_global_provider(measured: Any, global_provider: Any) -> None:
    """A provider that is set after `instrument()` measures what ends from then on."""
    with record():
        look.invoke({})
        global_provider(measured.provider)
        look.invoke({})
        assert measured.lines() == ["gen_ai.execute_tool.duration {tool.name=look, tool.type=function}: 1 x s"]
        global_provider(NoOpMeterProvider())
        look.invoke({})
    assert measured.lines() == ["gen_ai.execute_tool.duration {tool.name=look, tool.type=function}: 1 x s"]


@pytest.mark.parametrize("given", [None, NoOpMeterProvider()])
def test_without_a_provider_no_instrument_is_made(given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the API's stand-in for a provider nor one that does nothing is asked for a meter."""
    asked: list[str] = []  # older SDKs ask for a meter of their own

    def noting(get_meter: Any) -> Any:
        return lambda self, name, *args, **kwargs: asked.append(name) or get_meter(self, name, *args, **kwargs)

    for provider in (type(get_meter_provider()), NoOpMeterProvider):
        monkeypatch.setattr(provider, "get_meter", noting(provider.get_meter))
    with record(meter_provider=given):
        look.invoke({})
    assert "callspan" not in asked


def test_instruments_are_made_once(measured: Any, measuring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is measured."""
    made: list[Any] = []
    make = metrics._made
    monkeypatch.setattr(metrics, "_made", lambda meter, metric: made.append(metric.name) or make(meter, metric))
    with measuring:
        look.invoke({})
        look.invoke({})
    assert sorted(made) == sorted(metric.name for metric in metrics.Meters().table)


def test_uninstrumented(measured: Any, measuring: Any) -> None:
    """Nothing is measured afterwards."""
    with measuring:
        pass
    look.invoke({})
    assert measured.lines() == []


@pytest.mark.may_log
def test_a_provider_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """It costs the metrics and one warning, not the call."""

    class Failing(MeterProvider):
        def get_meter(self, *args: Any, **kwargs: Any) -> Meter:
            raise OSError("no meter")

    with record(meter_provider=Failing()) as recording:
        assert look.invoke({}) == look.invoke({}) == "seen"
    assert len(recording.spans) == 2
    assert [entry.message for entry in caplog.records] == [
        "OpenTelemetry failed to make the instruments of metrics; the call goes on without it"
    ]


@pytest.mark.may_log
def test_an_instrument_that_fails(
    measured: Any, measuring: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It costs the measurement and one warning, not the call."""

    def write(*args: Any) -> None:
        raise OSError("full")

    monkeypatch.setattr(metrics, "_made", lambda meter, metric: write)
    with measuring as recording:
        assert look.invoke({}) == look.invoke({}) == "seen"
    assert len(recording.spans) == 2
    assert [entry.message for entry in caplog.records] == [
        "OpenTelemetry failed to record a metric; the call goes on without it"
    ]


def test_values_are_bounded(measured: Any, measuring: Any) -> None:
    """Names that a program makes up are cut, and no more than so many are told apart."""
    with measuring:
        for number in range(metrics.VALUES_LIMIT + 9):
            RunnableLambda(str).with_config(run_name=f"{number} " + "x" * 999).invoke(1)
    names = [point.attributes["gen_ai.workflow.name"] for point in measured.points("gen_ai.invoke_workflow.duration")]
    assert len(names) == metrics.VALUES_LIMIT + 1
    assert "_OTHER" in names
    assert max(map(len, names)) == 256


def test_flush_reaches_the_given_provider(measured: Any, measuring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if a provider before it could not send; what it raises is told by the result."""
    asked: list[float] = []
    monkeypatch.setattr(type(measured.provider), "force_flush", lambda self, timeout: asked.append(timeout) or True)
    with measuring as recording:
        monkeypatch.setattr(recording.provider, "force_flush", lambda timeout: False)
        assert callspan.flush(2) is False
    assert asked == [2000]


@pytest.mark.may_log
def test_a_flush_that_raises(measured: Any, measuring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that fails is a flush that fails."""

    def fail(self: Any, timeout: float) -> bool:
        raise OSError("no network")

    monkeypatch.setattr(type(measured.provider), "force_flush", fail)
    with measuring:
        assert callspan.flush() is False


@pytest.mark.may_log
def test_another_provider_is_warned_of(measured: Any, measuring: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A second `instrument()` changes nothing."""
    with measuring:
        callspan.instrument(meter_provider=measured.provider)
        assert caplog.records == []
        callspan.instrument(meter_provider=NoOpMeterProvider())
    assert "instrumented already" in caplog.text
