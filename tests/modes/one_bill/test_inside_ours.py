"""An instrumentation of the provider's client inside our run: it is silent, and we say what it knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.context import get_value
from tests.modes.one_bill.models import Chat, Completion, Embedder, Retriever

import callspan
from callspan.testing import CallTools, Fail, OpenAIServer, Say, ToolCall


async def drain(stream: AsyncIterator[Any]) -> None:
    """Take all of an asynchronous stream."""
    async for _ in stream:
        pass


CHATS = {
    "invoke": lambda model: model.invoke("hi"),
    "ainvoke": lambda model: model.ainvoke("hi"),
    "stream": lambda model: list(model.stream("hi")),
    "astream": lambda model: drain(model.astream("hi")),
    "astream_events": lambda model: drain(model.astream_events("hi", version="v2")),
    "batch": lambda model: model.batch(["hi", "hi"]),
    "abatch": lambda model: model.abatch(["hi", "hi"]),
}

VECTORS = {
    "embed_query": lambda embeddings: embeddings.embed_query("hi"),
    "embed_documents": lambda embeddings: embeddings.embed_documents(["hi"]),
    "aembed_query": lambda embeddings: embeddings.aembed_query("hi"),
    "aembed_documents": lambda embeddings: embeddings.aembed_documents(["hi"]),
}


@pytest.mark.parametrize("form", CHATS)
def test_a_chat_has_one_span_and_one_bill(form, use, official, recording, metrics):
    """Each call has one span, the HTTP request directly under it, and is measured once."""
    calls = 2 if "batch" in form else 1
    streamed = [f"callspan gen_ai.client.operation.time_to_first_chunk : {calls}"] if "stream" in form else []
    use("ChatOpenAI", CHATS[form], model="gpt", stream_usage=True)
    used = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
    assert recording.tree(attributes=used) == calls * (
        "chat gpt gen_ai.usage.input_tokens=11 gen_ai.usage.output_tokens=4\n"
        "  POST\n"
    )  # fmt: skip
    assert metrics.lines() == [
        f"callspan gen_ai.client.operation.duration : {calls}",
        *streamed,
        f"callspan gen_ai.client.token.usage input: {calls} x {11 * calls}",
        f"callspan gen_ai.client.token.usage output: {calls} x {4 * calls}",
    ]


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_a_stream_learns_its_responses_id(form, use, official, recording):
    """LangChain does not say which response a stream was; the client's instrumentation does."""
    use("ChatOpenAI", CHATS[form], model="gpt", stream_usage=True)
    assert recording.named("chat gpt").attributes["gen_ai.response.id"].startswith("chatcmpl-")


def test_a_stream_closed_early_is_still_one_call(use, official, recording, metrics):
    def first(model):
        stream = model.stream("hi")
        next(stream)
        stream.close()

    use("ChatOpenAI", first, model="gpt", stream_usage=True)
    assert recording.tree() == "chat gpt ~closed\n  POST\n"
    assert [line for line in metrics.lines() if not line.startswith("callspan ")] == []


def test_a_refused_call_is_one_failure(use, official, recording, metrics):
    client = pytest.importorskip("openai")
    with OpenAIServer([Fail(400, "no")]) as refusing, pytest.raises(client.BadRequestError):
        use("ChatOpenAI", CHATS["invoke"], model="gpt", base_url=refusing.base_url)
    chat, http = recording.tree().splitlines()
    assert (chat.startswith("chat gpt !"), http) == (True, "  POST !?")
    assert metrics.lines() == ["callspan gen_ai.client.operation.duration : 1"]


@pytest.mark.parametrize("form", VECTORS)
def test_embeddings_have_one_span_and_learn_what_was_used(form, use, official, recording, metrics):
    """LangChain never says what embeddings used, nor which model answered; the client's instrumentation does."""
    use("OpenAIEmbeddings", VECTORS[form], model="small", check_embedding_ctx_length=False)
    learned = ("gen_ai.usage.input_tokens", "gen_ai.response.model", "gen_ai.embeddings.dimension.count")
    (shown, http) = recording.tree(attributes=learned).splitlines()
    assert shown.startswith("embeddings small gen_ai.usage.input_tokens=")
    assert "gen_ai.response.model=small gen_ai.embeddings.dimension.count=" in shown
    assert http == "  POST"
    used = recording.named("embeddings small").attributes["gen_ai.usage.input_tokens"]
    assert metrics.lines() == [
        "callspan gen_ai.client.operation.duration : 1",
        f"callspan gen_ai.client.token.usage input: 1 x {used}",
    ]
    assert metrics.attributes("gen_ai.client.operation.duration")[0]["gen_ai.response.model"] == "small"


