"""A callback that cannot work says so: when its class is made, when it is registered, or when it returns something."""

from __future__ import annotations

import asyncio
import functools
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar
from unittest.mock import MagicMock

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace import SpanProcessor
from tests.modes.models.chat_models import ChatNative

import callspan
from callspan.callback.callback import HOOKS
from callspan.testing import record

Fn = Callable[..., Any]


def made(hooks: dict[str, Any], *bases: type) -> Any:
    """Make a class of callbacks."""
    return type("Guard", (*bases, callspan.Callback), hooks)


def nothing(*args: Any, **kwargs: Any) -> None: ...


SLIPS = {
    "on_llm_strat": "on_llm_start",
    "on_LLM_end": "on_llm_end",
    "on_chat_model_end": "on_llm_end",
    "on_chat_model_error": "on_llm_error",
    "on_model_start": "on_llm_start",
    "on_llm_stream": "on_llm_new_token",
    "on_chat_model_new_token": "on_llm_new_token",
    "on_token": "on_llm_new_token",
    "on_tools_start": "on_tool_start",
    "on_tool_finish": "on_tool_end",
    "on_agent_start": "on_chain_start",
    "on_node_error": "on_chain_error",
    "on_embeddings_end": "on_embedding_end",
    "on_retrieval_start": "on_retriever_start",
    "on_error": "on_run_error",
    "on_custom_events": "on_custom_event",
    "on_toolstart": "on_tool_start",
    "on_start_llm": "on_llm_start",
    "on_llm": "on_llm_start",
    "on_llm_newtoken": "on_llm_new_token",
    "on_interupt": "on_interrupt",
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_method_that_is_no_hook_is_refused_with_the_name_that_is_meant(name: str) -> None:
    with pytest.raises(TypeError, match=rf"Guard\.{name} is no hook.*did you mean {SLIPS[name]}\?"):
        made({name: nothing})


def test_all_hooks_are_named_where_none_is_near() -> None:
    with pytest.raises(TypeError, match=r"on_foo is no hook.*hooks are on_run_start, .*on_resume\. If"):
        made({"on_foo": nothing})


@pytest.mark.parametrize(
    "value",
    [lambda self, run: None, staticmethod(nothing), classmethod(nothing), functools.partial(nothing), MagicMock()],
    ids=["lambda", "static", "class", "partial", "mock"],
)
def test_a_slip_is_found_in_every_form_of_a_method(value: Any) -> None:
    with pytest.raises(TypeError, match="did you mean on_llm_start"):
        made({"on_llm_strat": value})


def test_a_slip_is_found_in_a_mixin_and_in_a_subclass() -> None:
    class Mixin:
        def on_chat_model_end(self, run: Any) -> None: ...

    with pytest.raises(TypeError, match="on_llm_end"):
        made({}, Mixin)
    with pytest.raises(TypeError, match="on_tool_start"):
        type("Inner", (made({"on_llm_start": nothing}),), {"on_tool_strat": nothing})


def test_what_is_no_method_or_no_hooks_affair_is_left_alone() -> None:
    class Watcher:
        """Somebody else's interface, with events of its own."""

        def on_modified(self, path: str) -> None: ...

    class Kind: ...

    hooks = {
        "on_modified": nothing,
        "on_gpu": True,
        "on_words": "text",
        "on_kind": Kind,
        "on_property": property(lambda self: 1),
        "_on_own": nothing,
        "once": nothing,
        "on_ending": nothing,
    }
    made(hooks, Watcher)


def langchains(self: Any, serialized: Any, prompts: Any, **kwargs: Any) -> None: ...


def keyword_only(self: Any, run: Any, *, more: Any) -> None: ...


SIGNATURES: list[tuple[str, Any, str]] = [
    ("on_llm_start", langchains, r"\(self, serialized, prompts, \*\*kwargs\).*on_llm_start\(self, run\).*From"),
    ("on_llm_new_token", lambda self, token, *, chunk=None, run_id, **more: None, r"\(self, run, token, chunk\).*From"),
    ("on_text", lambda self, text, **more: None, r"\(self, run, text\).*From"),
    ("on_llm_end", lambda self: None, r"write def on_llm_end\(self, run\)"),
    ("on_llm_end", lambda: None, r"write def on_llm_end\(self, run\)"),
    ("on_llm_new_token", lambda self, run, token: None, r"on_llm_new_token\(self, run, token, chunk\)"),
    ("on_llm_new_token", lambda self, token, **kwargs: None, r"on_llm_new_token\(self, run, token, chunk\)"),
    ("on_custom_event", lambda self, run, data: None, r"on_custom_event\(self, run, name, data\)"),
    ("on_retry", lambda self, run: None, r"on_retry\(self, run, state\)"),
    ("on_run_end", keyword_only, "on_run_end"),
    ("on_run_end", staticmethod(lambda self, run: None), "on_run_end"),
    ("on_run_end", classmethod(lambda cls: None), "on_run_end"),
    ("on_run_end", functools.partialmethod(lambda self, more, other, run: None, 1), "on_run_end"),
    ("on_run_end", "no method", "cannot be called"),
]  # fmt: skip


@pytest.mark.parametrize(("hook", "function", "said"), SIGNATURES)
def test_a_hook_that_cannot_be_called_is_refused(hook: str, function: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        made({hook: function})


def injecting(function: Fn) -> Fn:
    @functools.wraps(function)
    def outer(self: Any, run: Any) -> Any:
        return function(self, run, "injected")

    return outer


class Unreadable:
    """A decorated method whose signature nobody can read."""

    def __init__(self, function: Fn) -> None:
        self.function = function

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return functools.partial(self.function, instance)


RIGHT: list[Any] = [
    lambda self, run: None,
    lambda self, run, more=None: None,
    lambda self, run, *, more=None: None,
    lambda self, run, /: None,
    lambda self, *args: None,
    lambda *args, **kwargs: None,
    staticmethod(lambda run: None),
    classmethod(lambda cls, run: None),
    functools.partial(nothing, 1),
    functools.partialmethod(lambda self, more, run: None, 1),
    injecting(lambda self, run, database: None),
    Unreadable(lambda self, run: None),
    property(lambda self: nothing),
    MagicMock(return_value=None),
    MagicMock(spec=nothing, return_value=None),
    None,
]


@pytest.mark.parametrize("function", RIGHT)
def test_a_hook_that_can_be_called_is_not_complained_of(recording: Any, function: Any) -> None:
    with callspan.callbacks(made({"on_run_start": function})()):
        RunnableLambda(str).invoke(1)


def test_a_coroutine_function_is_a_hook_too(recording: Any) -> None:
    class Awaited(callspan.Callback):
        async def on_run_start(self, run: Any) -> None: ...

    async def main() -> None:
        with callspan.callbacks(Awaited()):
            await RunnableLambda(str).ainvoke(1)

    asyncio.run(main())


def test_a_hook_that_would_never_run_is_refused() -> None:
    def generator(self: Any, run: Any) -> Any:
        yield

    async def asynchronous(self: Any, run: Any) -> Any:
        yield

    for function in (generator, asynchronous):
        with pytest.raises(TypeError, match="generator function"):
            made({"on_llm_start": function})


def test_what_nobody_awaits_must_be_plain() -> None:
    async def later(*args: Any, **kwargs: Any) -> bool:
        return False

    for name in ("wants", "on_start", "on_end"):
        with pytest.raises(TypeError, match=f"{name} is async"):
            made({name: later})
    with pytest.raises(TypeError, match=r"def wants\(self, run\)"):
        made({"wants": lambda self: True})
    with pytest.raises(TypeError, match=r"def on_start\(self, span, parent_context=None\)"):
        made({"on_start": lambda self, span: None})


def test_a_mixin_that_python_does_not_reach_is_refused() -> None:
    class Mixin:
        def on_llm_start(self, run: Any) -> None: ...

    class Selects:
        def wants(self, run: Any) -> bool:
            return False

    type("Fine", (Mixin, callspan.Callback), {})
    for mixin, name in ((Mixin, "on_llm_start"), (Selects, "wants")):
        with pytest.raises(TypeError, match=rf"{name} would never be called.*\({mixin.__name__}, Callback\)"):
            type("Wrong", (callspan.Callback, mixin), {})


def test_generic_abstract_and_protocol_bases_are_fine() -> None:
    held = TypeVar("held")

    class Shape(Protocol):
        def on_llm_start(self, run: Any) -> None: ...

    class Abstract:
        @abstractmethod
        def on_llm_end(self, run: Any) -> None: ...

    class Fine(callspan.Callback, Abstract, Shape, Generic[held]):
        def on_llm_start(self, run: Any) -> None: ...

    assert Fine.callspan_heard == {"on_llm_start"}


@pytest.mark.may_log
def test_a_class_that_is_a_handler_of_langchains_too_is_warned_of_where_that_is_never_called(caplog: Any) -> None:
    class Handler(BaseCallbackHandler):
        def on_llm_start(self, serialized: Any, prompts: Any, **kwargs: Any) -> None: ...

    class Fine(callspan.Callback, Handler):
        def on_llm_start(self, run: Any) -> None: ...

    assert caplog.messages == []

    class Both(callspan.Callback, Handler): ...

    assert [line.partition(",")[0] for line in caplog.messages] == [
        "Handler.on_llm_start of LangChain's handler is never called in Both"
    ]


@pytest.mark.may_log
def test_a_hook_with_langchains_parameter_in_the_place_of_the_run_is_warned_of(caplog: Any) -> None:
    made({"on_llm_end": lambda self, response, **kwargs: None, "__qualname__": "Response"})
    (said,) = caplog.messages
    assert said.startswith("Guard.on_llm_end(self, response, **kwargs) gets the run: write def on_llm_end(self, run).")


def test_hooks_that_are_assigned_are_called_and_checked(recording: Any) -> None:
    seen: list[str] = []
    of_instance, of_class = callspan.Callback(), made({})
    of_instance.on_run_start = lambda run: seen.append("instance")  # type: ignore[method-assign, assignment]
    of_class.on_run_start = lambda self, run: seen.append("class")
    with callspan.callbacks(of_instance, of_class()):
        RunnableLambda(str).invoke(1, {"callbacks": [of_instance]})
    assert seen == ["instance", "class"]

    wrong, slip = callspan.Callback(), callspan.Callback()
    wrong.on_run_start = lambda: None  # type: ignore[method-assign, misc, assignment]
    slip.on_llm_strat = lambda run: None
    for one in (wrong, slip):
        for register in (callspan.callbacks(one).__enter__, lambda one=one: callspan.add_callback(one)):
            with pytest.raises(TypeError, match=r"on_run_start|did you mean on_llm_start"):
                register()


def test_what_a_callback_keeps_under_a_name_of_its_own_is_left_alone(recording: Any) -> None:
    @dataclass(eq=False)
    class Notifies(callspan.Callback):
        seen: list[str] = field(default_factory=list)

        def __post_init__(self) -> None:
            self.on_change = self.on_done = nothing

        def on_run_end(self, run: Any) -> None:
            self.seen.append(run.name)

    with callspan.callbacks(Notifies()) as one:
        RunnableLambda(str, name="s").invoke(1)
    assert one.seen == ["s"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("kinds", ("model",)), ("kinds", 5), ("names", 5), ("names", [1]), ("tags", b"a")],
)
def test_a_selection_that_selects_nothing_is_refused(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=f"{name}="):
        made({name: value})
    of_instance = callspan.Callback()
    setattr(of_instance, name, value)
    with pytest.raises((TypeError, ValueError), match=f"{name}="):
        callspan.add_callback(of_instance)


def test_a_selection_that_can_be_read_once_is_kept(recording: Any) -> None:
    heard: list[str] = []
    hooks = {"names": (name for name in ("mine",)), "on_run_start": lambda self, run: heard.append(run.name)}
    with callspan.callbacks(made(hooks)()):
        for name in ("mine", "other", "mine"):
            RunnableLambda(str, name=name).invoke(1)
    assert heard == ["mine", "mine"]


def test_a_mistake_in_what_instrument_is_given_is_told() -> None:
    for given, said in ((callspan.Usage, "a class"), (BaseCallbackHandler(), "FromLangChain")):
        with pytest.raises(ValueError, match=said):
            callspan.instrument(callbacks=[given])  # type: ignore[list-item]
    slip = callspan.Callback()
    slip.on_llm_strat = lambda run: None
    with pytest.raises(ValueError, match="did you mean on_llm_start"):
        callspan.instrument(callbacks=[slip])


@pytest.mark.may_log
def test_a_mistake_in_langchains_lists_is_logged_and_the_call_goes_on(recording: Any, caplog: Any) -> None:
    slip = callspan.Callback()
    slip.on_llm_strat = lambda run: None
    for _ in range(2):
        assert RunnableLambda(str).invoke(1, {"callbacks": [slip]}) == "1"
    assert ["did you mean on_llm_start?" in line for line in caplog.messages] == [True]


@pytest.mark.may_log
def test_hooks_of_a_processor_that_is_no_callback_are_warned_of(recording: Any, caplog: Any) -> None:
    class Processor(SpanProcessor):
        def on_llm_start(self, run: Any) -> None: ...

    with callspan.callbacks(Processor()), callspan.callbacks(Processor()):
        pass
    assert caplog.messages == ["Processor.on_llm_start is never called: derive the class from callspan.Callback"]


async def _astream(model: Any) -> None:
    async for _ in model.astream("hi"):
        pass


CALLS: dict[str, Fn] = {
    "invoke": lambda: ChatNative().invoke("hi"),
    "stream": lambda: list(ChatNative().stream("hi")),
    "batch": lambda: ChatNative().batch(["hi", "ho"]),
    "ainvoke": lambda: asyncio.run(ChatNative().ainvoke("hi")),
    "astream": lambda: asyncio.run(_astream(ChatNative())),
}


@pytest.mark.may_log
@pytest.mark.parametrize("form", CALLS)
@pytest.mark.parametrize("hook", ["on_llm_start", "on_llm_end", "on_llm_new_token", "on_run_end"])
@pytest.mark.parametrize("how", ["def", "async def"])
def test_a_hook_that_returns_something_is_warned_of_once(form: str, hook: str, how: str, caplog: Any) -> None:
    if hook == "on_llm_new_token" and "stream" not in form:
        pytest.skip("there are no tokens")

    async def later(*args: Any) -> Any:
        return callspan.Stop("no")

    plain: Any = lambda *args: callspan.Stop("no")  # noqa: E731
    with record():
        callspan.core.state.first_time("async hook")
        with callspan.callbacks(made({hook: plain if how == "def" else later})()):
            CALLS[form]()
            CALLS[form]()
    assert caplog.messages == [
        f"Guard.{hook} returned Stop, which changes nothing: an exception ends the call only if it is raised"
    ]


@pytest.mark.may_log
@pytest.mark.parametrize("verdict", [False, "no", 0])
def test_what_to_do_instead_is_said(recording: Any, caplog: Any, verdict: Any) -> None:
    with callspan.callbacks(made({"on_run_start": lambda self, run: verdict})()):
        RunnableLambda(str).invoke(1)
    (said,) = caplog.messages
    assert "raise callspan.Stop" in said
    assert "run.skip" in said


def test_the_callbacks_that_come_with_the_package_pass(recording: Any) -> None:
    assert {"on_run_start", "on_run_end", "on_run_error"} == callspan.Listen.callspan_heard
    assert set(HOOKS) >= callspan.FromLangChain.callspan_heard
    with record():
        pass
