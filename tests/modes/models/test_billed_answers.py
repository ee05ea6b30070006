"""An answer that the provider billed and the client could not read counts; an error's HTTP body is no answer."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import BaseLLM
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from langchain_openai.chat_models.base import BaseChatOpenAI
from pydantic import BaseModel, field_validator
from tests.modes.models.calls import call

import callspan
from callspan.testing import Fail, OpenAIServer, Recording, Say, record

CHAT_COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "m-1",
    "choices": [{"finish_reason": "length", "message": {"content": "not to be read"}}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "model": "m-1",
    "status": "incomplete",
    "incomplete_details": {"reason": "max_output_tokens"},
    "usage": {"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}},
}
ANTHROPIC = {
    "id": "msg_1",
    "type": "message",
    "model": "m-1",
    "stop_reason": "length",
    "usage": {"input_tokens": 6, "output_tokens": 5, "cache_read_input_tokens": 4},
}
GOOGLE = {
    "responseId": "g-1",
    "modelVersion": "m-1",
    "candidates": [{"finishReason": "length"}],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "cachedContentTokenCount": 4},
}
SHOWN = [
    "gen_ai.output.messages",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.model",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
]
BILLED = (
    ' gen_ai.response.finish_reasons=["length"] gen_ai.response.model=m-1 gen_ai.usage.cache_read.input_tokens=4'
    " gen_ai.usage.input_tokens=10 gen_ai.usage.output_tokens=5"
)


def failure(body: Any, status: int = 200) -> ValueError:
    """Make an exception that holds an HTTP response, as clients raise it."""
    error: Any = ValueError("cannot be read")
    error.response = body if isinstance(body, httpx.Response) else httpx.Response(status, json=body)
    return error


class Unread(BaseChatModel):
    """Raises what it is given; streams a word before, if it has one."""

    error: Any
    word: str = ""

    @property
    def _llm_type(self) -> str:
        return "unread"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise self.error

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        if self.word:
            yield ChatGenerationChunk(message=AIMessageChunk(self.word))
        raise self.error


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream", "batch", "abatch"])
@pytest.mark.parametrize(
    "body", [CHAT_COMPLETION, RESPONSE, ANTHROPIC, GOOGLE], ids=["chat", "responses", "anthropic", "google"]
)
def test_counts(form: str, body: Any, recording: Recording) -> None:
    """The tokens, model and finish reason of the body are on the span, and nothing of it is an output message."""
    with pytest.raises(ValueError, match="cannot be read"):
        call(form, Unread(error=failure(body)), ["hello"] if "batch" in form else "hello")
    assert recording.tree(attributes=SHOWN) == f"chat !ValueError{BILLED}\n"


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_after_some_words(form: str, recording: Recording) -> None:
    """The words that had come are the output message, and the bill says the rest."""
    with pytest.raises(ValueError, match="cannot be read"):
        call(form, Unread(error=failure(CHAT_COMPLETION), word="Well"), "hello")
    said = '[{"role":"assistant","parts":[{"type":"text","content":"Well"}],"finish_reason":"length"}]'
    assert recording.tree(attributes=SHOWN) == f"chat !ValueError gen_ai.output.messages={said}{BILLED}\n"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "the prompt was: hello"}},
        {"error": "no", "model": "m-1", "id": "1"},
        {"usage": {"prompt_tokens": 0, "completion_tokens": 0}},
        {"usage": "plenty"},
        ["usage"],
        httpx.Response(500, text="usage: see the manual"),
        httpx.Response(400),
        {"Error": {"Code": "Throttling"}},
    ],
)
@pytest.mark.parametrize("form", ["invoke", "astream"])
def test_a_body_without_a_bill(form: str, body: Any, recording: Recording) -> None:
    """What an error's HTTP response says is written nowhere."""
    with pytest.raises(ValueError, match="cannot be read"):
        call(form, Unread(error=failure(body, 400)), "hello")
    [span] = recording
    assert recording.tree(attributes=SHOWN) == "chat !ValueError\n"
    assert "the prompt was" not in json.dumps(dict(span.attributes or {}), default=str)


class Completion:
    """A client's record of a completion, as OpenAI's exceptions hold one."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.__dict__.update(body)


def test_a_completion_that_the_exception_holds(recording: Recording) -> None:
    """OpenAI's `LengthFinishReasonError` has no HTTP response, but the completion."""
    error: Any = ValueError("cannot be read")
    error.completion = Completion(CHAT_COMPLETION)
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = error
    for one in (error, wrapped):
        with pytest.raises(type(one)):
            Unread(error=one).invoke("hello")
    assert recording.tree(attributes=SHOWN) == f"chat !ValueError{BILLED}\nchat !RuntimeError{BILLED}\n"


def test_a_completion_whose_usage_had_not_come(recording: Recording) -> None:
    """OpenAI's stream breaks at the finish reason, before the usage: what the completion says is kept."""
    error: Any = ValueError("cannot be read")
    error.completion = Completion({name: value for name, value in CHAT_COMPLETION.items() if name != "usage"})
    with pytest.raises(ValueError, match="cannot be read"):
        call("stream", Unread(error=error, word="Well"), "hello")
    [span] = recording
    said: Any = span.attributes
    assert "gen_ai.usage.input_tokens" not in said
    assert said["gen_ai.response.model"] == CHAT_COMPLETION["model"]
    assert said["gen_ai.response.finish_reasons"] == ("length",)


