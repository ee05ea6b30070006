"""`callspan.session`: whose calls these are, on every span of the block, and on metrics only by labels."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda, RunnableParallel
from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult

import callspan
from callspan.testing import record

WHO = ("session.id", "user.id", "tenant", "gen_ai.conversation.id")


def model(body=lambda: None, **options):
    """Make a chat model that calls the body and says two words."""

    def words():
        while True:
            body()
            yield AIMessage("two words")

    return GenericFakeChatModel(messages=words(), **options)


def chain(body=lambda: None, name="root"):
    """Make a chain of a body and a model."""
    return (RunnableLambda(lambda x: body() or x).with_config(run_name="step") | model()).with_config(run_name=name)


def test_every_span_within_says_it_ours_and_others(recording, tree, http):
    with callspan.session("s1", user="u1", tenant="acme"):
        chain(http).invoke("hi")
        http("alone")
    chain(http).invoke("hi")
    said = "session.id=s1 user.id=u1 tenant=acme"
    assert tree(attributes=WHO) == (
        f"invoke_workflow root {said} gen_ai.conversation.id=s1\n"
        f"  chain step {said} gen_ai.conversation.id=s1\n"
        f"    http {said}\n"
        f"  chat {said} gen_ai.conversation.id=s1\n"
        f"alone {said}\n"
        "invoke_workflow root\n"
        "  chain step\n"
        "    http\n"
        "  chat\n"
    )


FORMS = {
    "invoke": lambda it: it.invoke("hi"),
    "stream": lambda it: list(it.stream("hi")),
    "batch": lambda it: it.batch(["hi", "hi"]),
    "ainvoke": lambda it: asyncio.run(it.ainvoke("hi")),
    "abatch": lambda it: asyncio.run(it.abatch(["hi", "hi"])),
    "parallel": lambda it: RunnableParallel(a=it, b=it).invoke("hi"),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_holds_in_every_form_of_call(form, recording, http):
    with callspan.session("s1"):
        FORMS[form](chain(http))
    assert {span.attributes.get("session.id") for span in recording.spans} == {"s1"}


def test_in_a_session_within_another_the_inner_ones_words_count(recording, tree, http):
    with callspan.session("outer", user="u1", tenant="acme"):
        with callspan.session("inner", tenant="other"):
            http("in both")
        http("in one")
    assert tree(attributes=WHO) == (
        "in both session.id=inner user.id=u1 tenant=other\n"
        "in one session.id=outer user.id=u1 tenant=acme\n"
    )  # fmt: skip


def test_a_session_that_is_opened_in_a_run_holds_below_it(recording, tree):
    def body():
        with callspan.session("inner"):
            RunnableLambda(lambda x: x).invoke(1, {"run_name": "sub"})

    with callspan.session("outer"):
        chain(body).invoke("hi")
    assert tree(attributes=WHO) == (
        "invoke_workflow root session.id=outer gen_ai.conversation.id=outer\n"
        "  chain step session.id=outer gen_ai.conversation.id=outer\n"
        "    chain sub session.id=inner gen_ai.conversation.id=inner\n"
        "  chat session.id=outer gen_ai.conversation.id=outer\n"
    )


def test_tasks_have_a_session_each(recording):
    async def one(name):
        with callspan.session(name):
            await asyncio.sleep(0)
            await chain(name=name).ainvoke("hi")

    async def go():
        await asyncio.gather(one("a"), one("b"))

    asyncio.run(go())
    assert sorted(
        (span.name, span.attributes["session.id"]) for span in recording.spans if "root" not in span.name
    ) == [
        *[("chain step", name) for name in "ab"],
        *[("chat", name) for name in "ab"],
        *[(f"invoke_workflow {name}", name) for name in "ab"],
    ]


def test_a_thread_that_gets_the_context_has_the_session(recording):
    with callspan.session("s1"), ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, chain().invoke, "hi").result()
    assert {span.attributes.get("session.id") for span in recording.spans} == {"s1"}


def test_a_bare_thread_has_that_of_the_parent_that_it_names(recording):
    """Where the context is lost the run's parent is found by its id, and so is the session."""

    def body(x, config):
        thread = threading.Thread(target=lambda: RunnableLambda(lambda y: y).invoke(1, {**config, "run_name": "lost"}))
        thread.start()
        thread.join()

    with callspan.session("s1"):
        RunnableLambda(body).invoke(1, {"run_name": "root"})
    assert recording.named("chain lost").attributes["session.id"] == "s1"


def test_a_generator_keeps_its_session_between_its_steps(recording, tree, http):
    """What was begun in the block goes on in it, whoever takes the next step."""
    with callspan.session("s1"):
        stream = RunnableLambda(lambda x: model(http)).with_config(run_name="root").stream("hi")
        next(stream)
    http("between")
    list(stream)
    assert {span.name: span.attributes.get("session.id") for span in recording.spans} == {
        "between": None,
        "http": "s1",
        "chat": "s1",
        "invoke_workflow root": "s1",
    }


