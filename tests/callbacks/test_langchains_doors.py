"""LangChain's own doors, the call's config and the object, where its rules say who hears; and its handlers beside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManager
from langchain_core.callbacks.manager import trace_as_chain_group
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from tests.callbacks.forms import FORMS, in_form, in_node
from tests.callbacks.recorder import Awaited, Recorder, started
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ChatNative
from tests.modes.retrievers.embedders import RetrieverNative

import callspan
from callspan.core import state
from callspan.testing import record

Fn = Callable[..., Any]

inner: Any = RunnableLambda(lambda value: value, name="inner")


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream", "batch", "abatch"])
class TestObject:
    """A constructor's callbacks hear the object's own runs, those of `with_config` what runs inside it too."""

    def test_model(self, form: str) -> None:
        by_constructor, by_config = Recorder(), Recorder()
        model: Any = ChatNative(callbacks=[by_constructor])
        with record():
            in_form(form, model.with_config(callbacks=[by_config]), "hello")
            in_form(form, ChatNative(), "hello")
        assert started(by_constructor) == ["ChatNative"]
        assert started(by_config) == ["ChatNative"]

    def test_model_in_a_chain(self, form: str) -> None:
        by_constructor, by_config = Recorder(), Recorder()
        model = ChatNative(callbacks=[by_constructor]).with_config(callbacks=[by_config])
        with record():
            in_form(form, inner | model | inner, "hello")
        assert started(by_constructor) == ["ChatNative"]
        assert started(by_config) == ["ChatNative"]

    def test_tool(self, form: str) -> None:
        by_constructor, by_config = Recorder(), Recorder()
        tool: Any = StructuredTool.from_function(
            lambda where: f"{inner.invoke(where)}!", name="look", description="Look.", callbacks=[by_constructor]
        )
        with record():
            in_form(form, tool.with_config(callbacks=[by_config]), {"where": "there"})
        assert started(by_constructor) == ["look"]
        assert started(by_config) == ["look", "inner"]

    def test_retriever(self, form: str) -> None:
        recorder = Recorder()
        retriever = RetrieverNative(body=lambda: None)  # its constructor takes no callbacks
        with record():
            in_form(form, retriever.with_config(callbacks=[recorder]), "bears")
            in_form(form, retriever, "bears")
        assert started(recorder) == ["RetrieverNative"]

    def test_chain(self, form: str) -> None:
        recorder = Recorder()
        with record():
            in_form(form, (inner | inner).with_config(callbacks=[recorder]), "x")
            in_form(form, inner, "x")
        assert started(recorder) == ["RunnableSequence", "inner", "inner"]


@pytest.mark.parametrize("form", FORMS)
def test_the_config_of_a_call(form: str) -> None:
    """A call's callbacks hear all that it calls, graph, nodes and models, and their tokens."""
    recorder = Recorder()
    with record():
        in_form(form, inner | ChatNative(), "hello", {"callbacks": [recorder]})
    names = [name for name in started(recorder) if name not in ("graph", "node")]
    assert names == ["RunnableSequence", "inner", "ChatNative"]
    assert started(recorder)[:2] == (["graph", "node"] if form.endswith("graph") else names[:2])
    assert bool(recorder.only("llm_new_token")) is form.endswith("stream")


def test_a_manager_of_the_callers() -> None:
    """A callback that was added to a manager is inherited or not, as LangChain's managers have it."""
    inherited, local = Recorder(), Recorder()
    manager = CallbackManager([])
    manager.add_handler(inherited, inherit=True)
    manager.add_handler(local, inherit=False)
    with record():
        (inner | inner).invoke("x", {"callbacks": manager})
    assert started(inherited) == ["RunnableSequence", "inner", "inner"]
    assert started(local) == ["RunnableSequence"]


