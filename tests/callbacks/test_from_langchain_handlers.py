"""What `FromLangChain` asks of a handler, and what it does for one that LangChain does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from tests.callbacks.recorders import EVENTS, outline, recorder, told_alike
from tests.modes.models.calls import Standstill, call, cancel
from tests.modes.models.chat_models import ChatNative
from tests.modes.models.completion_models import CompletingNative
from tests.modes.retrievers.embedders import Embedder, Retriever

from callspan import FromLangChain, Stop, callbacks, workflow
from callspan.testing import record

Fn = Callable[..., Any]


def f(text: Any) -> Any:
    return text


def everything(config: Any) -> None:
    """Calls one of each kind."""
    add = StructuredTool.from_function(lambda a: a, name="t", description="A tool.")
    list(ChatNative().stream("hello", config))
    CompletingNative().invoke("hello", config)
    (RunnableLambda(f) | RunnableLambda(f)).invoke("x", config)
    add.invoke({"a": 1}, config)
    Retriever(body=lambda: None).invoke("hello", config)


ALL = "chat+ token llm- llm+ llm- chain+ chain+ chain- chain+ chain- chain- tool+ tool- retriever+ retriever-"


def test_one_of_each() -> None:
    """The calls below are told in full to a handler that ignores nothing."""
    assert told_alike(everything) == ALL


@pytest.mark.parametrize(
    ("flag", "left"),
    [
        ("ignore_llm", "chat+ chain+ chain+ chain- chain+ chain- chain- tool+ tool- retriever+ retriever-"),
        ("ignore_chat_model", ALL.removeprefix("chat+ ")),
        ("ignore_chain", "chat+ token llm- llm+ llm- tool+ tool- retriever+ retriever-"),
        ("ignore_agent", ALL.replace(" tool+ tool-", "")),
        ("ignore_retriever", ALL.replace(" retriever+ retriever-", "")),
    ],
)
def test_what_a_handler_ignores(flag: str, left: str) -> None:
    """A handler is not told of what its flags say it ignores."""
    handler = recorder(**{flag: True})
    with record(callbacks=[FromLangChain(handler)]):
        everything({})

    assert outline(handler.heard) == left


NO_CHAT = tuple(event for event in EVENTS if event != "on_chat_model_start")


@pytest.mark.parametrize(
    ("form", "base"),
    [("invoke", BaseCallbackHandler), ("ainvoke", BaseCallbackHandler), ("ainvoke", AsyncCallbackHandler)],
)
def test_a_handler_that_knows_no_chat_models(form: str, base: type) -> None:
    """It is told the messages of a chat model as one text, as by LangChain."""
    theirs, ours = recorder(base, events=NO_CHAT), recorder(base, events=NO_CHAT)
    with record(callbacks=[FromLangChain(ours)]):
        call(form, ChatNative(), "hello", {"callbacks": [theirs]})

    assert ours.heard == theirs.heard
    assert (outline(ours.heard), ours.heard[0][1][1]) == ("llm+ llm-", ["Human: hello"])


@pytest.mark.may_log
def test_a_handler_of_coroutines_that_knows_no_chat_models() -> None:
    """And so it is in a synchronous call, of which older versions of LangChain tell it nothing."""
    handler = recorder(AsyncCallbackHandler, events=NO_CHAT)
    with record(callbacks=[FromLangChain(handler)]):
        ChatNative().invoke("hello")

    assert (outline(handler.heard), handler.heard[0][1][1]) == ("llm+ llm-", ["Human: hello"])


def test_a_text_for_a_chat_model_is_ignored_with_models() -> None:
    """A handler that knows no chat models and ignores models is not told the text either."""
    handler = recorder(events=("on_llm_start",), ignore_llm=True)
    with record(callbacks=[FromLangChain(handler)]):
        ChatNative().invoke("hello")

    assert handler.heard == []


@pytest.mark.may_log
def test_a_coroutine_in_a_synchronous_call() -> None:
    """A handler of coroutines is told each event to its end, in order, also in a synchronous call."""
    assert told_alike(everything, AsyncCallbackHandler) == ALL


def _fails(self: Any, *args: Any, **kwargs: Any) -> None:
    raise RuntimeError("the handler")


async def _afails(self: Any, *args: Any, **kwargs: Any) -> None:
    raise RuntimeError("the handler")


@pytest.mark.parametrize("event", ["on_chain_start", "on_chain_end"])
@pytest.mark.parametrize(
    ("form", "base", "method"),
    [
        ("invoke", BaseCallbackHandler, _fails),
        ("ainvoke", BaseCallbackHandler, _fails),
        ("ainvoke", AsyncCallbackHandler, _afails),
    ],
)
def test_a_handler_that_raises(event: str, form: str, base: type, method: Fn) -> None:
    """What a handler raises ends the call if it is one that says so."""
    with (
        record(callbacks=[FromLangChain(recorder(base, raise_error=True, **{event: method}))]),
        pytest.raises(RuntimeError, match="the handler"),
    ):
        call(form, RunnableLambda(f), "x")


@pytest.mark.may_log
def test_a_handler_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """What another one raises is logged, and the call goes on."""
    handler = recorder(on_chain_start=_fails)
    with record(callbacks=[FromLangChain(handler)]):
        assert RunnableLambda(f).invoke("x") == "x"

    assert outline(handler.heard) == "chain-"
    assert [entry.getMessage() for entry in caplog.records] == ["FromLangChain.on_run_start failed; the call goes on"]


@pytest.mark.may_log
def test_a_method_that_is_not_implemented() -> None:
    """What says that it is not implemented ends no call, as with LangChain, even if the handler says that it raises."""

    def missing(self: Any, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError

    handler = recorder(raise_error=True, on_chain_start=missing)
    with record(callbacks=[FromLangChain(handler)]):
        assert RunnableLambda(f).invoke("x") == "x"

    assert outline(handler.heard) == "chain-"


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_a_stop(form: str) -> None:
    """A handler that raises `Stop` stops the call, in every form, and is told that it failed by it."""
    stop = Stop("enough")

    def stops(self: Any, *args: Any, **kwargs: Any) -> None:
        raise stop

    handler = recorder(on_chat_model_start=stops)
    with record(callbacks=[FromLangChain(handler)]), pytest.raises(Stop) as raised:
        call(form, RunnableLambda(f) | ChatNative(), "x")

    assert raised.value is stop
    assert outline(handler.heard) == "chain+ chain+ chain- llm! chain!"
    assert [args for event, args, _ in handler.heard if event.endswith("_error")] == [(stop,), (stop,)]


def test_a_model_that_is_cancelled() -> None:
    """The end of a cancelled call, of which LangChain says nothing in `agenerate`, is told as the error it is."""

    async def main() -> None:
        still = Standstill()
        await cancel(ChatNative(pause=still).ainvoke("hello"), still.reached)

    handler = recorder()
    with record(callbacks=[FromLangChain(handler)]):
        asyncio.run(main())

    assert outline(handler.heard) == "chat+ llm!"
    assert type(handler.heard[1][1][0]) is asyncio.CancelledError


def test_what_langchain_does_not_report() -> None:
    """Prompts that no event ends, for another one of the call failed, are not told as ended."""

    def failing(config: Any) -> None:
        def fail(text: str) -> None:
            if text == "b":
                raise ValueError(text)

        with pytest.raises(ValueError, match="b"):
            ChatNative(body=fail).generate([[HumanMessage("a")], [HumanMessage("b")]], callbacks=config["callbacks"])

    assert told_alike(failing) == "chat+ chat+ llm!"


def test_it_hears_in_every_scope_once() -> None:
    """Given to process, block and call at once it hears each event once."""
    handler = recorder()
    callback = FromLangChain(handler)
    with record(callbacks=[callback]), callbacks(callback):
        RunnableLambda(f).invoke("x", {"callbacks": [callback]})

    assert outline(handler.heard) == "chain+ chain-"


def test_a_block() -> None:
    """A block's handler hears the block, and nothing else."""
    handler = recorder()
    with record():
        RunnableLambda(f).invoke("before")
        with callbacks(FromLangChain(handler)):
            RunnableLambda(f).invoke("within")
        RunnableLambda(f).invoke("after")

    assert [args[1] for event, args, _ in handler.heard if event == "on_chain_start"] == ["within"]


