"""GenAI spans of other instrumentations are observed, and never doubled."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

import callspan
from callspan.testing import Fail, OpenAIServer, Recording, Say, record

ASKED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "m",
}


class Heard(callspan.Callback):
    """Notes what it hears of each run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def on_run_start(self, run: callspan.Run) -> None:
        self.note("start", run)

    def on_run_end(self, run: callspan.Run) -> None:
        self.note("end", run)

    def on_run_error(self, run: callspan.Run) -> None:
        self.note("error", run)

    def note(self, event: str, run: callspan.Run) -> None:
        """Write a line."""
        self.lines.append(f"{event} {run.kind} {run.name}{' of others' if run.is_foreign else ''}")


class Awaiting(Heard):
    """The same in asynchronous hooks."""

    async def on_run_start(self, run: callspan.Run) -> None:  # type: ignore[override]
        self.note("start", run)

    async def on_run_end(self, run: callspan.Run) -> None:  # type: ignore[override]
        self.note("end", run)


@pytest.fixture
def heard() -> Heard:
    """Who listens."""
    return Heard()


@pytest.fixture
def recording(heard: Heard) -> Iterator[Recording]:
    """LangChain is instrumented, and `heard` hears the process."""
    with record(callbacks=[heard]) as recording:
        yield recording


@pytest.fixture
def client(recording: Recording) -> Iterator[Any]:
    """A real client of OpenAI's that OpenTelemetry's own instrumentation watches."""
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.genai.openai", reason="not installed here")
    openai = pytest.importorskip("openai")
    instrumentor = instrumentation.OpenAIInstrumentor()
    with OpenAIServer(lambda request: Fail(500, "broken") if "fail" in str(request.body) else Say("hello")) as server:
        instrumentor.instrument(tracer_provider=recording.provider)
        try:
            with openai.OpenAI(base_url=server.base_url, api_key="sk-x", max_retries=0) as client:
                yield client
        finally:
            instrumentor.uninstrument()


def ask(client: Any, text: str = "hi") -> None:
    """Ask the model something."""
    client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": text}])


def test_a_call_of_the_providers_own_client_is_heard(client, heard):
    ask(client)
    assert heard.lines == ["start llm chat gpt-5-mini of others", "end llm chat gpt-5-mini of others"]


def test_its_model_and_usage_are_read_from_the_span(client, recording):
    seen = []
    with callspan.callbacks(callspan.Listen(on_end=lambda run: seen.append((run.model, run.provider, run.usage)))):
        ask(client)
    ((model, provider, usage),) = seen
    assert (model, provider, usage.input_tokens, usage.output_tokens) == ("gpt-5-mini", "openai", 11, 3)


def test_its_failure_is_an_error(client, heard):
    with pytest.raises(Exception, match="500"):
        ask(client, "fail")
    assert heard.lines == ["start llm chat gpt-5-mini of others", "error llm chat gpt-5-mini of others"]


def test_inside_a_models_run_it_is_the_same_call(client, heard):
    chat = pytest.importorskip("langchain_openai").ChatOpenAI(
        model="gpt-5-mini", base_url=str(client.base_url), api_key="sk-x"
    )
    chat.invoke("hi")
    assert heard.lines == ["start llm ChatOpenAI", "end llm ChatOpenAI"]


def test_in_another_run_it_has_that_for_a_parent(recording, heard):
    parents = []

    def body(x: int) -> int:
        with recording.tracer.start_as_current_span("chat m", attributes=ASKED):
            return x

    listen = callspan.Listen(on_start=lambda run: parents.append(run.parent and run.parent.name))
    with callspan.callbacks(listen):
        RunnableLambda(body, name="f").invoke(1)
    assert parents == [None, "f"]
    assert heard.lines == ["start chain f", "start llm chat m of others", "end llm chat m of others", "end chain f"]


def test_through_several_doors_it_is_heard_once(recording, heard):
    recording.provider.add_span_processor(heard)
    with callspan.callbacks(heard), recording.tracer.start_as_current_span("chat m", attributes=ASKED):
        pass
    assert heard.lines == ["start llm chat m of others", "end llm chat m of others"]


@pytest.mark.parametrize("kinds", ["tool", "execute_tool"])
def test_it_is_selected_by_kind_and_operation(recording, kinds):
    names: list[str] = []
    with callspan.callbacks(callspan.Listen(on_start=lambda run: names.append(run.name), kinds=kinds)):
        for operation in ("chat", "execute_tool", "retrieval", "invoke_agent", "something_else"):
            with recording.tracer.start_as_current_span(operation, attributes={"gen_ai.operation.name": operation}):
                pass
    assert names == ["execute_tool"]


def test_a_span_that_is_no_genai_span_is_no_run(recording, heard):
    with recording.tracer.start_as_current_span("GET"):
        pass
    assert heard.lines == []


def test_asynchronous_hooks_become_tasks(recording):
    awaiting = Awaiting()

    async def main() -> None:
        with callspan.callbacks(awaiting):
            with recording.tracer.start_as_current_span("chat m", attributes=ASKED):
                pass
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    asyncio.run(main())
    assert awaiting.lines == ["start llm chat m of others", "end llm chat m of others"]


@pytest.mark.may_log
def test_nobody_can_stop_it(recording, caplog):
    def stop(run: callspan.Run) -> None:
        raise callspan.Stop("no")

    with (
        callspan.callbacks(callspan.Listen(on_start=stop)),
        recording.tracer.start_as_current_span("chat m", attributes=ASKED),
    ):
        pass
    assert recording.tree() == "chat m\n"
    assert [entry.getMessage() for entry in caplog.records] == [
        "Listen.on_run_start cannot stop a run that another instrumentation watches"
    ]


def test_a_span_that_never_ends_keeps_nothing(recording, heard):
    span = recording.tracer.start_span("chat m", attributes=ASKED)
    gone = weakref.ref(span._callspan_run)
    del span
    gc.collect()
    assert gone() is None
    assert heard.lines == ["start llm chat m of others"]
