"""Tools that want approval: a yes, a no that the agent reads, a no that stops it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.handlers.agents import ASKED, CALL, FORMS, Agent, given, last_text
from tests.handlers.doors import DOORS, UNRECORDED, outcomes, through

import callspan
from callspan.testing import record

pytestmark = pytest.mark.may_log  # of asynchronous hooks in synchronous calls

COLOURS = pytest.mark.parametrize("asynchronous", [False, True], ids=["def", "async def"])


def asking(verdict: Any, *, asynchronous: bool) -> Any:
    """Make what is asked."""

    def ask(request: Any) -> Any:
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    async def ask_later(request: Any) -> Any:
        await asyncio.sleep(0)
        return ask(request)

    return ask_later if asynchronous else ask


@COLOURS
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("door", DOORS)
def test_the_agent_goes_on_after_a_no(door: str, form: str, asynchronous: bool) -> None:
    agent = Agent()
    approval = callspan.Approval(asking("not today", asynchronous=asynchronous), tools="delete")
    result, recording = through(door, approval, form, lambda: agent.runnable, given(form))
    assert last_text(result) == "all is done"
    assert agent.deleted == []
    told = agent.model.asked[1][-1]
    assert (told.content, told.status, told.tool_call_id) == ("not today", "error", "c1")
    assert outcomes(recording) == ({} if door in UNRECORDED else {"execute_tool delete": "skipped"})


@COLOURS
@pytest.mark.parametrize("form", FORMS)
def test_a_yes_changes_nothing(form: str, asynchronous: bool) -> None:
    agent = Agent()
    approval = callspan.Approval(asking(True, asynchronous=asynchronous))
    result, recording = through("block", approval, form, lambda: agent.runnable, given(form))
    assert last_text(result) == "all is done"
    assert agent.deleted == ["/tmp"]
    (event,) = recording.named("execute_tool delete").events
    assert (event.name, dict(event.attributes or {})) == ("langchain.approval", {"langchain.approval.granted": True})


@COLOURS
@pytest.mark.parametrize("form", FORMS)
def test_a_no_may_stop_the_agent(form: str, asynchronous: bool) -> None:
    agent = Agent()
    approval = callspan.Approval(asking(False, asynchronous=asynchronous), stops=True)
    stop, recording = through("block", approval, form, lambda: agent.runnable, given(form))
    assert isinstance(stop, callspan.Stop)
    assert str(stop) == "The call of delete was denied."
    assert agent.deleted == []
    assert outcomes(recording) == {"execute_tool delete": "stopped"}


@COLOURS
@pytest.mark.parametrize("form", FORMS)
def test_who_cannot_be_asked_has_not_said_yes(form: str, asynchronous: bool) -> None:
    for _ in range(7):  # nobody who fails often is taken for absent
        agent = Agent()
        approval = callspan.Approval(asking(OSError("the line is dead: s3cret"), asynchronous=asynchronous))
        stop, _recording = through("block", approval, form, lambda agent=agent: agent.runnable, given(form))
        assert str(stop) == "the call of delete was not approved: OSError while asking"
        assert agent.deleted == []


@pytest.mark.parametrize("verdict", [None, 0, "", 1, [True]])
def test_only_true_is_a_yes(verdict: Any) -> None:
    agent = Agent()
    through("block", callspan.Approval(lambda request: verdict), "invoke", lambda: agent.runnable, ASKED)
    assert agent.deleted == []


def test_it_is_asked_what_is_to_be_called() -> None:
    requests: list[Any] = []

    def ask(request: Any) -> bool:
        requests.append((request.name, request.arguments, request.run.kind))
        return True

    agent = Agent()
    through("block", callspan.Approval(ask), "invoke", lambda: agent.runnable, ASKED)
    assert requests == [("delete", {"path": "/tmp"}, "tool")]


def test_other_tools_are_not_asked_for() -> None:
    def ask(request: Any) -> bool:
        raise AssertionError

    harmless = callspan.Approval(ask, tools=["send"])
    predicate = callspan.Approval(ask, when=lambda request: request.arguments["path"] == "/")
    for approval in (harmless, predicate):
        agent = Agent()
        through("block", approval, "invoke", lambda agent=agent: agent.runnable, ASKED)
        assert agent.deleted == ["/tmp"]


def test_a_tool_that_is_called_alone_gives_the_reason() -> None:
    tool = Agent().tool
    with record(), callspan.callbacks(callspan.Approval(lambda request: "not today")):
        assert tool.invoke({"path": "/"}) == "not today"
        assert tool.invoke(CALL).content == "not today"


def test_two_hundred_agents_at_once() -> None:
    async def ask(request: Any) -> Any:
        await asyncio.sleep(0.001)
        return request.run.root.metadata["who"] % 2 == 0

    async def all_of_them(agents: list[Agent]) -> list[Any]:
        calls = [agent.runnable.ainvoke(ASKED, {"metadata": {"who": n}}) for n, agent in enumerate(agents)]
        return await asyncio.gather(*calls)

    agents = [Agent() for _ in range(200)]
    with record(callbacks=[callspan.Approval(ask)]):
        results = asyncio.run(all_of_them(agents))
    assert [last_text(result) for result in results] == ["all is done"] * 200
    assert [len(agent.deleted) for agent in agents] == [1, 0] * 100
