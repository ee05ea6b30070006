"""Which runs a callback hears: by kind or operation, by name, by tag, or by what it says itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler, dispatch_custom_event
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from tests.callbacks.forms import in_node
from tests.callbacks.recorder import Notes, Recorder
from tests.modes.models.chat_models import ChatNative
from tests.modes.models.completion_models import CompletingNative
from tests.modes.retrievers.embedders import Embedder, RetrieverNative

import callspan
from callspan.callback.callback import HOOKS
from callspan.testing import record

Fn = Callable[..., Any]


def program() -> None:
    """Run one of each kind, in a graph."""

    def look(where: str) -> str:
        dispatch_custom_event("found", where)
        return where

    def all_kinds(value: Any, run_manager: Any) -> None:
        run_manager.on_text("said")
        list(ChatNative().with_config(tags=["quick", "chat"]).stream("hello"))
        CompletingNative().with_config(tags=["quick"]).invoke("hello")
        StructuredTool.from_function(look, name="look", description="Look.").invoke({"where": "there"})
        RetrieverNative(body=lambda: None).invoke("bears")
        Embedder(lambda: None).embed_query("bears")

    in_node(RunnableLambda(all_kinds)).invoke({"asked": "x"})


def heard(callback: Any, events: tuple[str, ...] = ("run_start",)) -> list[str]:
    """Give the names of the runs that were heard, those of nodes apart."""
    names = [line.split()[1] for line in callback.only(*events)]
    return [name for name in names if name != "node"]


SELECTIONS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["graph", "all_kinds", "ChatNative", "CompletingNative", "look", "RetrieverNative", "Embedder"]),
    ({"kinds": "llm"}, ["ChatNative", "CompletingNative"]),
    ({"kinds": ["llm"]}, ["ChatNative", "CompletingNative"]),
    ({"kinds": ("chain",)}, ["graph", "all_kinds"]),
    ({"kinds": "tool"}, ["look"]),
    ({"kinds": "retriever"}, ["RetrieverNative"]),
    ({"kinds": "embedding"}, ["Embedder"]),
    ({"kinds": {"tool", "embedding"}}, ["look", "Embedder"]),
    ({"kinds": "chat"}, ["ChatNative"]),
    ({"kinds": "text_completion"}, ["CompletingNative"]),
    ({"kinds": "invoke_workflow"}, ["graph"]),
    ({"kinds": "invoke_agent"}, []),
    ({"kinds": ("execute_tool", "retrieval", "embeddings")}, ["look", "RetrieverNative", "Embedder"]),
    ({"names": "look"}, ["look"]),
    ({"names": ["look", "graph", "nobody"]}, ["graph", "look"]),
    ({"tags": "quick"}, ["ChatNative", "CompletingNative"]),
    ({"tags": ("chat", "none")}, ["ChatNative"]),
    ({"kinds": "llm", "names": ("ChatNative", "look")}, ["ChatNative"]),
    ({"names": "CompletingNative", "tags": "chat"}, []),
]


@pytest.mark.parametrize(
    ("selection", "expected"), SELECTIONS, ids=[" ".join(expected) or "none" for _, expected in SELECTIONS]
)
class TestSelection:
    """On the class or on the instance, the same runs are heard, from start to end."""

    def test_on_the_instance(self, selection: dict[str, Any], expected: list[str]) -> None:
        self.check(Recorder(**selection), expected)

    def test_on_the_class(self, selection: dict[str, Any], expected: list[str]) -> None:
        callback = type("Selecting", (Recorder,), selection)()
        for name in ("kinds", "names", "tags"):
            vars(callback).pop(name)
        self.check(callback, expected)

    def test_listen(self, selection: dict[str, Any], expected: list[str]) -> None:
        names: list[str] = []
        with record(callbacks=[callspan.Listen(on_start=lambda run: names.append(run.name), **selection)]):
            program()
        assert [name for name in names if name != "node"] == expected

    def check(self, callback: Any, expected: list[str]) -> None:
        with record(callbacks=[callback]):
            program()
        assert heard(callback) == expected
        assert sorted(heard(callback, ("run_end",))) == sorted(expected)


@pytest.mark.parametrize("kinds", ["model", ("llm", "node"), ["LLM"], "llm, tool"], ids=str)
def test_what_is_no_kind(kinds: Any) -> None:
    """A kind that is none is refused when the class is made, or the listener, and what is allowed is said."""
    with pytest.raises(ValueError, match=r"kinds=.* is not allowed: llm \| chain \| tool \| retriever"):
        type("Wrong", (callspan.Callback,), {"kinds": kinds})
    with pytest.raises(ValueError, match=r"kinds=.* is not allowed"):
        callspan.Listen(kinds=kinds)


def hearing(*hooks: str) -> Any:
    """Make a recorder that has these hooks, or all but those with a minus."""
    wanted = set(hooks) if not hooks[0].startswith("-") else set(HOOKS) - {hook[1:] for hook in hooks}
    return type("Hearing", (Notes,), {hook: vars(Recorder)[hook] for hook in wanted})()


IGNORED: dict[str, tuple[Fn, set[str]]] = {
    # LangChain's flag: what does the same here, and the events that are left of the program's
    "ignore_llm": (
        lambda: Recorder(kinds=("chain", "tool", "retriever", "embedding")),
        {"chain_start", "chain_end", "tool_start", "tool_end", "retriever_start", "retriever_end", "embedding_start",
         "embedding_end", "run_start", "run_end", "text", "custom_event"},
    ),
    "ignore_chain": (
        lambda: Recorder(kinds=("llm", "tool", "retriever")),
        {"chat_model_start", "llm_start", "llm_new_token", "llm_end", "tool_start", "tool_end", "retriever_start",
         "retriever_end", "run_start", "run_end", "custom_event"},
    ),
    "ignore_agent": (
        lambda: Recorder(kinds=("llm", "retriever")),  # LangChain's flag means tools, too
        {"chat_model_start", "llm_start", "llm_new_token", "llm_end", "retriever_start", "retriever_end", "run_start",
         "run_end"},
    ),
    "ignore_retriever": (
        lambda: Recorder(kinds=("tool",)),
        {"tool_start", "tool_end", "run_start", "run_end", "custom_event"},
    ),
    "ignore_chat_model": (lambda: hearing("on_llm_end", "on_text"), {"llm_end", "text"}),
    "ignore_retry": (lambda: hearing("on_tool_start", "on_tool_end"), {"tool_start", "tool_end"}),
    "ignore_custom_event": (
        lambda: hearing("-on_custom_event", "-on_run_start", "-on_run_end"),
        {"chain_start", "chain_end", "chat_model_start", "llm_start", "llm_new_token", "llm_end", "tool_start",
         "tool_end", "retriever_start", "retriever_end", "embedding_start", "embedding_end", "text"},
    ),
}  # fmt: skip


def test_the_flags_are_langchains() -> None:
    """There is a selection for each of LangChain's flags, and its lists are answered that we ignore it."""
    flags = {name for name in dir(BaseCallbackHandler) if name.startswith("ignore_")}
    assert flags == set(IGNORED)
    with record():
        assert {getattr(Recorder(), flag) for flag in flags} == {True}


