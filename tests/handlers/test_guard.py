"""Rules on what goes into models and tools and comes out: a stop, or another answer; never the words themselves."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from tests.handlers.agents import ASKED, FORMS, Agent, given, last_text
from tests.handlers.doors import DOORS, outcomes, through
from tests.modes.models.calls import call

import callspan
from callspan.testing import ScriptedChatModel, record

pytestmark = pytest.mark.may_log  # of asynchronous hooks in synchronous calls

WORD = "xyzzy"


def has_word(words: str) -> bool:
    return WORD in words


async def has_word_later(words: str) -> bool:
    await asyncio.sleep(0)
    return WORD in words


RULES = [WORD, re.compile("XYZZY", re.IGNORECASE), has_word, has_word_later]
IDS = ["text", "pattern", "def", "async def"]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
@pytest.mark.parametrize("form", FORMS)
def test_what_goes_in(form: str, rule: Any) -> None:
    model = ScriptedChatModel("hello")
    guard = callspan.Guard({"magic": rule})
    stop, recording = through("block", guard, form, lambda: model, given(form, f"say {WORD}"))
    assert isinstance(stop, callspan.Stop)
    assert str(stop) == "the input of llm 'ScriptedChatModel' is against the rule 'magic'"
    assert model.asked == []
    (span,) = recording.spans
    assert dict(span.attributes or {})["langchain.run.outcome"] == "stopped"
    event = span.events[0]
    assert event.name == "langchain.guard"
    assert dict(event.attributes or {}) == {"langchain.guard.rule": "magic", "langchain.guard.side": "input"}
    assert WORD not in span.to_json()


@pytest.mark.parametrize("rule", RULES, ids=IDS)
@pytest.mark.parametrize("form", FORMS)
def test_what_comes_out(form: str, rule: Any) -> None:
    guard = callspan.Guard({"magic": rule})
    stop, recording = through("block", guard, form, lambda: ScriptedChatModel(f"ok {WORD}"), given(form, "hi"))
    assert str(stop) == "the output of llm 'ScriptedChatModel' is against the rule 'magic'"
    assert outcomes(recording) == {span.name: "stopped" for span in recording.spans}


@pytest.mark.parametrize("rule", RULES, ids=IDS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("door", DOORS)
def test_another_answer(door: str, form: str, rule: Any) -> None:
    model = ScriptedChatModel("hello")
    guard = callspan.Guard({"magic": rule}, instead="I may not say that.")
    result, _ = through(door, guard, form, lambda: model, given(form, f"say {WORD}"))
    message = result[0] if isinstance(result, list) else result
    assert message.content == "I may not say that."
    assert model.asked == []


@pytest.mark.parametrize("form", FORMS)
def test_a_tools_arguments_and_the_agent_goes_on(form: str) -> None:
    bad = {"name": "delete", "args": {"path": f"/{WORD}"}, "id": "c1", "type": "tool_call"}
    agent = Agent(AIMessage("", tool_calls=[bad]), "all is done")
    guard = callspan.Guard({"magic": WORD}, kinds="tool", outputs=False, instead=lambda run: f"no {run.name}")
    result, recording = through("call", guard, form, lambda: agent.runnable, given(form))
    assert last_text(result) == "all is done"
    assert agent.deleted == []
    assert agent.model.asked[1][-1].content == "no delete"
    assert outcomes(recording) == {"execute_tool delete": "skipped"}


@pytest.mark.parametrize("form", FORMS)
def test_what_a_tool_answers(form: str) -> None:
    agent = Agent()
    guard = callspan.Guard({"gone": "is gone"}, kinds="tool")
    stop, recording = through("call", guard, form, lambda: agent.runnable, given(form))
    assert "the output of tool 'delete'" in str(stop)
    assert outcomes(recording) == {"execute_tool delete": "stopped"}


def test_calls_that_a_model_asks_for_are_words_too() -> None:
    agent = Agent()
    stop, _ = through("call", callspan.Guard({"tmp": "/tmp"}), "invoke", lambda: agent.runnable, ASKED)
    assert "the output of llm" in str(stop)
    assert agent.deleted == []


@pytest.mark.parametrize("form", FORMS)
def test_a_rule_that_fails_lets_nothing_pass(form: str) -> None:
    def broken(words: str) -> bool:
        raise ValueError(words)

    async def broken_later(words: str) -> bool:
        raise ValueError(words)

    async def never(words: str) -> bool:
        return False

    for rule in (broken, broken_later):
        for _ in range(7):
            model = ScriptedChatModel("hello")
            guard = callspan.Guard({"other": never, "broken": rule})
            with record() as recording, callspan.callbacks(guard), pytest.raises(callspan.Stop, match="'broken'"):
                call(form, model, given(form, f"say {WORD}"))
            assert model.asked == []
            assert WORD not in recording.spans[0].to_json()


def test_what_is_fine_passes() -> None:
    guard = callspan.Guard({"magic": WORD, "later": has_word_later})
    agent = Agent()
    result, recording = through("process", guard, "ainvoke", lambda: agent.runnable, ASKED)
    assert last_text(result) == "all is done"
    assert outcomes(recording) == {}


def test_a_wrong_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kinds='model' is not allowed"):
        callspan.Guard({"magic": WORD}, kinds="model")


def test_two_hundred_agents_at_once() -> None:
    async def all_of_them(models: list[Any]) -> list[Any]:
        asked = [f"{WORD if n % 2 else 'hi'} {n}" for n in range(200)]
        return await asyncio.gather(*[model.ainvoke(text) for model, text in zip(models, asked, strict=True)])

    models = [ScriptedChatModel("fine") for _ in range(200)]
    with record(callbacks=[callspan.Guard({"magic": has_word_later}, instead="no")]):
        results = asyncio.run(all_of_them(models))
    assert [result.content for result in results] == ["fine", "no"] * 100
