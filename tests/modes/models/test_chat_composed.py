"""A chat model with retries, with fallbacks, with structured output, with configurable parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel
from tests.modes.models.calls import call, failing
from tests.modes.models.chat_models import ANSWER, ChatNative

FORMS = ("invoke", "ainvoke")


@pytest.fixture
def failed(body: Callable[[str], None]) -> ChatNative:
    """A chat model called `bad` whose every call fails."""
    error = LookupError("no such thing")

    def fails(text: str) -> None:
        body(text)
        raise error

    return ChatNative(model="bad", body=fails)


@pytest.mark.parametrize("form", FORMS)
def test_retry(form: str, native: ChatNative, tree: Callable[..., str]) -> None:
    """Each attempt is a span under the retrying run; only the failed one failed."""
    native.body = failing(native.body, LookupError("once"))
    retrying = native.with_retry(wait_exponential_jitter=False)
    assert call(form, retrying, "hello").content == ANSWER
    assert (
        tree()
        == """\
invoke_workflow ChatNative
  chat m !LookupError
    http
  chat m
    http
"""
    )


@pytest.mark.parametrize("form", FORMS)
def test_retry_in_vain(form: str, failed: ChatNative, tree: Callable[..., str]) -> None:
    """When every attempt fails the retrying run fails as the last one did."""
    with pytest.raises(LookupError):
        call(form, failed.with_retry(wait_exponential_jitter=False, stop_after_attempt=2), "hello")
    assert (
        tree()
        == """\
invoke_workflow ChatNative !LookupError
  chat bad !LookupError
    http
  chat bad !LookupError
    http
"""
    )


@pytest.mark.parametrize("form", FORMS)
def test_fallback(form: str, failed: ChatNative, native: ChatNative, tree: Callable[..., str]) -> None:
    """The model that fails and the one that steps in are siblings."""
    assert call(form, failed.with_fallbacks([native]), "hello").content == ANSWER
    assert (
        tree()
        == """\
invoke_workflow
  chat bad !LookupError
    http
  chat m
    http
"""
    )


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_fallback_of_a_stream(form: str, failed: ChatNative, native: ChatNative, tree: Callable[..., str]) -> None:
    """A stream that fails before its first chunk is replaced by the other model's."""
    chunks = call(form, failed.with_fallbacks([native]), "hello")
    assert "".join(chunk.content for chunk in chunks) == ANSWER
    assert (
        tree()
        == """\
invoke_workflow
  chat bad !LookupError
    http
  chat m
    http
    http
    http
"""
    )


@pytest.mark.parametrize("form", [*FORMS, "stream", "astream"])
def test_all_fallbacks_fail(form: str, failed: ChatNative, tree: Callable[..., str]) -> None:
    """When the last model fails too, so does the run around them."""
    with pytest.raises(LookupError):
        call(form, failed.with_fallbacks([failed]), "hello")
    assert (
        tree()
        == """\
invoke_workflow !LookupError
  chat bad !LookupError
    http
  chat bad !LookupError
    http
"""
    )


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_fallback_in_a_batch(form: str, native: ChatNative, http: Callable[..., None], recording: Any) -> None:
    """In a batch with fallbacks each input's models hang under its own run."""

    def fails_for_b(text: str) -> None:
        http(text)
        if text == "b":
            raise LookupError(text)

    first = ChatNative(model="first", body=fails_for_b)
    native.body = http
    assert len(call(form, first.with_fallbacks([native]), ["a", "b"])) == 2
    assert (
        recording.tree(sort=True)
        == """\
invoke_workflow
  chat first
    a
invoke_workflow
  chat first !LookupError
    b
  chat m
    b
"""
    )


class Joke(BaseModel):
    """What the model answers with."""

    text: str


class ChatToolCalling(ChatNative):
    """Answers with a call of the tool it is bound to."""

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self.bind(tools=[tool.__name__ for tool in tools], **kwargs)

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        result = super()._generate(messages, stop, run_manager, **kwargs)
        message: Any = result.generations[0].message
        message.tool_calls = [{"name": "Joke", "args": {"text": message.content}, "id": "1", "type": "tool_call"}]
        return result

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        return self._generate(messages, stop, run_manager, **kwargs)


@pytest.mark.parametrize("form", FORMS)
def test_structured_output(form: str, body: Callable[[str], None], tree: Callable[..., str]) -> None:
    """Structured output is a chain of the model and the parser of its tool call."""
    structured = ChatToolCalling(body=body).with_structured_output(Joke)
    assert call(form, structured, "hello") == Joke(text=ANSWER)
    assert (
        tree()
        == """\
invoke_workflow
  chat m
    http
  chain PydanticToolsParser
"""
    )


@pytest.mark.parametrize("form", FORMS)
def test_configurable_model_has_no_run_of_its_own(form: str, native: ChatNative, tree: Callable[..., str]) -> None:
    """Bound arguments, configured fields and alternatives are the model's own call."""
    configurable = native.configurable_fields(model=ConfigurableField(id="name")).configurable_alternatives(
        ConfigurableField(id="which"), other=native
    )
    config: Any = {"configurable": {"name": "mine"}}
    assert call(form, configurable, "hello", config).content == ANSWER
    assert call(form, configurable.bind(stop=["x"]), "hello", {"configurable": {"which": "other"}}).content == ANSWER
    assert (
        tree()
        == """\
chat mine
  http
chat m
  http
"""
    )
