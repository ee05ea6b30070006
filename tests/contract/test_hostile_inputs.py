"""Inputs, names and metadata that break whoever touches them cost at most their attribute."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from langchain_core.callbacks import CallbackManager
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool

from callspan.core import lifecycle, state


class Explosive:
    """Raises whatever is done with it."""

    def explode(self, *args, **kwargs):
        raise RuntimeError("do not touch me")

    __repr__ = __str__ = __eq__ = __bool__ = __len__ = __iter__ = __getstate__ = __deepcopy__ = explode
    __hash__ = object.__hash__


CYCLE: dict[str, object] = {}
CYCLE["itself"] = CYCLE


@pytest.fixture(params=["explosive", "cyclic", "huge", "surrogates", "bytes", "none"])
def hostile(request):
    """One input after the other."""
    return {
        "explosive": Explosive(),
        "cyclic": CYCLE,
        "huge": "x" * 5_000_000,
        "surrogates": "\ud800" * 10,
        "bytes": b"\xff\xfe",
        "none": None,
    }[request.param]


def test_inputs_and_outputs_pass_through_untouched(hostile, tree):
    """Nobody prints, compares, copies or serialises what the program works on."""
    assert RunnableLambda(lambda x: x).with_config(run_name="f").invoke(hostile) is hostile
    assert tree() == "invoke_workflow f\n"


async def test_inputs_and_outputs_pass_through_untouched_in_async_code(hostile, tree):
    """The same, awaited."""
    chain = RunnableLambda(lambda x: x).with_config(run_name="f")
    assert await chain.ainvoke(hostile) is hostile
    assert tree() == "invoke_workflow f\n"


def test_metadata_costs_at_most_its_own_attribute(hostile, recording):
    """Values that are asked for by name and are no text are left out; the others stand."""
    config = {"metadata": {"ls_model_name": hostile, "langgraph_step": hostile, "x": hostile}, "tags": ["kept"]}
    FakeListChatModel(responses=["hi"]).invoke("q", config)
    (span,) = recording.spans
    assert span.attributes["langchain.run.tags"] == ("kept",)
    assert span.name.split()[0] == "chat"


@pytest.mark.parametrize("name", ["\ud800f", "n" * 100_000, "line\nbreak"])
def test_names_can_be_encoded_and_are_short(name, recording):
    """A name that the encoder refuses would lose the whole batch."""
    RunnableLambda(lambda x: x).with_config(run_name=name).invoke(1)
    (span,) = recording.spans
    assert len(span.name.encode("utf-8")) < 1_100
    span.to_json().encode("utf-8")


@pytest.fixture
def in_production(recording, monkeypatch):
    """What fails is logged and does not raise, as it is for users."""
    inforce = state.active()
    monkeypatch.setattr(state, "_current", replace(inforce, settings=replace(inforce.settings, strict=False)))


@pytest.mark.may_log
def test_an_exception_that_cannot_be_printed_reaches_the_user_and_ends_the_span(recording, in_production):
    """The span has the type and the status; the user has the very exception."""

    class Unprintable(Exception):
        def __str__(self):
            raise RuntimeError("do not print me")

    error = Unprintable()

    def fail(x):
        raise error

    with pytest.raises(Unprintable) as caught:
        RunnableLambda(fail).invoke(1)
    assert caught.value is error
    (span,) = recording.spans
    assert span.attributes["error.type"].endswith("Unprintable")
    assert not span.status.is_ok
    (event,) = span.events
    assert event.name == "exception"


def test_a_tool_gets_its_hostile_argument_as_it_is(hostile, tree):
    """Arguments are not printed for the span."""
    seen = []

    def keep(value):
        seen.append(value)

    schema = {"type": "object", "properties": {"value": {}}}
    tool = StructuredTool.from_function(keep, name="t", description="d", args_schema=schema)
    if isinstance(hostile, Explosive):
        pytest.skip("LangChain itself prints a tool's input")
    tool.invoke({"value": hostile})
    assert seen[0] is hostile
    assert tree() == "execute_tool t\n"


@pytest.mark.may_log
def test_a_failure_of_ours_is_logged_once_and_the_call_goes_on(in_production, monkeypatch, caplog):
    """With the whole of our own code broken, the program runs, and the log has one line for each place."""

    def broken(*args, **kwargs):
        raise RuntimeError("our fault")

    monkeypatch.setattr(lifecycle, "Context", broken)
    with caplog.at_level(logging.WARNING, "callspan"):
        assert [RunnableLambda(lambda x: x + 1).invoke(n) for n in range(3)] == [1, 2, 3]
    said = [record.getMessage() for record in caplog.records]
    assert said == ["callspan failed in CallbackManager.on_chain_start; the call goes on without it"]


@pytest.mark.parametrize("serialized", [{"id": 3}, {"id": []}, {"name": 7}, {"id": [None]}, None])
def test_a_description_that_names_nothing_costs_the_name(serialized, tree):
    """A run whose name cannot be told is a run all the same."""
    CallbackManager.configure().on_chain_start(serialized, {}).on_chain_end({})
    assert tree() == "invoke_workflow chain\n"


@pytest.mark.may_log
def test_an_exception_that_does_not_let_itself_be_looked_at_ends_the_run(in_production, tree):
    """What an exception is, its class tells; nothing else of it is asked."""

    class Shy(Exception):
        def __getattribute__(self, name):
            raise RuntimeError("do not look at me")

    manager = CallbackManager.configure().on_chain_start({"name": "f"}, {})
    manager.on_chain_error(Shy())
    assert tree().startswith("invoke_workflow f !")
