"""Anthropic's passes over one request are all counted, also where its integration leaves them out of a stream."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from pydantic import BaseModel
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ChatNative

import callspan
from callspan.testing import record

MODULE = "langchain_anthropic.chat_models"
FORMS = ["invoke", "ainvoke", "stream", "astream", "batch", "abatch", "astream_events v2"]


class Pass(BaseModel):
    """One pass, as Anthropic's client has it."""

    type: str
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int = 0


class Reported(BaseModel):
    """Anthropic's counts."""

    input_tokens: int = 20
    output_tokens: int = 9
    iterations: list[Pass] | None = None


PASSES = [
    Pass(type="compaction", input_tokens=150, output_tokens=3, cache_read_input_tokens=20),
    Pass(type="message", input_tokens=20, output_tokens=9),
]
CONTENT: Any = [{"type": "compaction", "content": "before"}, {"type": "text", "text": "hi"}]


@pytest.fixture(autouse=True)
def integration(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stand-in for the integration: what makes LangChain's counts, and leaves the passes out."""

    def _create_usage_metadata(anthropic_usage: Any) -> Any:
        given, made = anthropic_usage.input_tokens, anthropic_usage.output_tokens
        return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}

    module: Any = ModuleType(MODULE)
    module._create_usage_metadata = _create_usage_metadata
    monkeypatch.setitem(sys.modules, "langchain_anthropic", ModuleType("langchain_anthropic"))
    monkeypatch.setitem(sys.modules, MODULE, module)
    return module


class ChatAnthropic(ChatNative):
    """Makes its answers as the integration does."""

    reported: Any = None

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        usage = sys.modules[MODULE]._create_usage_metadata(self.reported)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(CONTENT, usage_metadata=usage))])

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(CONTENT))
        usage = sys.modules[MODULE]._create_usage_metadata(self.reported)
        yield ChatGenerationChunk(message=AIMessageChunk([], usage_metadata=usage))

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return self._generate(messages)

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages):
            yield chunk


@pytest.mark.parametrize("form", FORMS)
def test_all_passes_are_counted_in_every_form(form: str) -> None:
    usage = callspan.Usage()
    model = ChatAnthropic(reported=Reported(iterations=PASSES))
    with record(callbacks=[usage]) as recording:
        call(form, model, ["hi"] if "batch" in form else "hi")
    [span] = recording.spans
    names = ("input_tokens", "output_tokens", "cache_read.input_tokens")
    said = [(span.attributes or {}).get(f"gen_ai.usage.{name}") for name in names]

    assert said == [190, 12, 20]
    assert (usage.total.input_tokens, usage.total.output_tokens) == (190, 12)
    assert "langchain.usage.incomplete" not in (span.attributes or {})


def test_all_passes_are_counted_sampled_out() -> None:
    usage = callspan.Usage()
    with record(callbacks=[usage], sampler=ALWAYS_OFF):
        list(ChatAnthropic(reported=Reported(iterations=PASSES)).stream("hi"))

    assert (usage.total.input_tokens, usage.total.output_tokens) == (190, 12)


@pytest.mark.parametrize("passes", [None, PASSES[1:]])
def test_without_passes_the_counts_of_a_compaction_are_not_all(passes: Any) -> None:
    with record() as recording:
        list(ChatAnthropic(reported=Reported(iterations=passes)).stream("hi"))
    [span] = recording.spans

    assert (span.attributes or {})["gen_ai.usage.input_tokens"] == 20
    assert (span.attributes or {})["langchain.usage.incomplete"] is True


def test_the_integrations_function_gives_what_it_gave_and_is_put_back(integration: Any) -> None:
    original = integration._create_usage_metadata
    with record():
        assert integration._create_usage_metadata is not original
        made = integration._create_usage_metadata(Reported(iterations=PASSES))
    assert integration._create_usage_metadata is original
    assert made == {"input_tokens": 20, "output_tokens": 9, "total_tokens": 29}
