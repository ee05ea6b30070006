"""No spans: suppressed, sampled out, or a tracer that is broken. The user's program does not notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import get_current_span

import callspan
from callspan.core import spans
from callspan.langchain.chains import CHAIN, WORKFLOW
from callspan.testing import Recording


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_suppressed(way: Any, call: str, step: Any, recording: Any) -> None:
    """Under `suppress_instrumentation()` nothing is a run, whatever is called."""
    with suppress_instrumentation():
        result = getattr(way, call)(step("f") | step("g"), "x")
    assert result == ("xfg" if call == "invoke" else ["xfg"])
    assert [span.name for span in recording.spans] == ["http", "http"]
    assert {span.parent for span in recording.spans} == {None}


def test_suppressed_in_a_body(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """What a body calls under `suppress_instrumentation()` is no run; the body's own run stays current."""

    def f(value: str) -> Any:
        with suppress_instrumentation():
            return step("g").invoke(value)

    async def af(value: str) -> Any:
        with suppress_instrumentation():
            return await step("g").ainvoke(value)

    assert way.invoke(RunnableLambda(f, afunc=af), "x") == "xg"
    assert tree() == "invoke_workflow f\n  http\n"


def test_a_stream_made_suppressed(spell: Any, tree: Callable[..., str]) -> None:
    """A stream whose first step is suppressed has no run in its later steps either."""
    stream = spell("f").stream("xyz")
    with suppress_instrumentation():
        assert next(stream) == "x"
    assert list(stream) == ["y", "z"]
    assert set(tree().splitlines()) == {"http"}


class _Others(Sampler):
    """Drops callspan's runs, keeps the test's own spans whatever their parent."""

    def should_sample(
        self, parent_context: Any, trace_id: int, name: str, kind: Any = None, attributes: Any = None, *rest: Any
    ) -> SamplingResult:
        return SamplingResult(Decision.RECORD_AND_SAMPLE if name == "http" else Decision.DROP)

    def get_description(self) -> str:
        return "others"


@pytest.mark.parametrize("recording", [{"sampler": _Others()}], indirect=True)
def test_a_span_inside_a_run_that_is_sampled_out(way: Any, http: Callable[..., None], recording: Any) -> None:
    """A run that is sampled out is current all the same: a span in its body has it as its parent, in its trace."""
    contexts: list[Any] = []

    def f(value: str) -> str:
        contexts.append(get_current_span().get_span_context())
        http()
        return value

    async def af(value: str) -> str:
        return f(value)

    assert way.invoke(RunnableLambda(f, afunc=af), "x") == "x"
    [inside] = recording.spans
    [context] = contexts
    assert context.is_valid
    assert not context.trace_flags.sampled
    assert (inside.parent.span_id, inside.context.trace_id) == (context.span_id, context.trace_id)


@pytest.mark.parametrize("recording", [{"sampler": ALWAYS_OFF}], indirect=True)
def test_nothing_is_read_for_a_run_that_is_sampled_out(
    way: Any, step: Any, recording: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run that is sampled out, only what the sampler sees is read."""
    tables: list[Any] = []
    original = spans.read
    monkeypatch.setattr(spans, "read", lambda table, subject: tables.append(table) or original(table, subject))
    assert way.invoke(step("f") | step("g"), "x") == "xfg"
    assert recording.spans == []
    seen_by_samplers = {id(kind.identity) for kind in (WORKFLOW, CHAIN)}
    assert {id(table) for table in tables} <= seen_by_samplers


class _Broken(TracerProvider):
    """A provider whose tracer cannot start a span."""

    def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
        class Tracer:
            def start_span(self, *args: Any, **kwargs: Any) -> Any:
                raise RuntimeError("broken")

        return Tracer()


@pytest.fixture
def broken() -> Iterator[None]:
    """LangChain is instrumented with a tracer that raises."""
    callspan.instrument(tracer_provider=_Broken())
    yield
    callspan.uninstrument()


@pytest.mark.may_log
@pytest.mark.may_log
@pytest.mark.usefixtures("broken")
def test_a_broken_tracer(way: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A tracer that cannot start a span costs the spans and nothing else; it is said once."""
    add = RunnableLambda(lambda value: value + 1)
    assert way.invoke(add | add, 1) == 3
    assert way.batch(add | add, [1, 2]) == [3, 4]
    assert way.stream(add | add, 1) == [3]
    assert [entry.name for entry in caplog.records] == ["callspan"]


class _Raising(SpanProcessor):
    """Somebody's processor, which raises in one of its methods."""

    def __init__(self, method: str) -> None:
        setattr(self, method, self._raise)

    def _raise(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("broken")


@pytest.mark.may_log
@pytest.mark.may_log
@pytest.mark.parametrize(("method", "expected"), [("on_start", ""), ("on_end", "invoke_workflow\n  chain f\n")])
def test_a_raising_processor(way: Any, method: str, expected: str, recording: Recording) -> None:
    """A span processor that raises, as the SDK lets it, does not reach the user's call."""
    recording.provider.add_span_processor(_Raising(method))
    f = RunnableLambda(lambda value: value + 1, name="f")
    assert way.invoke(f | {"a": f}, 1) == {"a": 3}
    assert recording.tree().startswith(expected)
    assert bool(recording.tree()) == bool(expected)


@pytest.mark.may_log
@pytest.mark.may_log
@pytest.mark.parametrize("method", ["on_start", "on_end"])
def test_a_raising_processor_and_a_failing_chain(way: Any, method: str, recording: Recording) -> None:
    """The user's exception stays the user's, also where a processor raises."""
    recording.provider.add_span_processor(_Raising(method))
    error = ValueError("no")

    def f(value: int) -> None:
        raise error

    with pytest.raises(ValueError, match="no") as caught:
        way.invoke(RunnableLambda(f), 1)
    assert caught.value is error
    assert caught.value.__context__ is None
