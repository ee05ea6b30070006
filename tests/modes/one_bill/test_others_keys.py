"""Instrumentations of models that have a key of their own: OpenLLMetry's are silent where it is set."""

from __future__ import annotations

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.context import attach, detach, get_current, get_value, set_value
from tests.modes.one_bill.models import Chat, Completion, Embedder, Retriever

KEY = "suppress_language_model_instrumentation"


@pytest.mark.parametrize(
    ("call", "silent"),
    [
        (lambda body: Chat(body=body).invoke("hi"), True),
        (lambda body: list(Chat(body=body).stream("hi")), True),
        (lambda body: Completion(body=body).generate(["a", "b"]), True),
        (lambda body: Embedder(body).embed_query("hi"), True),
        (lambda body: Retriever(body=body).invoke("hi"), False),
        (lambda body: Chat(body=lambda: RunnableLambda(lambda x: body()).invoke(1)).invoke("hi"), False),
        (lambda body: Chat(body=lambda: Retriever(body=body).invoke("q")).invoke("hi"), False),
    ],
    ids=["chat", "stream", "prompts", "embeddings", "retriever", "chain in a chat", "retriever in a chat"],
)
def test_the_key_is_set_exactly_in_the_bodies_of_models(call, silent, recording):
    seen = []
    call(lambda: seen.append(bool(get_value(KEY))))
    assert set(seen) == {silent}
    assert KEY not in get_current()


def test_what_somebody_else_has_set_stays(recording):
    """The user, or another instrumentation, wants silence in the whole block."""
    seen = []
    token = attach(set_value(KEY, True))
    try:
        Chat(body=lambda: RunnableLambda(lambda x: seen.append(get_value(KEY))).invoke(1)).invoke("hi")
    finally:
        detach(token)
    assert seen == [True]


def test_the_key_does_not_silence_us(recording):
    """OpenLLMetry sets it in its own LangChain spans, and has left it set behind them; our spans stay."""
    token = attach(set_value(KEY, True))
    try:
        Chat(body=lambda: None).invoke("hi")
    finally:
        detach(token)
    assert recording.tree() == "chat\n"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the instrumentation's own
def test_openllmetrys_instrumentation_of_the_client_is_silent(use, recording):
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.openai", reason="needs OpenLLMetry's")
    instrumentor = instrumentation.OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=recording.provider)
    try:
        use("ChatOpenAI", lambda model: model.invoke("hi"), model="gpt")
        use("OpenAIEmbeddings", lambda it: it.embed_query("hi"), model="small", check_embedding_ctx_length=False)
    finally:
        instrumentor.uninstrument()
    assert recording.tree() == "chat gpt\nembeddings small\n"