def test_callbacks_hear_what_embeddings_used(use, official):
    heard = []
    with callspan.callbacks(callspan.Listen(on_end=lambda run: heard.append(run.usage.input_tokens))):
        use("OpenAIEmbeddings", VECTORS["embed_query"], model="small", check_embedding_ctx_length=False)
    assert [count > 0 for count in heard] == [True]


@pytest.fixture
def priced(tmp_path, monkeypatch):
    """Each token costs a dollar."""
    file = tmp_path / "prices.json"
    file.write_text('{"*": {"input": 1000000, "output": 1000000}}')
    monkeypatch.setenv("CALLSPAN_PRICES", str(file))


def test_what_embeddings_cost_is_known_too(priced, use, official, recording):
    usage, budget = callspan.Usage(), callspan.Budget(cost=1000)
    with callspan.callbacks(usage, budget), callspan.workflow("both"):
        use("OpenAIEmbeddings", VECTORS["embed_query"], model="small", check_embedding_ctx_length=False)
        use("ChatOpenAI", CHATS["invoke"], model="gpt")
    embedded = recording.named("embeddings small").attributes
    cost = embedded["gen_ai.usage.cost"]
    assert cost == embedded["gen_ai.usage.input_tokens"] > 0
    assert recording.named("invoke_workflow both").attributes["langchain.total.cost"] == cost + 15
    assert (usage.total.calls, usage.total.cost, budget.left()["cost"]) == (2, cost + 15, 1000 - cost - 15)


def test_an_agents_calls_are_billed_once(use, official, recording, metrics):
    agents = pytest.importorskip("langchain.agents")
    if not hasattr(agents, "create_agent"):
        pytest.skip("create_agent came with langchain 1.0")

    def weather(city: str) -> str:
        """Say how the weather is."""
        return f"rain in {city}"

    with OpenAIServer([CallTools(ToolCall("weather", {"city": "Ulm"})), Say("rain")]) as server:
        use("ChatOpenAI", lambda model: agents.create_agent(model, [weather], name="wx").invoke(
            {"messages": [("user", "weather?")]}), model="gpt", base_url=server.base_url)  # fmt: skip
    names = [span.name for span in recording.spans]
    assert [names.count(name) for name in ("chat gpt", "POST", "execute_tool weather")] == [2, 2, 1]
    agent, first, second = recording.named("invoke_agent wx"), *(s for s in recording.spans if s.name == "chat gpt")
    used = "gen_ai.usage.input_tokens"
    assert agent.attributes["langchain.total.input_tokens"] == first.attributes[used] + second.attributes[used]
    assert {line.partition(" ")[0] for line in metrics.lines()} == {"callspan"}


# Other instrumentations by the agreement alone: what they write into the record.


@pytest.fixture
def handler(recording, metrics):
    """What another instrumentation of OpenTelemetry's kind is written with."""
    module = pytest.importorskip("opentelemetry.util.genai.handler", reason="needs opentelemetry-util-genai")
    return module.TelemetryHandler(tracer_provider=recording.provider, meter_provider=metrics.provider)


def inference(handler, **said):
    """Stand for a provider's client that another instrumentation watches."""

    def call():
        with handler.inference("acme", request_model="inner", server_address="acme.test", server_port=8443) as call:
            call.response_id, call.response_model_name = "r1", "inner-1"
            call.input_tokens, call.output_tokens = 5, 7
            for name, value in said.items():
                setattr(call, name, value)

    return call


