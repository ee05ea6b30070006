"""What holds in every mode: handlers hear what they hear without us, and a span around the call is the parent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import (
    RouterRunnable,
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)

import callspan


def _sequence(step: Any, spell: Any) -> Any:
    return step("f") | spell("g") | step("h")


def _parallel(step: Any, spell: Any) -> Any:
    return RunnableParallel(a=step("a"), b=spell("b"))


def _branch(step: Any, spell: Any) -> Any:
    return RunnableBranch((RunnableLambda(bool, name="condition"), spell("f")), step("g"))


def _fallbacks(step: Any, spell: Any) -> Any:
    return step("f", raises=ValueError("no")).with_fallbacks([spell("g")])


def _all_fail(step: Any, spell: Any) -> Any:
    return step("f", raises=ValueError("no")).with_fallbacks([step("g", raises=KeyError("no"))])


def _fails(step: Any, spell: Any) -> Any:
    return step("f") | spell("g", raises=ValueError("no"))


def _retry(step: Any, spell: Any) -> Any:
    return step("f", raises=ValueError("no")).with_retry(stop_after_attempt=2, wait_exponential_jitter=False)


def _returned(step: Any, spell: Any) -> Any:
    return RunnableLambda(lambda value: step("g") | spell("h"), name="f")


def _assigned(step: Any, spell: Any) -> Any:
    return RunnableLambda(lambda value: {"a": value}) | RunnablePassthrough.assign(b=step("f")) | step("g")


def _each(step: Any, spell: Any) -> Any:
    return RunnableLambda(list, name="letters") | step("f").map()


def _routed(step: Any, spell: Any) -> Any:
    return RunnableLambda(lambda value: {"key": "g", "input": value}) | RouterRunnable(runnables={"g": spell("g")})


MODES = (_sequence, _parallel, _branch, _fallbacks, _all_fail, _fails, _retry, _returned, _assigned, _each, _routed)
CALLS = {"invoke": "xy", "stream": "xy", "batch": ["x", "yz"], "batch_as_completed": ["x", "yz"]}


class Listening(BaseCallbackHandler):
    """Notes every event of a chain: the event, the path of names down to the run, its tags and its payload."""

    def __init__(self) -> None:
        self.paths: dict[Any, str] = {}
        self.heard: list[tuple[str, str, tuple[str, ...], str]] = []

    def _hear(self, event: str, payload: Any, run_id: Any, tags: Any = None) -> None:
        told = sorted(payload.items()) if isinstance(payload, dict) else payload  # branches may race
        self.heard.append((event, self.paths[run_id], tuple(tags or ()), str(told)))

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        above = self.paths.get(kwargs["parent_run_id"], "")
        self.paths[kwargs["run_id"]] = f"{above}/{kwargs['name']}"
        self._hear("start", inputs, kwargs["run_id"], kwargs["tags"])

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self._hear("end", outputs, kwargs["run_id"], kwargs.get("tags"))

    def on_chain_error(self, error: BaseException, **kwargs: Any) -> None:
        self._hear("error", repr(error), kwargs["run_id"], kwargs.get("tags"))


def outcome(way: Any, call: str, runnable: Any, handlers: list[Any]) -> str:
    """Call it, and tell what came of it, result or exception, in an order of its own: threads and tasks may race."""
    options = {"return_exceptions": True} if "batch" in call else {}
    try:
        result = getattr(way, call)(runnable, CALLS[call], {"callbacks": handlers}, **options)
    except (ValueError, KeyError) as error:
        return repr(error)
    return str(sorted(map(str, result)) if isinstance(result, list) else result)


@pytest.mark.usefixtures("recording")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
def test_as_without_us(way: Any, call: str, mode: Callable[..., Any], step: Any, spell: Any) -> None:
    """The result, or the exception, and the events that the user's handler hears are those of the plain program."""
    ours, plain = Listening(), Listening()
    with_us = outcome(way, call, mode(step, spell), [ours])
    callspan.uninstrument()
    assert with_us == outcome(way, call, mode(step, spell), [plain])
    assert sorted(ours.heard) == sorted(plain.heard)
    assert ours.heard


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
def test_inside_a_span(way: Any, call: str, mode: Callable[..., Any], step: Any, spell: Any, recording: Any) -> None:
    """A span that the user has around the call is the parent of its roots, and nothing else changes."""
    outcome(way, call, mode(step, spell), [])
    alone = recording.tree(sort=True)
    recording.clear()
    with recording.tracer.start_as_current_span("mine"):
        outcome(way, call, mode(step, spell), [])
    assert recording.tree(sort=True) == "mine\n" + "".join(f"  {line}\n" for line in alone.splitlines())
    assert alone.startswith("invoke_workflow")
