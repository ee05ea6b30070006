"""What changes a runnable without being a run: configuration, alternatives, bindings and listeners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import ConfigurableField, RunnableConfig, RunnableLambda, RunnableSerializable


@pytest.fixture
def suffix(http: Callable[..., None]) -> RunnableSerializable[str, str]:
    """A runnable of its own class, with a field that can be configured."""

    class Suffix(RunnableSerializable[str, str]):
        suffix: str

        def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
            return self._call_with_config(self._add, input, config, **kwargs)

        def _add(self, value: str) -> str:
            http()
            return value + self.suffix

    return Suffix(suffix="a")


F = """\
invoke_workflow f
  http
"""
G = F.replace("f\n", "g\n")
SUFFIX = F.replace("f\n", "Suffix\n")


def test_a_configurable_field(way: Any, suffix: Any, tree: Callable[..., str]) -> None:
    """A configurable field adds no span; the run is the runnable's own."""
    configurable = suffix.configurable_fields(suffix=ConfigurableField("which"))
    assert way.invoke(configurable, "x") == "xa"
    assert way.invoke(configurable.with_config(configurable={"which": "b"}), "x") == "xb"
    assert tree() == SUFFIX * 2


@pytest.mark.parametrize("call", ["invoke", "stream", "batch"])
def test_configurable_alternatives(way: Any, call: str, suffix: Any, step: Any, tree: Callable[..., str]) -> None:
    """Only the alternative that was chosen is a run."""
    either = suffix.configurable_alternatives(ConfigurableField("which"), default_key="own", g=step("g"))
    value = ["x"] if call == "batch" else "x"
    assert "xg" in getattr(way, call)(either, value, {"configurable": {"which": "g"}})
    assert tree() == G
    assert "xa" in getattr(way, call)(either, value)
    assert tree() == G + SUFFIX


def test_with_config(way: Any, step: Any, recording: Any) -> None:
    """A name and tags that are bound to a runnable are its run's."""
    bound = step("f").with_config(run_name="g", tags=["a"])
    assert way.invoke(bound, "x", {"tags": ["b"]}) == "xf"
    assert (
        recording.tree(attributes=["langchain.run.tags"])
        == """\
invoke_workflow g langchain.run.tags=["a", "b"]
  http
"""
    )


def test_bound_arguments(way: Any, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """Arguments that are bound reach the body as without us, and add no span."""

    def f(value: str, extra: str) -> str:
        http()
        return value + extra

    async def af(value: str, extra: str) -> str:
        return f(value, extra)

    assert way.invoke(RunnableLambda(f, afunc=af).bind(extra="y"), "x") == "xy"
    assert tree() == F


def test_listeners(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """Listeners hear their run's start and end, once each, and add no span."""
    heard: list[tuple[str, str]] = []
    listened = step("f").with_listeners(
        on_start=lambda run: heard.append(("start", run.name)),
        on_end=lambda run: heard.append(("end", run.name)),
        on_error=lambda run: heard.append(("error", run.name)),
    )
    assert way.invoke(listened, "x") == "xf"
    assert heard == [("start", "f"), ("end", "f")]
    assert tree() == F


def test_a_listener_of_an_error(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """A listener hears the failure of its run."""
    heard: list[str] = []
    failing = step("f", raises=ValueError("no")).with_listeners(on_error=lambda run: heard.append(run.error))
    with pytest.raises(ValueError, match="no"):
        way.invoke(failing, "x")
    assert [text.splitlines()[0] for text in heard] == ["ValueError('no')Traceback (most recent call last):"]
    assert tree() == F.replace("f\n", "f !ValueError\n")


async def test_async_listeners(step: Any, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """What a listener does is not the run's doing: its spans are not below the run."""

    async def on_start(run: Any) -> None:
        http("listening")

    assert await step("f").with_alisteners(on_start=on_start).ainvoke("x") == "xf"
    assert (
        tree(sort=True)
        == """\
invoke_workflow f
  http
listening
"""
    )
