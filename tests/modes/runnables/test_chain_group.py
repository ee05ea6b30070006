"""Chain groups: a run around a block of the user's, which no frame of LangChain's surrounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks.manager import atrace_as_chain_group, trace_as_chain_group
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableConfig, RunnableLambda
from opentelemetry.context import get_current

GROUP = """\
invoke_workflow group
  chain f
    http
  chat
"""


def test_a_group(step: Any, tree: Callable[..., str]) -> None:
    """What is called with the group's manager hangs under the group; the block's own context stays the caller's."""
    model, before = FakeListChatModel(responses=["y"]), get_current()
    with trace_as_chain_group("group", inputs={"value": "x"}) as group:
        assert get_current() is before
        assert step("f").invoke("x", {"callbacks": group}) == "xf"
        assert model.invoke("x", {"callbacks": group}).content == "y"
        group.on_chain_end({"value": "xf"})
    assert get_current() is before
    assert tree() == GROUP


async def test_an_async_group(step: Any, tree: Callable[..., str]) -> None:
    """The same, async."""
    model, before = FakeListChatModel(responses=["y"]), get_current()
    async with atrace_as_chain_group("group", inputs={"value": "x"}) as group:
        assert get_current() is before
        assert await step("f").ainvoke("x", {"callbacks": group}) == "xf"
        assert (await model.ainvoke("x", {"callbacks": group})).content == "y"
    assert get_current() is before
    assert tree() == GROUP


def test_what_a_group_is_not_told_of(step: Any, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """Calls without the group's manager, and the block's own spans, are not in the group: N runs share that block."""
    with trace_as_chain_group("group"):
        http()
        step("f").invoke("x")
    assert (
        tree()
        == """\
invoke_workflow group
http
invoke_workflow f
  http
"""
    )


def test_a_group_that_fails(step: Any, tree: Callable[..., str]) -> None:
    """A group whose block raises is an error, by the same object."""
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as caught, trace_as_chain_group("group") as group:
        step("f", raises=error).invoke("x", {"callbacks": group})
    assert caught.value is error
    assert (
        tree()
        == """\
invoke_workflow group !ValueError
  chain f !ValueError
    http
"""
    )


async def test_an_async_group_that_fails(step: Any, tree: Callable[..., str]) -> None:
    """The same, async."""
    error = ValueError("no")

    async def failing() -> None:
        async with atrace_as_chain_group("group") as group:
            await step("f", raises=error).ainvoke("x", {"callbacks": group})

    with pytest.raises(ValueError, match="no") as caught:
        await failing()
    assert caught.value is error
    assert (
        tree()
        == """\
invoke_workflow group !ValueError
  chain f !ValueError
    http
"""
    )


def test_a_group_in_a_body(step: Any, tree: Callable[..., str]) -> None:
    """A group that a body opens with its own manager hangs under the body's run."""

    def f(value: str, config: RunnableConfig) -> Any:
        with trace_as_chain_group("group", config["callbacks"]) as group:
            return step("g").invoke(value, {"callbacks": group})

    assert RunnableLambda(f).invoke("x") == "xg"
    assert (
        tree()
        == """\
invoke_workflow f
  chain group
    chain g
      http
"""
    )
