"""Another instrumentation's invocation around our run: it has the span, and we tell it what we know."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.language_models import FakeMessagesListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from tests.modes.one_bill.models import Embedder, Retriever

import callspan

handlers = pytest.importorskip("opentelemetry.util.genai.handler", reason="needs opentelemetry-util-genai")

USAGE = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}


@pytest.fixture
def handler(recording, metrics):
    """What another instrumentation of OpenTelemetry's kind is written with."""
    return handlers.TelemetryHandler(tracer_provider=recording.provider, meter_provider=metrics.provider)


def model(**options: Any) -> FakeMessagesListChatModel:
    """Answer with a message that says which response it is and what it used."""
    said = {"model_name": "inner-1", "finish_reason": "stop", "id": "r1", "system_fingerprint": "fp"}
    answer = AIMessage("done", response_metadata=said, usage_metadata=USAGE)
    return FakeMessagesListChatModel(responses=[answer], metadata={"ls_model_name": "inner"}, **options)


CALLS = {
    "invoke": lambda model: model.invoke("hi"),
    "ainvoke": lambda model: asyncio.run(model.ainvoke("hi")),
    "stream": lambda model: list(model.stream("hi")),
    "generate": lambda model: model.generate([[]]),
    "in a chain": lambda model: (RunnableLambda(lambda x: x) | model).invoke("hi", {"run_name": "root"}),
}


@pytest.mark.parametrize("form", CALLS)
def test_a_models_run_has_no_span_and_no_bill_of_its_own(form, handler, recording, metrics):
    """The outer span has what we know of the call, and is measured with it."""
    with handler.inference("acme", request_model="outer"):
        CALLS[form](model())
    outer = recording.named("chat outer").attributes
    assert [span.name for span in recording.spans if span.name.startswith("chat")] == ["chat outer"]
    assert (outer["gen_ai.provider.name"], outer["gen_ai.request.model"]) == ("acme", "outer")
    assert (outer["gen_ai.response.id"], outer["gen_ai.response.model"]) == ("r1", "inner-1")
    assert (outer["gen_ai.usage.input_tokens"], outer["gen_ai.usage.output_tokens"]) == (5, 7)
    assert outer["openai.response.system_fingerprint"] == "fp"
    assert outer["langchain.run.name"] == "FakeMessagesListChatModel"
    assert [line for line in metrics.lines() if "token" in line] == [
        "opentelemetry.util.genai.handler gen_ai.client.token.usage input: 1 x 5",
        "opentelemetry.util.genai.handler gen_ai.client.token.usage output: 1 x 7",
    ]
    assert [line for line in metrics.lines() if line.startswith("callspan gen_ai.client")] == []


def test_the_chains_around_it_keep_their_spans_and_their_totals(handler, recording):
    def body(x):
        with handler.inference("acme", request_model="outer"):
            return model().invoke(x)

    RunnableLambda(body).invoke("hi", {"run_name": "root"})
    assert recording.tree(attributes=("langchain.total.input_tokens",)) == (
        "invoke_workflow root langchain.total.input_tokens=5\n"
        "  chat outer\n"
    )  # fmt: skip


def test_callbacks_hear_the_run_and_its_tokens_once(handler, recording):
    heard, used = [], []

    def end(run):
        heard.append(f"{run.kind} {run.model}{' of others' if run.is_foreign else ''}")
        used.append(run.usage.input_tokens)

    with callspan.callbacks(callspan.Listen(on_end=end)), handler.inference("acme", request_model="outer"):
        model().invoke("hi")
    assert heard == ["llm inner", "llm outer of others"]
    assert used == [5, None]


def test_usage_and_budget_count_it_once(handler, recording):
    usage, budget = callspan.Usage(), callspan.Budget(tokens=100, calls=10)
    with callspan.callbacks(usage, budget), handler.inference("acme", request_model="outer"):
        model().invoke("hi")
    assert (usage.total.calls, usage.total.input_tokens, usage.total.uncounted) == (1, 5, 0)
    assert budget.left()["calls"] == 9
    assert budget.left()["tokens"] == 100 - usage.total.tokens


def test_a_callback_still_stops_it(handler, recording):
    class No(callspan.Callback):
        def on_llm_start(self, run):
            if not run.is_foreign:
                raise callspan.Stop("no")

    with callspan.callbacks(No()), pytest.raises(callspan.Stop), handler.inference("acme", request_model="outer"):
        model().invoke("hi")
    assert recording.tree() == "chat outer !callspan.Stop\n"


def test_a_failure_is_that_of_the_outer_span(handler, recording):
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), handler.embedding("acme", request_model="outer"):
        Embedder(fail).embed_query("hi")
    assert recording.tree() == "embeddings outer !ValueError\n"


def test_embeddings_and_retrievals_are_agreed_on_too(handler, recording):
    with handler.embedding("acme", request_model="e"):
        Embedder(lambda: None).embed_query("hi")
    with handler.retrieval(data_source_id="bears"):
        Retriever(body=lambda: None).invoke("hi")
    assert recording.tree(attributes=("langchain.run.name",)) == (
        "embeddings e langchain.run.name=Embedder\n"
        "retrieval bears langchain.run.name=Retriever\n"
    )  # fmt: skip


@pytest.mark.parametrize("outer", ["embedding", "retrieval", "tool", "invoke_local_agent", "workflow"])
def test_an_invocation_of_another_kind_is_another_call(outer, handler, recording):
    """A model inside another instrumentation's retrieval, tool, agent or workflow has its own span, in that one."""
    given = {"embedding": ("acme",), "tool": ("name",)}.get(outer, ())
    with getattr(handler, outer)(*given):
        model().invoke("hi")
    first, second = recording.tree().splitlines()
    assert (first.startswith(" "), second) == (False, "  chat inner")


def test_what_runs_inside_a_watched_run_writes_into_the_same_span(handler, recording):
    """A provider's instrumentation inside our run inside another's: one span, the outermost."""

    def body():
        with handler.embedding("acme", request_model="e") as inner:
            inner.input_tokens = 3

    with handler.embedding("acme", request_model="outer"):
        Embedder(body).embed_query("hi")
    assert recording.tree(attributes=("gen_ai.usage.input_tokens",)) == (
        "embeddings outer gen_ai.usage.input_tokens=3\n"
    )


def test_a_span_in_the_body_hangs_under_the_outer_one(handler, recording, http):
    with handler.embedding("acme", request_model="outer"):
        Embedder(http).embed_query("hi")
    assert recording.tree() == "embeddings outer\n  http\n"


def test_after_the_outer_invocation_runs_have_their_spans_again(handler, recording):
    with handler.inference("acme", request_model="outer"):
        pass
    model().invoke("hi")
    assert recording.tree() == "chat outer\nchat inner\n"


def test_a_stream_reports_how_long_its_first_chunk_took(handler, recording):
    with handler.inference("acme", request_model="outer"):
        list(GenericFakeChatModel(messages=iter([AIMessage("two words")])).stream("hi"))
    said = recording.named("chat outer").attributes
    assert (said["gen_ai.request.stream"], said["gen_ai.response.time_to_first_chunk"] >= 0) == (True, True)
