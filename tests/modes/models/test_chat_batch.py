"""Several prompts for a chat model: each is a run of its own, never inside another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import BaseMessage, HumanMessage
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ANSWER, ChatInvoking

THREE = ["a", "b", "c"]
BATCHES = ("batch", "abatch", "batch_as_completed", "abatch_as_completed")


def _prompts(texts: list[str]) -> list[list[BaseMessage]]:
    return [[HumanMessage(text)] for text in texts]


@pytest.fixture
def error(chat: ChatInvoking, http: Callable[..., None]) -> LookupError:
    """What the body of the prompt `b` raises; each body makes a span that is named by its prompt."""
    error = LookupError("no such thing")

    def body(text: str) -> None:
        http(text)
        if text == "b":
            raise error

    chat.body = body
    return error


@pytest.mark.parametrize("form", BATCHES)
@pytest.mark.parametrize("config", [{}, {"max_concurrency": 1}, {"max_concurrency": 2}])
def test_batch_is_a_run_for_each(
    form: str, config: Any, chat: ChatInvoking, http: Callable[..., None], tree: Callable[..., str]
) -> None:
    """Each prompt of a batch is a run of its own with what its own body does."""
    chat.body = http
    answers = call(form, chat, THREE, config=config)
    assert len(answers) == 3
    assert (
        tree(sort=True)
        == """\
chat m
  a
chat m
  b
chat m
  c
"""
    )


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_batch_that_returns_exceptions(
    form: str, chat: ChatInvoking, error: LookupError, tree: Callable[..., str]
) -> None:
    """In a batch that returns exceptions only the failing prompt's span fails, and its exception is in its place."""
    answers = call(form, chat, THREE, return_exceptions=True)
    assert [answers[0].content, answers[1], answers[2].content] == [ANSWER, error, ANSWER]
    assert answers[1] is error
    assert (
        tree(sort=True)
        == """\
chat m
  a
chat m
  c
chat m !LookupError
  b
"""
    )


@pytest.mark.parametrize("form", ["generate", "agenerate"])
def test_generate_makes_siblings(
    form: str, chat: ChatInvoking, http: Callable[..., None], tree: Callable[..., str]
) -> None:
    """The prompts of one `generate` start together, and each is current only in its own body."""
    chat.body = http
    result = call(form, chat, _prompts(THREE))
    assert [generations[0].text for generations in result.generations] == [ANSWER] * 3
    assert (
        tree(sort=True)
        == """\
chat m
  a
chat m
  b
chat m
  c
"""
    )


def test_generate_ends_the_siblings_of_a_failed_prompt(
    chat: ChatInvoking, error: LookupError, tree: Callable[..., str]
) -> None:
    """When a prompt fails LangChain forgets its siblings, finished or not: they end as unreported."""
    with pytest.raises(LookupError) as raised:
        call("generate", chat, _prompts(THREE))
    assert raised.value is error
    assert (
        tree()
        == """\
chat m ~unreported
  a
chat m !LookupError
  b
chat m ~unreported
"""
    )


def test_agenerate_reports_the_siblings_of_a_failed_prompt(
    chat: ChatInvoking, error: LookupError, tree: Callable[..., str]
) -> None:
    """Asynchronously the prompts run at once, and the failing one leaves the others alone."""
    with pytest.raises(LookupError) as raised:
        call("agenerate", chat, _prompts(THREE))
    assert raised.value is error
    assert (
        tree(sort=True)
        == """\
chat m
  a
chat m
  c
chat m !LookupError
  b
"""
    )


@pytest.mark.parametrize("form", ["generate", "agenerate"])
def test_generate_of_nothing(form: str, chat: ChatInvoking, tree: Callable[..., str]) -> None:
    """Without a prompt there is no run."""
    assert call(form, chat, []).generations == []
    assert tree() == ""
