"""`LLMChain`: a prompt and a model in one run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.prompts import PromptTemplate
from opentelemetry.context import get_current

from callspan.testing import Recording

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Fn = Callable[..., Any]

ONE_CHAIN = "invoke_workflow\n  chat speaker\n    http\n"


def test_called(call: Fn, llm_chain: Any, tree: Fn) -> None:
    """The model is a child of the chain; a class name is no workflow's name."""
    assert call(llm_chain, {"question": "who?"}) == {"question": "who?", "text": "pretty polly"}
    assert tree() == ONE_CHAIN


def test_streamed(stream: Fn, llm_chain: Any, tree: Fn) -> None:
    """A chain that cannot stream is called, and gives one chunk."""
    assert stream(llm_chain, {"question": "who?"}) == [{"question": "who?", "text": "pretty polly"}]
    assert tree() == ONE_CHAIN


def test_applied(llm_chain: Any, tree: Fn) -> None:
    """A chain that is applied to several inputs is one run, with a model call for each of them."""
    before = get_current()
    assert llm_chain.apply([{"question": "who?"}, {"question": "what?"}]) == [{"text": "pretty polly"}] * 2
    assert get_current() is before
    assert tree() == "invoke_workflow\n" + "  chat speaker\n    http\n" * 2


async def test_applied_async(llm_chain: Any, tree: Fn) -> None:
    """Applied the async way it is one run, too."""
    before = get_current()
    results = await llm_chain.aapply([{"question": "who?"}, {"question": "what?"}])
    assert results == [{"text": "pretty polly"}] * 2
    assert get_current() is before
    assert tree() == "invoke_workflow\n" + "  chat speaker\n    http\n" * 2


def test_batch(llm_chain: Any, tree: Fn) -> None:
    """Each input of a batch is a root."""
    assert [result["text"] for result in llm_chain.batch([{"question": "who?"}] * 3)] == ["pretty polly"] * 3
    assert tree() == ONE_CHAIN * 3


def test_with_a_run_name(call: Fn, llm_chain: Any, tree: Fn) -> None:
    """The name of the call is the workflow's."""
    call(llm_chain, {"question": "who?"}, {"run_name": "ask"})
    assert tree() == "invoke_workflow ask\n  chat speaker\n    http\n"


def test_a_missing_input(call: Fn, llm_chain: Any, tree: Fn) -> None:
    """An input that is missing is found before or in the run, by version; none stays open."""
    with pytest.raises((ValueError, KeyError)):
        call(llm_chain, {})
    assert "chat" not in tree()


def test_raises(call: Fn, classic: Fn, speaker: Fn, tree: Fn) -> None:
    """A model's failure is the chain's, and the caller gets the very object."""
    boom = ValueError("boom")

    def fail() -> None:
        raise boom

    model = speaker("never")
    model.http = fail
    chain = classic("chains").LLMChain(llm=model, prompt=PromptTemplate.from_template("{question}"))
    with pytest.raises(ValueError, match="boom") as raised:
        call(chain, {"question": "who?"})
    assert raised.value is boom
    assert tree() == "invoke_workflow !ValueError\n  chat speaker !ValueError\n"


async def test_cancelled(classic: Fn, speaker: Fn, tree: Fn) -> None:
    """A chain that is cancelled while its model waits ends both as cancelled."""
    waits = asyncio.Event()

    class Slow(type(speaker("never"))):  # type: ignore[misc]
        async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
            self.http()
            waits.set()
            await asyncio.Event().wait()

    model = Slow(http=speaker("never").http, lines=[])
    chain = classic("chains").LLMChain(llm=model, prompt=PromptTemplate.from_template("{question}"))
    task = asyncio.create_task(chain.ainvoke({"question": "who?"}))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tree() == "invoke_workflow ~cancelled\n  chat speaker ~cancelled\n    http\n"


def test_in_a_sequence(call: Fn, llm_chain: Any, tree: Fn) -> None:
    """A chain in a sequence bears its own name there."""
    from langchain_core.runnables import RunnableLambda

    chain = RunnableLambda(lambda text: {"question": text}) | llm_chain
    assert call(chain, "who?")["text"] == "pretty polly"
    assert (
        tree()
        == """\
invoke_workflow
  chain RunnableLambda
  chain LLMChain
    chat speaker
      http
"""
    )


def test_inside_a_span_of_the_users_own(call: Fn, llm_chain: Any, recording: Recording, tree: Fn) -> None:
    """A chain called in a span is its child."""
    with recording.tracer.start_as_current_span("mine"):
        call(llm_chain, {"question": "who?"})
    assert tree() == "mine\n  invoke_workflow\n    chat speaker\n      http\n"