class Prompts(BaseLLM):
    """A completion model that answers all prompts in one request."""

    error: Any

    @property
    def _llm_type(self) -> str:
        return "prompts"

    def _generate(self, prompts: list[str], *args: Any, **kwargs: Any) -> LLMResult:
        raise self.error


@pytest.mark.parametrize("form", ["generate", "agenerate"])
def test_one_bill_for_several_prompts(form: str, recording: Recording) -> None:
    """One request that fails for three prompts is billed once; the next one again."""
    for _ in range(2):
        with callspan.workflow("ask"), suppress(ValueError):
            call(form, Prompts(error=failure(CHAT_COMPLETION)), ["a", "b", "c"])
    roots = [span for span in recording if span.parent is None]
    assert [(span.attributes or {}).get("langchain.total.input_tokens") for span in roots] == [10, 10]


def test_one_bill_for_a_model_in_a_model(recording: Recording) -> None:
    """A model that asks another one and passes its exception on is not billed again."""

    class Outer(Unread):
        def _generate(
            self,
            messages: list[BaseMessage],
            stop: Any = None,
            run_manager: CallbackManagerForLLMRun | None = None,
            **kwargs: Any,
        ) -> ChatResult:
            return Unread(error=self.error).invoke(messages)  # type: ignore[return-value]  # it raises

    with callspan.workflow("ask"), suppress(ValueError):
        Outer(error=failure(CHAT_COMPLETION)).invoke("hello")
    assert recording.tree(attributes=["langchain.total.input_tokens"]).splitlines()[0].endswith("=10")


def test_attempts_and_fallbacks_are_billed_each(recording: Recording) -> None:
    """Each attempt and each fallback is a request of its own."""
    errors = iter([failure(CHAT_COMPLETION), failure(CHAT_COMPLETION), failure(ANTHROPIC)])

    class Again(Unread):
        def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
            raise next(errors)

    model: Any = Again(error=None)
    tried = model.with_retry(stop_after_attempt=2, wait_exponential_jitter=False).with_fallbacks([model])
    with suppress(ValueError):
        (RunnableLambda(lambda text: text) | tried).invoke("hello")
    assert recording.tree(attributes=["langchain.total.input_tokens"]).splitlines()[0].endswith("=30")


def test_hooks_and_handlers() -> None:
    """`run.usage` has the tokens of a billed answer, `run.message` is None, and `Usage` adds it up."""
    seen: list[Any] = []

    class Seeing(callspan.Callback):
        def on_llm_error(self, run: callspan.Run) -> None:
            seen.append((run.message, run.usage.input_tokens, run.usage.output_tokens))

    usage = callspan.Usage()
    with record(callbacks=[Seeing(), usage]), suppress(ValueError):
        Unread(error=failure(CHAT_COMPLETION)).invoke("hello")
    assert seen == [(None, 10, 5)]
    assert (usage.total.input_tokens, usage.total.output_tokens, usage.total.uncounted) == (10, 5, 0)


class Verdict(BaseModel):
    score: int

    @field_validator("score")
    @classmethod
    def at_most_ten(cls, value: int) -> int:
        if value > 10:
            raise ValueError("too much")
        return value


def judge(server: OpenAIServer) -> Any:
    """Give OpenAI's client with a schema that it reads the answer as."""
    model = ChatOpenAI(model="gpt-5-mini", base_url=server.base_url, api_key="scripted", max_retries=0)  # type: ignore[arg-type]
    return model.with_structured_output(Verdict, method="json_schema")


@pytest.mark.skipif(
    "e.response" not in inspect.getsource(BaseChatOpenAI._generate),
    reason="this langchain-openai does not keep the response of an answer that cannot be read",
)
@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_openai_answer_against_its_schema(form: str, recording: Recording) -> None:
    """The model's span says what was billed."""
    with OpenAIServer([Say('{"score": 11}')]) as server, pytest.raises(Exception, match="score"):
        call(form, judge(server), "judge this")
    said = dict(recording.named("chat gpt-5-mini").attributes or {})
    assert said["gen_ai.response.id"]
    assert said["gen_ai.usage.input_tokens"]
    assert said["gen_ai.usage.output_tokens"]
    assert said["gen_ai.response.finish_reasons"] == ("stop",)
    assert "gen_ai.output.messages" not in said


def test_openai_refuses(recording: Recording) -> None:
    """A request that is refused has no answer, and its body is not written as one."""
    with (
        OpenAIServer([Fail(400, "your prompt was: judge this")]) as server,
        pytest.raises(Exception, match="judge this"),
    ):
        judge(server).invoke("judge this")
    said = dict(recording.named("chat gpt-5-mini").attributes or {})
    assert not [name for name in said if name.startswith(("gen_ai.output.messages", "gen_ai.response", "gen_ai.usage"))]
