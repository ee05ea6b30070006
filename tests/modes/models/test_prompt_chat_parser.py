"""The everyday chain, `prompt | chat | parser`: in its streams the parser pulls the model's generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.modes.models.calls import EVENTS, Standstill, acall, call, cancel, failing
from tests.modes.models.chat_models import ANSWER, ChatNative
from tests.modes.models.everyday_chain import GIVEN, STREAMED, by_start

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{form} is deprecated")
    for form in ("astream_log", "astream_events version='v1'")
]

ONCE = """\
invoke_workflow
  chain ChatPromptTemplate
  chat m
    http
  chain StrOutputParser
"""


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_call(form: str, chain: Any, tree: Callable[..., str]) -> None:
    """A call has a span for each step, in their order."""
    assert call(form, chain, GIVEN) == ANSWER
    assert tree() == ONCE


@pytest.mark.parametrize("form", ["batch", "abatch", "batch_as_completed", "abatch_as_completed"])
def test_batch(form: str, chain: Any, tree: Callable[..., str]) -> None:
    """A batch is a chain for each input, none inside another."""
    assert len(call(form, chain, [GIVEN, GIVEN])) == 2
    assert tree() == ONCE * 2


@pytest.mark.parametrize("form", ["stream", "astream", "transform", "atransform"])
def test_stream(form: str, chain: Any, tree: Callable[..., str]) -> None:
    """A stream has the same spans, with all that the model does for each chunk under the model."""
    assert "".join(call(form, chain, GIVEN)) == ANSWER
    assert by_start(tree()) == STREAMED


@pytest.mark.parametrize("form", EVENTS)
def test_event_stream(form: str, chain: Any, tree: Callable[..., str]) -> None:
    """A stream of events has the spans of a stream: the task it runs in does not show."""
    assert call(form, chain, GIVEN)
    assert by_start(tree()) == STREAMED


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_model_fails(form: str, chain: Any, native: ChatNative, tree: Callable[..., str]) -> None:
    """When the model fails, so does the chain, with the same object; the parser is not called."""
    error = LookupError("no such thing")
    native.body = failing(native.body, error)
    with pytest.raises(LookupError) as raised:
        call(form, chain, GIVEN)
    assert raised.value is error
    assert (
        tree()
        == """\
invoke_workflow !LookupError
  chain ChatPromptTemplate
  chat m !LookupError
    http
"""
    )


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_model_fails_at_the_second_chunk(form: str, chain: Any, native: ChatNative, tree: Callable[..., str]) -> None:
    """When the model fails on the way, all that pull it fail with the same object."""
    error = LookupError("no such thing")
    native.body = failing(native.body, error, at=2)
    with pytest.raises(LookupError) as raised:
        call(form, chain, GIVEN)
    assert raised.value is error
    assert (
        by_start(tree())
        == """\
invoke_workflow !LookupError
  chain ChatPromptTemplate
  chat m !LookupError
    http
    http
  chain StrOutputParser !LookupError
"""
    )


@pytest.mark.parametrize("form", ["ainvoke", "astream"])
async def test_cancelled(form: str, chain: Any, native: ChatNative, tree: Callable[..., str]) -> None:
    """A chain that is cancelled in the model ends as cancelled, and the model too."""
    native.pause = Standstill()
    await cancel(acall(form, chain, GIVEN), native.pause.reached)
    parser = "  chain StrOutputParser ~cancelled\n" if form == "astream" else ""
    assert (
        by_start(tree())
        == f"""\
invoke_workflow ~cancelled
  chain ChatPromptTemplate
  chat m ~cancelled
    http
{parser}"""
    )
