"""A decision model, which LangChain announces as a chain, is a model call all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.trace import SpanKind
from tests.modes.models.calls import Standstill, acall, call, cancel, failing

decisions = pytest.importorskip("langchain_core.decisions", reason="decision models came with langchain-core 1.8")

REQUEST: Any = {"state": "the sky is blue", "questions": {"blue": decisions.Noul(instructions="is it blue?")}}
ONCE = """\
chat d
  http
"""


class Deciding(decisions.BaseDecisionModel):  # type: ignore[misc, name-defined]
    """Has `_classify` only: asynchronously it runs in a thread.

    Args:
        body: Called wherever the model works.
        pause: Awaited after the body where the model is asynchronous.
    """

    model: str = "d"
    body: Any
    pause: Any = None

    @property
    def _provider(self) -> str:
        return "deciders"

    def _classify(self, state: Any, questions: Any) -> Any:
        self.body(str(state))
        return decisions.ClassifierResponse(model="d-1", answers={}, usage={"input_tokens": 3, "output_tokens": 2})


class DecidingNative(Deciding):
    """Has `_aclassify` too."""

    async def _aclassify(self, state: Any, questions: Any) -> Any:
        answer = self._classify(state, questions)
        if self.pause is not None:
            await self.pause()
        return answer


@pytest.fixture(params=[Deciding, DecidingNative])
def decider(request: pytest.FixtureRequest, body: Callable[[str], None]) -> Any:
    """A decision model; each test runs with one that is asynchronous by itself and with one that is not."""
    return request.param(body=body)


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_call(form: str, decider: Any, recording: Any) -> None:
    """A call is a chat span around the body with the answer's counts."""
    call(form, decider, REQUEST)
    assert recording.tree() == ONCE
    span = recording.named("chat d")
    assert span.kind is SpanKind.CLIENT
    attributes = {key: value for key, value in span.attributes.items() if key.startswith("gen_ai.")}
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "deciders",
        "gen_ai.request.model": "d",
        "gen_ai.response.model": "d-1",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 2,
    }
    assert span.attributes["langchain.run.type"] == "llm"


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_batch(form: str, decider: Any, tree: Callable[..., str]) -> None:
    """A batch is a call for each request."""
    assert len(call(form, decider, [REQUEST, REQUEST])) == 2
    assert tree() == ONCE * 2


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_failing_body(form: str, decider: Any, tree: Callable[..., str]) -> None:
    """An exception in the body reaches the caller as the same object, and fails the span."""
    error = LookupError("no such thing")
    decider.body = failing(decider.body, error)
    with pytest.raises(LookupError) as raised:
        call(form, decider, REQUEST)
    assert raised.value is error
    assert (
        tree()
        == """\
chat d !LookupError
  http
"""
    )


async def test_cancelled(body: Callable[[str], None], tree: Callable[..., str]) -> None:
    """A cancelled call ends its span as cancelled."""
    decider = DecidingNative(body=body, pause=Standstill())
    await cancel(acall("ainvoke", decider, REQUEST), decider.pause.reached)
    assert (
        tree()
        == """\
chat d ~cancelled
  http
"""
    )
