"""Each kind of run, in each form of a call: its start before its body, its end or its error after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from langchain_core.tools import StructuredTool
from opentelemetry.trace import StatusCode
from tests.callbacks.forms import FORMS, in_form
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ANSWER, ChatInvoking, ChatNative, ChatStreaming
from tests.modes.models.completion_models import Completing, CompletingNative
from tests.modes.retrievers.embedders import DOCUMENT, VECTOR, Embedder, EmbedderNative, Retriever, RetrieverNative

from callspan import TokenCounts

Fn = Callable[..., Any]


def look(body: Fn) -> StructuredTool:
    """Make a tool that is asked where."""

    def look(where: str) -> str:
        """Look."""
        body()
        return "seen"

    async def alook(where: str) -> str:
        return look(where)

    return StructuredTool.from_function(look, alook, name="look", description="Look.")


def letters(body: Fn) -> RunnableGenerator[Any, Any]:
    """Make a generator that hands on what it gets."""

    def letters(chunks: Any) -> Any:
        for chunk in chunks:
            body()
            yield chunk

    async def aletters(chunks: Any) -> Any:
        async for chunk in chunks:
            body()
            yield chunk

    return RunnableGenerator(letters, aletters, name="letters")


def f(body: Fn) -> RunnableLambda[Any, Any]:
    """Make a lambda that answers with its input."""

    def f(value: Any) -> Any:
        body()
        return value

    async def af(value: Any) -> Any:
        return f(value)

    return RunnableLambda(f, af, name="f")


THINGS: dict[str, tuple[str, str, Fn, Any]] = {
    "a chat model that streams": ("chat_model", "llm", lambda body: ChatNative(body=body), "hello"),
    "a chat model with threads": ("chat_model", "llm", lambda body: ChatStreaming(body=body), "hello"),
    "a chat model that only answers": ("chat_model", "llm", lambda body: ChatInvoking(body=body), "hello"),
    "a completion model": ("llm", "llm", lambda body: CompletingNative(body=body), "hello"),
    "a completion model with threads": ("llm", "llm", lambda body: Completing(body=body), "hello"),
    "a lambda": ("chain", "chain", f, "hello"),
    "a generator": ("chain", "chain", letters, "hello"),
    "a tool": ("tool", "tool", look, {"where": "there"}),
    "a retriever": ("retriever", "retriever", lambda body: RetrieverNative(body=body), "hello"),
    "a retriever with threads": ("retriever", "retriever", lambda body: Retriever(body=body), "hello"),
}
"""By what it is: the word of its start, that of its end, how it is made from its body, and what it is asked."""

NAMES = {"a lambda": "f", "a generator": "letters", "a tool": "look"}

TOKENS = ("llm_new_token",)


def _lines(what: str, made: Any, *ending: str) -> list[str]:
    start, end, *_ = THINGS[what]
    name = NAMES.get(what, type(made).__name__)
    how, *said = ending
    tail = " ".join([name, *said])
    return [f"run_start {name}", f"{start}_start {name}", "body", f"{end}_{how} {tail}", f"run_{how} {tail}"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", THINGS)
def test_answered(what: str, form: str, recorder: Any, recording: Any, body: Fn) -> None:
    """Whoever hears a run hears its start before the body and its end after it, both inside the recording span."""
    _, kind, make, asked = THINGS[what]
    made = make(body)
    recorder.kinds, recorder.names = kind, NAMES.get(what, type(made).__name__)
    in_form(form, made, asked)
    assert recorder.without(*TOKENS) == _lines(what, made, "end")
    assert all(span.status.status_code is StatusCode.UNSET for span in recording.spans)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", THINGS)
def test_failed(what: str, form: str, recorder: Any, recording: Any, body: Fn) -> None:
    """If the body fails an error is heard instead of the end, and the span is one."""
    error = LookupError("no such thing")

    def failing(*args: Any) -> None:
        body()
        raise error

    _, kind, make, asked = THINGS[what]
    made = make(failing)
    recorder.kinds, recorder.names = kind, NAMES.get(what, type(made).__name__)
    with pytest.raises(LookupError) as raised:
        in_form(form, made, asked)
    assert raised.value is error
    assert recorder.without(*TOKENS) == _lines(what, made, "error", "!LookupError")
    assert {run.error for event, run, _ in recorder.told if event.endswith("error")} == {error}
    assert all(span.status.status_code is StatusCode.ERROR for span in recording.spans)


@pytest.mark.parametrize("form", ["embed_query", "aembed_query", "embed_documents", "aembed_documents"])
@pytest.mark.parametrize("embedder", [Embedder, EmbedderNative])
@pytest.mark.parametrize("where", ["alone", "in a chain"])
def test_embedded(form: str, embedder: Any, where: str, recorder: Any, recording: Any, body: Fn) -> None:
    """Embeddings, of which LangChain tells nothing, are heard once in each form."""
    made, asked = embedder(body), ["a", "b"] if "documents" in form else "a"
    recorder.kinds = "embedding"

    async def aembed(value: Any) -> Any:
        return await getattr(made, form)(asked)

    if where == "alone":
        call(form, made, asked)
    elif form.startswith("a"):
        call("ainvoke", RunnableLambda(aembed), "x")
    else:
        call("invoke", RunnableLambda(lambda value: getattr(made, form)(asked)), "x")
    name = embedder.__name__
    assert recorder.heard == [
        f"run_start {name}", f"embedding_start {name}", "body", f"embedding_end {name}", f"run_end {name}",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["embed_query", "aembed_query", "embed_documents", "aembed_documents"])
def test_embedding_fails(form: str, recorder: Any, recording: Any) -> None:
    """An embedding model that fails is heard as an error."""

    def failing() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        call(form, EmbedderNative(failing), ["a"] if "documents" in form else "a")
    assert recorder.heard == [
        "run_start EmbedderNative",
        "embedding_start EmbedderNative",
        "embedding_error EmbedderNative !LookupError",
        "run_error EmbedderNative !LookupError",
    ]


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
@pytest.mark.parametrize(
    ("what", "inputs", "outputs"),
    [
        ("a lambda", "hello", "hello"),
        ("a tool", "{'where': 'there'}", "seen"),
        ("a retriever", "hello", [DOCUMENT]),
        ("a completion model", "hello", LLMResult),
        ("a chat model that streams", ["hello"], LLMResult),
    ],
)
def test_what_a_run_has(
    what: str, inputs: Any, outputs: Any, form: str, recorder: Any, recording: Any, body: Fn
) -> None:
    """A run has LangChain's own objects, its times and its span."""
    _, kind, make, asked = THINGS[what]
    in_form(form, make(body), asked)
    event, run, _ = recorder.told[-1]
    assert (event, run.kind, run.outcome, run.error) == ("on_run_end", kind, "ok", None)
    assert [each.content for each in run.inputs] == inputs if what.startswith("a chat") else run.inputs == inputs
    assert type(run.outputs) is outputs if isinstance(outputs, type) else run.outputs == outputs
    assert run.parent is None
    assert run.root is run
    assert run.duration >= 0
    (span,) = recording.spans
    assert (span.context, span.start_time) == (run.span.get_span_context(), run.started)


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_what_a_model_has(form: str, recorder: Any, recording: Any) -> None:
    """A chat model's run has its messages, its answer and its counts; before the end only what was asked."""
    at_start = []
    recorder.wants = lambda run: at_start.append((run.message, run.usage, run.outputs, run.duration)) or True
    in_form(form, ChatNative(model="gpt"), "hello")
    run = recorder.told[-1][1]
    assert at_start == [(None, TokenCounts(), None, None)]
    assert [message.content for message in run.messages] == ["hello"]
    assert isinstance(run.message, AIMessage)
    assert (run.message.content, run.model, run.operation) == (ANSWER, "gpt", "chat")
    assert (run.usage.input_tokens, run.usage.output_tokens) == (3, 2)
    assert (run.time_to_first_token is not None) is form.endswith("stream")


def test_what_was_found_and_embedded(recorder: Any, recording: Any) -> None:
    """A retriever's run has its documents, an embedding's what is embedded; of the vectors it has none."""
    documents = RetrieverNative(body=lambda: None).invoke("bears")
    assert Embedder(lambda: None).embed_documents(["bears"]) == [VECTOR]
    assert Embedder(lambda: None).embed_query(text="bears") == VECTOR
    ends = [(run.inputs, run.outputs) for event, run, _ in recorder.told if event == "on_run_end"]
    assert documents == [DOCUMENT]
    assert ends == [("bears", documents), (["bears"], None), ("bears", None)]


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_the_runs_around(form: str, recorder: Any, recording: Any) -> None:
    """A run inside another knows its parent and its root, and shares no state with them unless it asks."""
    chain = f(lambda: None) | f(lambda: None)
    in_form(form, chain, "x")
    sequence, first = (run for event, run, _ in recorder.told[:3] if event == "on_run_start")
    assert (first.parent, first.root, first.parent_id) == (sequence, sequence, sequence.id)
    first.root.state[recorder] = 1
    assert (sequence.state, first.state) == ({recorder: 1}, {})