@pytest.mark.parametrize(
    ("config", "conversation"),
    [
        ({}, "s1"),
        ({"metadata": {"thread_id": "t1"}}, "t1"),
        ({"metadata": {"session_id": "m1"}}, "s1"),
        ({"metadata": {"conversation_id": "m1"}}, "s1"),
        ({"metadata": {"thread_id": "t1", "session_id": "m1"}}, "t1"),
    ],
    ids=str,
)
def test_the_conversation_is_the_thread_else_the_session_else_what_the_metadata_says(config, conversation, recording):
    with callspan.session("s1"):
        chain().invoke("hi", config)
    assert {span.attributes["gen_ai.conversation.id"] for span in recording.spans} == {conversation}


def test_without_a_session_the_metadata_says_it(recording):
    chain().invoke("hi", {"metadata": {"session_id": "m1"}})
    assert {span.attributes["gen_ai.conversation.id"] for span in recording.spans} == {"m1"}


def test_below_a_hidden_run_it_holds(http):
    with record(detail="calls") as recording, callspan.session("s1"):
        chain().invoke("hi")
    assert {span.name: span.attributes["session.id"] for span in recording.spans} == {
        "invoke_workflow root": "s1",
        "chat": "s1",
    }


def test_sampled_out_calls_go_on():
    with record(sampler=ALWAYS_OFF) as recording, callspan.session("s1"):
        assert chain().invoke("hi").content == "two words"
    assert recording.spans == []


def test_a_sampler_sees_it():
    seen = []

    class Watching(Sampler):
        def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, *args, **kwargs):
            seen.append(attributes["session.id"])
            return SamplingResult(Decision.DROP)

        def get_description(self):
            return "watching"

    with record(sampler=Watching()), callspan.session("s1"):
        chain().invoke("hi")
    assert set(seen) == {"s1"}


def test_a_span_that_says_it_itself_keeps_its_own(recording):
    with callspan.session("s1"):
        recording.tracer.start_span("own", attributes={"session.id": "mine"}).end()
        recording.tracer.start_span("root", context=Context()).end()
    assert [span.attributes["session.id"] for span in recording.spans] == ["mine", "s1"]


def test_only_labels_are_on_metrics():
    reader = InMemoryMetricReader()
    who = callspan.session("s1", user="u1", labels={"tier": "gold"}, tenant="acme")
    with record(meter_provider=MeterProvider([reader])) as recording, who:
        model().invoke("hi")
    (span,) = recording.spans
    assert (span.attributes["tier"], span.attributes["tenant"]) == ("gold", "acme")
    points = [
        dict(point.attributes)
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]
    assert [
        (point.get("tier"), set(point) & {"session.id", "user.id", "tenant", "gen_ai.conversation.id"})
        for point in points
    ] == [("gold", set())]  # fmt: skip


def test_the_providers_of_models_are_not_told(recording):
    """In the body of a model or embeddings the baggage says neither session nor user; a tool's own calls take it on."""
    seen = {}

    def look(where):
        seen[where] = dict(baggage.get_all())

    class Embeddings(DeterministicFakeEmbedding):
        def embed_query(self, text):
            look("embeddings")
            return [1.0]

    with callspan.session("s1", user="u1"):
        RunnableLambda(lambda x: look("chain")).invoke(1)
        model(lambda: look("model")).invoke("hi")
        Embeddings(size=1).embed_query("hi")
    assert seen == {"chain": {"session.id": "s1", "user.id": "u1"}, "model": {}, "embeddings": {}}
    assert {span.attributes["session.id"] for span in recording.spans} == {"s1"}


@pytest.mark.parametrize("wrong", ["", None, 1.5, ["a"]])
def test_what_is_no_id_is_refused(wrong):
    with pytest.raises(ValueError, match="is no id"), callspan.session(wrong):
        pass
    with pytest.raises(ValueError, match="is no id"), callspan.session("s1", user="" if wrong is None else wrong):
        pass


def test_values_that_a_span_cannot_hold_are_left_out(recording, http):
    with callspan.session(7, cart=object(), items=["a", "b"], ratio=0.5):
        http()
    assert dict(recording.named("http").attributes) == {"session.id": "7", "items": ("a", "b"), "ratio": 0.5}


def test_nothing_of_it_is_redacted():
    """The ids are the program's own words, whatever they look like."""
    with (
        record(content="span_only", redact="all") as recording,
        callspan.session("a@b.example", user="4111111111111111"),
    ):
        chain().invoke("hi")
    assert {(span.attributes["session.id"], span.attributes["user.id"]) for span in recording.spans} == {
        ("a@b.example", "4111111111111111")
    }


def test_one_processor_is_put_on_a_provider_however_often(recording, http):
    before = len(recording.provider._active_span_processor._span_processors)
    for _ in range(3):
        with callspan.session("s1"):
            http()
    assert len(recording.provider._active_span_processor._span_processors) == before + 1