def test_what_we_do_not_know_is_taken_over(handler, recording, metrics):
    Chat(body=inference(handler, attributes={"acme.region": "eu"})).invoke("hi")
    (span,) = recording.spans
    said = span.attributes
    assert (span.name, said["gen_ai.request.model"], said["gen_ai.response.model"]) == ("chat", "inner", "inner-1")
    assert (said["server.address"], said["server.port"], said["acme.region"]) == ("acme.test", 8443, "eu")
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (5, 7)
    assert metrics.lines() == [
        "callspan gen_ai.client.operation.duration : 1",
        "callspan gen_ai.client.token.usage input: 1 x 5",
        "callspan gen_ai.client.token.usage output: 1 x 7",
    ]
    assert metrics.attributes("gen_ai.client.operation.duration") == [
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "acme",
            "gen_ai.request.model": "inner",
            "gen_ai.response.model": "inner-1",
            "server.address": "acme.test",
            "server.port": 8443,
        }
    ]


def test_of_what_both_know_ours_counts(handler, recording):
    metadata = {"thread_id": "ours", "ls_provider": "openai"}
    Chat(body=inference(handler, conversation_id="theirs"), metadata=metadata).invoke("hi")
    said = recording.named("chat").attributes
    assert (said["gen_ai.provider.name"], said["gen_ai.conversation.id"]) == ("openai", "ours")


def test_what_was_said_is_not_taken_over(handler, recording):
    def body():
        record = get_value("opentelemetry.genai.client.inference.context")
        record.input_messages, record.response_id = ["secret"], "r1"

    Chat(body=body).invoke("hi")
    said = recording.named("chat").attributes
    assert (said["gen_ai.response.id"], "gen_ai.input.messages" in said) == ("r1", False)


def test_totals_have_what_the_inner_one_counted(handler, recording):
    (RunnableLambda(lambda x: x) | Chat(body=inference(handler))).invoke("hi", {"run_name": "root"})
    said = recording.named("invoke_workflow root").attributes
    assert (said["langchain.total.input_tokens"], said["langchain.total.output_tokens"]) == (5, 7)


def chain(body):
    """Make a chain of the body."""
    return RunnableLambda(lambda x: body()).with_config(run_name="f")


@pytest.mark.parametrize(
    ("outer", "tree"),
    [
        (lambda body: Chat(body=body).invoke("hi"), "chat\n"),
        (lambda body: Completion(body=body).invoke("hi"), "text_completion\n"),
        (lambda body: Completion(body=body).generate(["a", "b"]), "text_completion\ntext_completion\n"),
        (lambda body: Embedder(body).embed_query("hi"), "embeddings\n  chat inner\n"),
        (lambda body: Retriever(body=body).invoke("hi"), "retrieval\n  chat inner\n"),
        (lambda body: chain(body).invoke(1), "invoke_workflow f\n  chat inner\n"),
        (
            lambda body: Chat(body=lambda: chain(body).invoke(1)).invoke("hi"),
            "chat\n  chain f\n    chat inner\n",
        ),
        (lambda body: Chat(body=lambda: Retriever(body=body).invoke("q")).invoke("hi"),
         "chat\n  retrieval\n    chat inner\n"),
        (lambda body: Chat(body=lambda: Chat(body=body).invoke("q")).invoke("hi"), "chat\n  chat\n"),
    ],
    ids=["chat", "completion", "prompts", "embeddings", "retriever", "chain", "chain in a chat", "retriever in a chat",
         "chat in a chat"],
)  # fmt: skip
def test_a_call_is_the_same_only_as_that_of_the_run_it_is_made_in(outer, tree, handler, recording):
    """An inference in the body of a model's run is that run; anywhere else it is a call of its own."""
    outer(inference(handler))
    assert recording.tree() == tree


@pytest.mark.parametrize("kind", ["embedding", "retrieval"])
def test_embeddings_and_retrievals_are_agreed_on_too(kind, handler, recording):
    def body():
        given = {"provider": "acme"} if kind == "embedding" else {"provider": "acme", "data_source_id": "bears"}
        with getattr(handler, kind)(**given, server_address="acme.test"):
            pass

    if kind == "embedding":
        Embedder(body).embed_query("hi")
    else:
        Retriever(body=body).invoke("hi")
    (span,) = recording.spans
    assert span.attributes["server.address"] == "acme.test"


def test_a_hidden_run_still_silences_the_inner_one(handler, recording, metrics):
    RunnableLambda(lambda x: Chat(body=inference(handler), tags=["langsmith:hidden"]).invoke("hi")).invoke(
        1, {"run_name": "root"}
    )
    assert recording.tree() == "invoke_workflow root\n"
    assert "callspan gen_ai.client.token.usage input: 1 x 5" in metrics.lines()
