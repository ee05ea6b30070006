"""What LangChain's integrations were recorded to give, through all of LangChain to the span's attributes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.outputs import LLMResult
from tests.modes.models.dialects.expected import EXPECTED, LOST
from tests.recordings import replay

from callspan.langchain.responses import answer, counts, explain_missing_usage
from callspan.langchain.usage import TokenCounts

CONVENTIONAL = ("gen_ai.", "openai.", "aws.", "server.")
UNCOUNTED = "openai_chat_uncounted"  # of its streams it is said why they have no counts
STREAMED = [
    pytest.param(name, marks=pytest.mark.may_log) if name == UNCOUNTED else name
    for name in replay.NAMES
    if "streamed" in replay.recording(name)
]


def call(form: str, model: Any) -> Any:
    """Call a model in one form, as it was called when it was recorded."""
    if not form.startswith("a"):
        return replay.call(form, model)

    async def main() -> Any:
        result = replay.call(form, model)
        return [chunk async for chunk in result] if form == "astream" else await result

    return asyncio.run(main())


def said(recording: Any) -> dict[str, Any]:
    """Give what the one span says in the words of the conventions."""
    (span,) = recording.spans
    return {key: value for key, value in span.attributes.items() if key.startswith(CONVENTIONAL)}


def test_every_recording_has_its_expectation() -> None:
    """No recording is left out."""
    assert sorted(EXPECTED) == replay.NAMES


@pytest.mark.without_content
@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
@pytest.mark.parametrize("name", EXPECTED)
def test_invoked(name: str, form: str, recording: Any) -> None:
    """A call says all there is to say of the request, the response, the tokens and the server."""
    call(form, replay.replaying(name))
    assert said(recording) == EXPECTED[name]


@pytest.mark.without_content
@pytest.mark.parametrize("form", ["stream", "astream"])
@pytest.mark.parametrize("name", STREAMED)
def test_streamed(name: str, form: str, recording: Any) -> None:
    """A stream says what a call says, but for what the integration leaves out of its chunks."""
    call(form, replay.replaying(name))
    lost = LOST.get(name, frozenset())
    streamed = said(recording)
    assert streamed.pop("gen_ai.request.stream") is True
    assert streamed.pop("gen_ai.response.time_to_first_chunk") >= 0
    assert streamed == {key: value for key, value in EXPECTED[name].items() if key not in lost}


@pytest.fixture
def cache() -> Iterator[None]:
    """A cache that every model of the process uses."""
    before = get_llm_cache()
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(before)


@pytest.mark.parametrize("name", ["openai_chat", "anthropic", "bedrock"])
def test_cached(name: str, cache: None, recording: Any) -> None:
    """A hit of LangChain's cache says so and which response it was, and counts no tokens: they were counted before."""
    model = replay.replaying(name)
    for _ in range(2):
        replay.call("invoke", model)
    made, hit = (dict(span.attributes) for span in recording.spans)
    assert "langchain.cache.hit" not in made
    assert hit["langchain.cache.hit"] is True
    assert hit["gen_ai.response.finish_reasons"] == EXPECTED[name]["gen_ai.response.finish_reasons"]
    assert [key for key in hit if key.startswith("gen_ai.usage.")] == []


def result_of(name: str, form: str) -> LLMResult:
    """Give what LangChain reports at the end of a recorded call."""
    model = replay.replaying(name)
    if form == "invoke":
        return LLMResult(generations=[model._generate([]).generations])
    whole = None
    for chunk in model._stream([]):
        whole = chunk if whole is None else whole + chunk
    return LLMResult(generations=[[whole]])


@pytest.mark.parametrize("form", ["invoke", "stream"])
def test_counted(form: str) -> None:
    """The counts of an answer are one record, whoever asks for them."""
    assert counts(answer(result_of("anthropic", form))) == TokenCounts(
        input_tokens=2524, output_tokens=50, cache_read=2048, cache_write=456, reasoning=30
    )


@pytest.mark.may_log
@pytest.mark.parametrize("form", ["stream", "astream"])
def test_missing_counts_are_explained_once(form: str, recording: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A stream without counts, of a model that could ask for them, says how: once for each class."""
    with caplog.at_level(logging.WARNING, "callspan"):
        for _ in range(2):
            call(form, replay.replaying(UNCOUNTED, fields={"stream_usage": False}))
    assert [entry.getMessage() for entry in caplog.records if entry.name == "callspan"] == [
        "ChatOpenAI streams without token counts: ask for them with stream_usage=True"
    ]


@pytest.mark.parametrize(
    ("name", "fields"),
    [("openai_chat", {"stream_usage": False}), ("openai_chat_uncounted", {"stream_usage": True}), ("ollama", {})],
)
def test_nothing_is_explained_that_is_there_or_cannot_be_had(name: str, fields: Any, recording: Any) -> None:
    """With counts, with the setting on, or without such a setting, nothing is logged."""
    explain_missing_usage(replay.replaying(name, fields=fields), answer(result_of(name, "stream")))