@pytest.mark.parametrize("how", ["with", "decorator"])
def test_a_workflow(how: str) -> None:
    """A workflow is told as the chain group that it is; what it runs is its children, in the handler's tree too."""
    handler = recorder()

    def inside(text: Any) -> None:
        if how == "with":
            with workflow("inner", tags=["t"], metadata={"m": 1}):
                RunnableLambda(f).invoke(text)
        else:
            workflow("inner", tags=["t"], metadata={"m": 1})(lambda: RunnableLambda(f).invoke(text))()

    with record(callbacks=[FromLangChain(handler)]), workflow("outer"):
        RunnableLambda(inside).invoke("x")

    starts = [(args, kwargs) for event, args, kwargs in handler.heard if event == "on_chain_start"]
    names = {kwargs["run_id"]: kwargs.get("name") or args[0]["name"] for args, kwargs in starts}
    assert [(names[kwargs["run_id"]], names.get(kwargs["parent_run_id"])) for _, kwargs in starts] == [
        ("outer", None),
        ("inside", "outer"),
        ("inner", "inside"),
        ("f", "inner"),
    ]
    assert starts[2] == (
        ({"name": "inner"}, {}),
        {**starts[2][1], "tags": ["t"], "metadata": {"m": 1}},
    )
    assert outline(handler.heard) == "chain+ chain+ chain+ chain+ chain- chain- chain- chain-"
    assert handler.heard[-1][1] == ({},)


def test_embeddings() -> None:
    """Of embeddings, which are no event of LangChain's, it is told nothing."""
    handler = recorder()
    with record(callbacks=[FromLangChain(handler)]):
        Embedder(lambda: None).embed_query("x")

    assert handler.heard == []


def test_spans_of_others() -> None:
    """Nor of the GenAI spans of other instrumentations."""
    handler = recorder()
    with record(callbacks=[FromLangChain(handler)]) as recording:
        recording.provider.add_span_processor(FromLangChain(handler))
        recording.tracer.start_span("chat m", attributes={"gen_ai.operation.name": "chat"}).end()

    assert handler.heard == []


def test_what_it_does_not_hear() -> None:
    """A handler that has no method for tokens makes nobody tell tokens; one that has hears them."""
    plain, listening = FromLangChain(BaseCallbackHandler()), FromLangChain(recorder())

    assert plain.callspan_heard == {"on_run_start", "on_run_end", "on_run_error"}
    assert listening.callspan_heard == plain.callspan_heard | {
        *("on_llm_new_token", "on_stream_event", "on_text", "on_retry", "on_agent_action", "on_agent_finish"),
        "on_custom_event",
    }