@pytest.mark.parametrize("flag", IGNORED)
def test_what_is_ignored(flag: str) -> None:
    """Whatever LangChain's flags can leave out can be left out here, by kinds or by the hooks there are."""
    make, events = IGNORED[flag]
    callback = make()
    with record(callbacks=[callback]):
        program()
    assert {line.split()[0] for line in callback.heard} == events


@pytest.mark.parametrize(
    ("hooks", "expected"),
    [
        (("on_llm_start",), ["llm_start ChatNative", "llm_start CompletingNative"]),
        (("on_chat_model_start",), ["chat_model_start ChatNative"]),
        (("on_llm_start", "on_chat_model_start"), ["chat_model_start ChatNative", "llm_start CompletingNative"]),
    ],
)
def test_the_start_of_a_chat_model(hooks: tuple[str, ...], expected: list[str]) -> None:
    """A chat model's start is heard by its own hook or, without one, by that of all models."""
    callback = hearing(*hooks)
    with record(callbacks=[callback]):
        program()
    assert callback.heard == expected


class TestWants:
    """A callback may say itself what it hears."""

    def test_it_is_asked_once(self) -> None:
        """However many doors it comes by, and before anything is heard; then it hears all of the run or nothing."""
        asked: list[str] = []

        class Choosing(Recorder):  # type: ignore[misc, valid-type]
            def wants(self, run: Any) -> bool:
                asked.append(f"{run.name} {run.kind} {run.parent and run.parent.name} {run.span.is_recording()}")
                return run.kind == "llm"

        callback = Choosing()
        chain = RunnableLambda(lambda value: value, name="f") | ChatNative()
        with record(callbacks=[callback]) as recording, callspan.callbacks(callback):
            recording.provider.add_span_processor(callback)
            chain.invoke("hello", {"callbacks": [callback]})
        assert sorted(set(asked)) == [
            "ChatNative llm RunnableSequence True", "RunnableSequence chain None True", "f chain RunnableSequence True",
        ]  # fmt: skip
        assert len(asked) == 3
        assert callback.heard == [
            "run_start ChatNative",
            "chat_model_start ChatNative",
            "llm_end ChatNative",
            "run_end ChatNative",
        ]

    @pytest.mark.may_log
    def test_it_raises(self, caplog: Any) -> None:
        """Who fails to answer hears nothing of the run; it is logged once, and the others hear."""

        class Failing(Recorder):  # type: ignore[misc, valid-type]
            def wants(self, run: Any) -> bool:
                raise LookupError(run.name)

        failing, other = Failing(), Recorder()
        inner = RunnableLambda(lambda value: value, name="inner")
        with record(callbacks=[failing, other]):
            for _ in range(7):
                assert inner.invoke("x") == "x"
        assert failing.heard == []
        assert len(other.only("run_end")) == 7
        assert [entry.getMessage() for entry in caplog.records] == [
            "Failing.wants failed; the call goes on",
            "Failing is dropped: it failed 5 times in a row",
        ]

    @pytest.mark.may_log
    def test_it_raises_once(self) -> None:
        """Who fails now and then is not dropped."""
        runs: list[str] = []

        class Sometimes(Recorder):  # type: ignore[misc, valid-type]
            def wants(self, run: Any) -> bool:
                runs.append(run.name)
                if len(runs) % 2:
                    raise LookupError
                return True

        callback = Sometimes()
        with record(callbacks=[callback]):
            for _ in range(20):
                RunnableLambda(lambda value: value, name="f").invoke("x")
        assert len(callback.only("run_end")) == 10
