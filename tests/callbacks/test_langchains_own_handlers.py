"""LangChain's own handlers: which can be adapted, and which cannot."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler, StdOutCallbackHandler
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.log_stream import LogStreamCallbackHandler
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langchain_core.tracers.stdout import ConsoleCallbackHandler
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ChatNative

from callspan import Callback, FromLangChain, callbacks, workflow
from callspan.testing import record

Fn = Callable[..., Any]


def f(text: Any) -> Any:
    return text


class _Tapping(BaseCallbackHandler):
    def tap_output_iter(self, run_id: Any, output: Any) -> Any: ...

    def tap_output_aiter(self, run_id: Any, output: Any) -> Any: ...


@pytest.mark.parametrize("make", [_Tapping, LogStreamCallbackHandler])
def test_a_handler_that_langchain_must_find(make: Fn) -> None:
    """What LangChain looks for in its own lists cannot be adapted, and the error says where to give it."""

    async def main() -> None:  # older streams of logs are made where a loop runs
        FromLangChain(make())

    with pytest.raises(TypeError, match=r"^\w+ cannot be adapted, .* give it in config=\{'callbacks': \[\.\.\.\]\}$"):
        asyncio.run(main())


def test_a_handler_of_the_newer_streams() -> None:
    """And so it is with the mark of the newer streams."""
    streaming = pytest.importorskip("langchain_core.tracers._streaming")
    if not hasattr(streaming, "_V2StreamingCallbackHandler"):
        pytest.skip("v3 streams of events came with langchain-core 1.4")
    handler = type("Newer", (BaseCallbackHandler, streaming._V2StreamingCallbackHandler), {})()
    with pytest.raises(TypeError, match=r"^Newer cannot be adapted, "):
        FromLangChain(handler)


def test_the_handler_of_message_streams() -> None:
    """LangGraph's handler for `stream_mode="messages"` is one of them."""
    messages = pytest.importorskip("langgraph.pregel._messages")
    with pytest.raises(TypeError, match=r"^StreamMessagesHandler cannot be adapted, "):
        FromLangChain(messages.StreamMessagesHandler(print, subgraphs=False))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (BaseCallbackHandler, "is no handler of LangChain's"),
        (print, "is no handler of LangChain's"),
        (None, "is no handler of LangChain's"),
        (Callback(), "is a callback already"),
    ],
)
def test_what_is_no_handler(given: Any, message: str) -> None:
    """What is no instance of a handler's class is refused."""
    with pytest.raises(TypeError, match=message):
        FromLangChain(given)


@pytest.mark.parametrize("make", [StdOutCallbackHandler, ConsoleCallbackHandler])
@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_handlers_that_print(make: Fn, form: str) -> None:
    """LangChain's handlers that print, print the same; the times of the tracer's are left out."""

    def printed(config: Any, *given: Any) -> list[str]:
        text = io.StringIO()
        with redirect_stdout(text), record(callbacks=given):
            call(form, RunnableLambda(f) | RunnableLambda(f), "x", config)
        return [line for line in text.getvalue().splitlines() if "Exiting" not in line]

    ours = printed({}, FromLangChain(make()))
    assert ours == printed({"callbacks": [make()]})
    assert any("RunnableSequence" in line for line in ours)


def test_the_handler_of_usage() -> None:
    """LangChain's handler of usage adds up the tokens of a block."""
    core = pytest.importorskip("langchain_core.callbacks.usage", reason="it came with langchain-core 0.3.49")
    handler = core.UsageMetadataCallbackHandler()
    with record(), callbacks(FromLangChain(handler)):
        ChatNative().invoke("hello")
        ChatNative().invoke("hello")

    assert handler.usage_metadata["m-1"]["total_tokens"] == 10


@pytest.mark.filterwarnings("ignore:The `copy` method is deprecated")  # LangChain's own, in older versions
def test_the_collector_of_runs() -> None:
    """LangChain's collector of runs makes the tree of them, with the workflow as its root."""
    collector = RunCollectorCallbackHandler()
    with record(callbacks=[FromLangChain(collector)]), workflow("w"):
        (RunnableLambda(f) | ChatNative()).invoke("x")

    (root,) = collector.traced_runs
    (sequence,) = root.child_runs
    assert [root.name, sequence.name, *[run.name for run in sequence.child_runs]] == [
        *("w", "RunnableSequence", "f", "ChatNative"),
    ]
    assert all(run.end_time is not None for run in (root, sequence, *sequence.child_runs))