def test_a_chain_group() -> None:
    """A block around a chain group hears the group and what is in it."""
    recorder = Recorder()
    with record(), callspan.callbacks(recorder), trace_as_chain_group("group") as manager:
        inner.invoke("x", {"callbacks": manager})
    assert started(recorder) == ["group", "inner"]


class Plain(BaseCallbackHandler):
    """Notes what LangChain tells it."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.heard.append(f"chain_start {kwargs['name']} {inputs} {sorted(kwargs)}")

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.heard.append(f"chain_end {type(outputs).__name__} {sorted(kwargs)}")

    def on_chain_error(self, error: BaseException, **kwargs: Any) -> None:
        self.heard.append(f"chain_error {error!r}")

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.heard.append(f"chat_model_start {[message.content for message in messages[0]]} {sorted(kwargs)}")

    def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        self.heard.append(f"token {token} {sorted(kwargs)}")

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.heard.append(f"llm_end {response.generations[0][0].text} {sorted(kwargs)}")

    def on_text(self, text: str, **kwargs: Any) -> None:
        self.heard.append(f"text {text}")

    def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        self.heard.append(f"custom_event {name} {data}")


class Inline(Plain):
    """The same, called in the caller's own thread in async code too."""

    run_inline = True


def _awaited(name: str) -> Any:
    async def hook(self: Any, *args: Any, **kwargs: Any) -> None:
        getattr(Plain, name)(self, *args, **kwargs)

    return hook


class Asynchronous(AsyncCallbackHandler):
    """The same, with coroutines."""

    __init__ = Plain.__init__  # type: ignore[assignment]


for _name in [name for name in vars(Plain) if name.startswith("on_")]:
    setattr(Asynchronous, _name, _awaited(_name))


def program(form: str, callbacks: list[Any]) -> None:
    """Run a chain that says and asks much."""

    def f(value: Any, run_manager: Any) -> Any:
        run_manager.on_text("said")
        return value

    async def af(value: Any, run_manager: Any) -> Any:
        await run_manager.on_text("said")
        return value

    in_form(form, RunnableLambda(f, af, name="f") | ChatNative(), "hello", {"callbacks": callbacks})
    with pytest.raises(LookupError):
        in_form(form, RunnableLambda(_fails) | inner, "x", {"callbacks": callbacks})


def _fails(value: Any) -> None:
    raise LookupError(value)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("handler", [Plain, Inline, Asynchronous])
@pytest.mark.parametrize("ours", [Recorder, Awaited])
def test_handlers_of_langchains_beside_ours(ours: Any, handler: Any, form: str) -> None:
    """In one list with a callback, before and after it, a handler hears word for word what it hears alone."""
    alone, before, after, callback = handler(), handler(), handler(), ours()
    program(form, [alone])
    with record():
        state.first_time("async hook")
        program(form, [before, callback, after])
    assert alone.heard
    assert sorted(before.heard) == sorted(alone.heard) if handler is Plain else before.heard == alone.heard
    assert sorted(after.heard) == sorted(alone.heard) if handler is Plain else after.heard == alone.heard
    starts = [line for line in alone.heard if line.split()[0] in ("chain_start", "chat_model_start")]
    assert len(callback.only("run_start")) == len(callback.only("run_end", "run_error")) == len(starts)


@pytest.mark.may_log
def test_a_callback_in_a_list_while_nothing_is_instrumented(monkeypatch: Any, caplog: Any) -> None:
    """It hears nothing, it harms nothing, and that it hears nothing is said once."""
    monkeypatch.setattr(state, "_logged", set())
    recorder = Recorder()
    config: Any = {"callbacks": [recorder]}
    assert call("stream", inner, "x", config) == ["x"]
    assert ChatNative(callbacks=[recorder]).invoke("hello").content
    assert asyncio.run(in_node(inner).ainvoke({"asked": "x"}, config))["answer"] == "x"
    assert recorder.heard == []
    assert [entry.getMessage() for entry in caplog.records] == [
        "a callback in LangChain's lists hears nothing: call callspan.instrument()"
    ]
