"""What a model's span says of the call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from opentelemetry.trace import SpanKind, StatusCode
from tests.modes.models.calls import call, failing
from tests.modes.models.chat_models import WORDS, ChatInvoking, ChatNative, ChatStreaming
from tests.modes.models.completion_models import CompletingNative

RUN_ID = "11111111-1111-4111-8111-111111111111"
CONFIG: Any = {"run_name": "my run", "run_id": RUN_ID, "tags": ["mine", "yours"], "metadata": {"who": "me"}}


def own(span: Any) -> dict[str, Any]:
    """Give a span's attributes of the two families that a model's span has."""
    return {key: value for key, value in span.attributes.items() if key.startswith(("gen_ai.", "langchain.", "error."))}


@pytest.mark.without_content
@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_chat(form: str, native: ChatNative, recording: Any) -> None:
    """A chat model's span says the operation, the provider, both models, the tokens and LangChain's run."""
    call(form, native, "hello", CONFIG)
    span = recording.named("chat m")
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    said = own(span)
    if "stream" in form:
        assert said.pop("gen_ai.request.stream") is True
        duration = (span.end_time - span.start_time) / 1e9
        assert 0 <= said.pop("gen_ai.response.time_to_first_chunk") <= duration
    assert said == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "native",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-1",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 2,
        "langchain.metadata.who": "me",
        "langchain.run.id": RUN_ID,
        "langchain.run.name": "my run",
        "langchain.run.tags": ("mine", "yours"),
        "langchain.run.type": "llm",
    }


def test_chat_without_a_run_name(native: ChatNative, recording: Any) -> None:
    """A run that nobody named has the model's class as its name."""
    native.invoke("hello")
    assert recording.named("chat m").attributes["langchain.run.name"] == "ChatNative"


@pytest.mark.without_content
def test_completion(recording: Any) -> None:
    """A completion model's span says the same, with counts as OpenAI's completions report them."""
    CompletingNative().invoke("hello", CONFIG)
    span = recording.named("text_completion m")
    assert span.kind is SpanKind.CLIENT
    assert own(span) == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "completingnative",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-1",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 2,
        "langchain.metadata.who": "me",
        "langchain.run.id": RUN_ID,
        "langchain.run.name": "my run",
        "langchain.run.tags": ("mine", "yours"),
        "langchain.run.type": "llm",
    }


def test_failed_call(native: ChatNative, recording: Any) -> None:
    """A failed call has the error's type and an ERROR status, an event with its text, and no tokens."""
    native.body = failing(native.body, LookupError("no such thing"))
    with pytest.raises(LookupError):
        native.invoke("hello")
    span = recording.named("chat m")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "LookupError"
    assert "gen_ai.usage.input_tokens" not in span.attributes
    (event,) = span.events
    assert (event.name, event.attributes["exception.message"]) == ("exception", "no such thing")


def test_closed_stream(native: ChatNative, recording: Any) -> None:
    """A stream that is closed early is no failure, and says what happened."""
    stream: Any = native.stream("hello")
    next(stream)
    stream.close()
    span = recording.named("chat m")
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes["langchain.run.outcome"] == "closed"
    assert not {"error.type", "gen_ai.usage.input_tokens"} & set(span.attributes)
    assert span.events == ()


class ChatAnswering(ChatInvoking):
    """Answers with a result that the test gives it.

    Args:
        result: The result.
    """

    result: ChatResult

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        return self.result


def _tokens(recording: Any) -> tuple[Any, Any]:
    attributes = recording.named("chat m").attributes
    return attributes.get("gen_ai.usage.input_tokens"), attributes.get("gen_ai.usage.output_tokens")


@pytest.mark.parametrize(
    ("llm_output", "expected"),
    [
        ({"token_usage": {"prompt_tokens": 7, "completion_tokens": 1}}, (7, 1)),
        ({"token_usage": {"prompt_tokens": None, "completion_tokens": 1}}, (None, 1)),
        ({"token_usage": "many"}, (None, None)),
        ({}, (None, None)),
        (None, (None, None)),
    ],
)
def test_counts_beside_the_message(llm_output: Any, expected: tuple[Any, Any], recording: Any) -> None:
    """Counts that only the provider's own output has are read from there; odd ones cost nothing but themselves."""
    generation = ChatGeneration(message=AIMessage("hi"))
    ChatAnswering(result=ChatResult(generations=[generation], llm_output=llm_output)).invoke("hello")
    assert _tokens(recording) == expected


def test_counts_of_several_answers(recording: Any) -> None:
    """Each of a prompt's several answers carries the counts of the whole call, which are counted once."""
    usage: Any = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    answers = [ChatGeneration(message=AIMessage(text, usage_metadata=usage)) for text in "ab"]
    ChatAnswering(result=ChatResult(generations=answers)).invoke("hello")
    assert _tokens(recording) == (3, 2)


def test_counts_of_each_prompt(native: ChatNative, recording: Any) -> None:
    """Each prompt of one call has its own counts."""
    native.batch(["a", "b"])
    assert [span.attributes["gen_ai.usage.output_tokens"] for span in recording.spans if span.name == "chat m"] == [
        2,
        2,
    ]


@pytest.mark.without_content
def test_no_message_text(native: ChatNative, recording: Any, tree: Callable[..., str]) -> None:
    """No text of a prompt or an answer is on a span."""
    native.invoke("my secret question")
    values = repr([dict(span.attributes) for span in recording.spans])
    assert "secret" not in values
    assert "one two three" not in values


class ChatNamingEachChunk(ChatStreaming):
    """Says in each chunk which model it is."""

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for word in WORDS:
            yield ChatGenerationChunk(message=AIMessageChunk(word, response_metadata={"model_name": "gpt-11"}))


def test_response_model_in_each_chunk(recording: Any) -> None:
    """A response model that each chunk repeats, which LangChain joins to one text, is said once."""
    list(ChatNamingEachChunk().stream("hello"))
    assert recording.named("chat m").attributes["gen_ai.response.model"] == "gpt-11"


@pytest.mark.parametrize("form", ["generate", "agenerate"])
def test_generate_called_directly(form: str, recording: Any) -> None:
    """A completion model that is called with several prompts says provider and model as in every other call."""
    call(form, CompletingNative(), ["a", "b"])
    said = [
        (span.attributes["gen_ai.provider.name"], span.attributes["gen_ai.request.model"]) for span in recording.spans
    ]
    assert said == [("completingnative", "m")] * 2
