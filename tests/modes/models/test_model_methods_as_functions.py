"""A model's methods as functions of a lambda: LangChain asks what kind of function they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from tests.modes.models.calls import acall, call, settle
from tests.modes.models.chat_models import ANSWER, ChatNative

FULL = """\
invoke_workflow f
  chat m
    http
    http
    http
"""


@pytest.mark.parametrize("form", ["invoke", "stream", "batch", "transform"])
def test_stream_as_a_lambda(form: str, native: ChatNative, tree: Callable[..., str]) -> None:
    """A lambda of `model.stream` gives the model's chunks, and the model hangs under it."""
    given: Any = ["hello"] if form == "batch" else "hello"
    result = call(form, RunnableLambda(native.stream, name="f"), given)
    if form == "batch":
        (result,) = result
    text = result.content if form in ("invoke", "batch") else "".join(chunk.content for chunk in result)
    assert text == ANSWER
    assert tree() == FULL


@pytest.mark.parametrize("form", ["ainvoke", "astream", "abatch", "atransform"])
def test_astream_as_a_lambda(form: str, native: ChatNative, tree: Callable[..., str]) -> None:
    """A lambda of `model.astream` is asynchronous, and gives the model's chunks."""
    given: Any = ["hello"] if form == "abatch" else "hello"
    result = call(form, RunnableLambda(native.astream, name="f"), given)
    if form == "abatch":
        (result,) = result
    text = result.content if form in ("ainvoke", "abatch") else "".join(chunk.content for chunk in result)
    assert text == ANSWER
    assert tree() == FULL


def test_closed_stream_as_a_lambda(native: ChatNative, tree: Callable[..., str]) -> None:
    """When the lambda's stream is closed early, the model's is too."""
    stream: Any = RunnableLambda(native.stream, name="f").stream("hello")
    next(stream)
    stream.close()
    assert (
        tree()
        == """\
invoke_workflow f ~closed
  chat m ~closed
    http
"""
    )


async def test_closed_astream_as_a_lambda(native: ChatNative, tree: Callable[..., str]) -> None:
    """When the lambda's asynchronous stream is closed early, the model's ends too, later."""
    stream: Any = RunnableLambda(native.astream, name="f").astream("hello")
    await anext(stream)
    await stream.aclose()
    del stream
    await settle()
    assert (
        tree()
        == """\
invoke_workflow f ~closed
  chat m ~closed
    http
"""
    )


@pytest.mark.parametrize("method", ["invoke", "ainvoke"])
def test_call_as_a_lambda(method: str, native: ChatNative, tree: Callable[..., str]) -> None:
    """A lambda of `model.invoke` or `model.ainvoke` is the model under the lambda."""
    assert call(method, RunnableLambda(getattr(native, method), name="f"), "hello").content == ANSWER
    assert (
        tree()
        == """\
invoke_workflow f
  chat m
    http
"""
    )


async def test_generators_that_pull_a_model(native: ChatNative, tree: Callable[..., str]) -> None:
    """A generator that reads a model's stream is current around it at each of its chunks."""

    async def shout(chunks: Any) -> Any:
        async for chunk in chunks:
            async for piece in native.astream(chunk):
                yield str(piece.content).upper()

    pieces = await acall("astream", RunnableGenerator(shout, name="f"), "hello")
    assert "".join(pieces) == ANSWER.upper()
    assert tree() == FULL
