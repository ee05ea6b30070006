"""`Listen` calls functions when runs start, end or fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ChatNative

from callspan import Listen, Run, Stop, callbacks
from callspan.testing import record

Fn = Callable[..., Any]


def _fail(text: Any) -> Any:
    raise ValueError("no")


def everything() -> None:
    """Calls a chain with a model in it, a tool, and a chain that fails."""

    def ask(text: Any) -> Any:
        return ChatNative(tags=["cheap"]).invoke(text)

    chain = RunnableLambda(ask).with_config(run_name="ask", tags=["outer"])
    chain.invoke("hello")
    StructuredTool.from_function(lambda a: a, name="look", description="Looks.").invoke({"a": 1})
    with pytest.raises(ValueError, match="no"):
        RunnableLambda(_fail).invoke("x")


def _written() -> tuple[list[str], dict[str, Any]]:
    """Give a list, and the three functions that write into it."""
    heard: list[str] = []

    def writer(how: str) -> Fn:
        return lambda run: heard.append(f"{how} {run.name}")

    return heard, {f"on_{how}": writer(how) for how in ("start", "end", "error")}


def _awritten() -> tuple[list[str], dict[str, Any]]:
    heard, functions = _written()

    def writer(function: Fn) -> Fn:
        async def write(run: Run) -> None:
            function(run)

        return write

    return heard, {name: writer(function) for name, function in functions.items()}


EVERYTHING = [
    *("start ask", "start ChatNative", "end ChatNative", "end ask"),
    *("start look", "end look", "start _fail", "error _fail"),
]


def test_everything() -> None:
    """Without a selection every run is heard, and each ends in one of two ways."""
    heard, functions = _written()
    with record(), callbacks(Listen(**functions)):
        everything()

    assert heard == EVERYTHING


@pytest.mark.may_log
def test_coroutine_functions() -> None:
    """Coroutine functions are run to their end, also in synchronous calls."""
    heard, functions = _awritten()
    with record(), callbacks(Listen(**functions)):
        everything()

    assert heard == EVERYTHING


@pytest.mark.parametrize("written", [_written, _awritten])
def test_an_asynchronous_call(written: Fn) -> None:
    """An asynchronous call is heard by functions of either kind."""
    heard, functions = written()
    with record(), callbacks(Listen(**functions)):
        call("ainvoke", RunnableLambda(lambda text: text, name="f") | ChatNative(), "hello")

    assert heard == [
        *("start RunnableSequence", "start f", "end f"),
        *("start ChatNative", "end ChatNative", "end RunnableSequence"),
    ]


@pytest.mark.parametrize("how", ["start", "end", "error"])
def test_one_function(how: str) -> None:
    """Who gives one function hears that only."""
    heard, functions = _written()
    with record(), callbacks(Listen(**{f"on_{how}": functions[f"on_{how}"]})):
        everything()

    assert heard == [line for line in EVERYTHING if line.startswith(how)]


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        ({"kinds": "llm"}, ["ChatNative"]),
        ({"kinds": ["llm", "tool"]}, ["ChatNative", "look"]),
        ({"kinds": ("chat",)}, ["ChatNative"]),
        ({"kinds": "execute_tool"}, ["look"]),
        ({"kinds": {"chain"}}, ["ask", "_fail"]),
        ({"names": "look"}, ["look"]),
        ({"names": ["ask", "look"]}, ["ask", "look"]),
        ({"names": "l"}, []),
        ({"tags": "cheap"}, ["ChatNative"]),
        ({"tags": "outer"}, ["ask", "ChatNative"]),
        ({"tags": ["cheap", "dear"]}, ["ChatNative"]),
        ({"tags": "c"}, []),
        ({"kinds": "llm", "names": "ask"}, []),
        ({"kinds": "chain", "names": "ask", "tags": "outer"}, ["ask"]),
    ],
)
def test_a_selection(selection: dict[str, Any], names: list[str]) -> None:
    """Kinds, operations, names and tags select, all of them together; a text is one name, not its letters."""
    heard, functions = _written()
    with record(callbacks=[Listen(functions["on_start"], **selection)]):
        everything()

    assert heard == [f"start {name}" for name in names]


@pytest.mark.parametrize(
    ("by", "selected", "names"),
    [("names", "look", ["look"]), ("kinds", "tool", ["look"]), ("tags", "cheap", ["ChatNative"])],
)
def test_a_selection_that_can_be_read_once(by: str, selected: str, names: list[str]) -> None:
    """What can be read only once, such as a generator, selects for every run."""
    heard, functions = _written()
    with record(callbacks=[Listen(functions["on_start"], **{by: iter([selected])})]):
        everything()
        everything()

    assert heard == [f"start {name}" for name in names] * 2


@pytest.mark.parametrize("kinds", ["model", ["llm", "chains"], ""])
def test_a_kind_that_is_none(kinds: Any) -> None:
    """A kind that is none is refused at once, with those there are."""
    with pytest.raises(ValueError, match=r"^kinds='\w*' is not allowed: llm \| chain \| .* \| invoke_workflow$"):
        Listen(kinds=kinds)


def test_what_it_is_given() -> None:
    """The functions get the run: its input at the start, its output and its error at the end."""
    seen: list[Any] = []
    listen = Listen(
        on_start=lambda run: seen.append((run.inputs, run.outcome)),
        on_end=lambda run: seen.append((run.outputs, run.outcome)),
        on_error=lambda run: seen.append((str(run.error), run.outcome)),
    )
    with record(callbacks=[listen]):
        RunnableLambda(lambda text: text * 2).invoke("x")
        with pytest.raises(ValueError, match="no"):
            RunnableLambda(_fail).invoke("y")

    assert seen == [("x", None), ("xx", "ok"), ("y", None), ("no", "error")]


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_a_function_that_stops(form: str) -> None:
    """A function may stop the call."""
    stop = Stop("enough")

    def stopping(run: Run) -> None:
        raise stop

    with record(callbacks=[Listen(stopping, kinds="llm")]), pytest.raises(Stop) as raised:
        call(form, RunnableLambda(lambda text: text) | ChatNative(), "x")

    assert raised.value is stop
