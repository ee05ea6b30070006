"""`AgentExecutor`: the old agent, a loop of a planning sequence and tools in one run."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.agents import AgentFinish
from langchain_core.prompts import PromptTemplate
from langchain_core.tools import tool
from opentelemetry.context import get_current

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Fn = Callable[..., Any]

ACTS = "Thought: I look.\nAction: look\nAction Input: there"
ENDS = "Thought: I know.\nFinal Answer: a tree"

PLAN = """\
  chain RunnableSequence
    chain RunnableAssign<agent_scratchpad>
      chain RunnableParallel<agent_scratchpad>
        chain RunnableLambda
    chain PromptTemplate
    chat speaker
      http
    chain ReActSingleInputOutputParser
"""
TOOL = "  execute_tool look\n    http\n"

TWO_TURNS = f"invoke_workflow\n{PLAN}{TOOL}{PLAN}"

ASKED = {"input": "What is there?"}


@pytest.fixture
def executor(classic: Fn, speaker: Fn, http: Fn) -> Fn:
    """Make an executor from what its model says."""

    @tool
    def look(where: str) -> str:
        """Look."""
        http()
        return "seen"

    def make(*lines: str, **options: Any) -> Any:
        agents = classic("agents")
        prompt = PromptTemplate.from_template("{tools} {tool_names} {input} {agent_scratchpad}")
        agent = agents.create_react_agent(speaker(*lines), [look], prompt)
        return agents.AgentExecutor(agent=agent, tools=[look], **options)

    return make


def test_called(call: Fn, executor: Fn, tree: Fn) -> None:
    """Plans and tools are children of the executor, in turn."""
    assert call(executor(ACTS, ENDS), ASKED)["output"] == "a tree"
    assert tree() == TWO_TURNS


def test_streamed(stream: Fn, executor: Fn, tree: Fn) -> None:
    """A stream of steps has the spans of a call, and leaves the consumer's context alone."""
    chunks = stream(executor(ACTS, ENDS), ASKED)

    assert [sorted(chunk)[0] for chunk in chunks] == ["actions", "messages", "messages"]
    assert tree() == TWO_TURNS


def test_iterated(executor: Fn, tree: Fn) -> None:
    """An iterator over an executor's steps is one run, too."""
    before = get_current()
    for _ in executor(ACTS, ENDS).iter(ASKED):
        assert get_current() is before
    assert tree() == TWO_TURNS


@pytest.fixture
def own_agent(classic: Fn, http: Fn) -> Any:
    """An executor whose agent is the user's own, and makes a call to the world when it plans."""
    agents = classic("agents")

    class Planner(agents.BaseSingleActionAgent):  # type: ignore[misc, name-defined]
        """Has the answer at once."""

        @property
        def input_keys(self) -> list[str]:
            return ["input"]

        def plan(self, *args: Any, **kwargs: Any) -> Any:
            http()
            return AgentFinish({"output": "a tree"}, "")

        async def aplan(self, *args: Any, **kwargs: Any) -> Any:
            return self.plan()

    return agents.AgentExecutor(agent=Planner(), tools=[])


def test_an_agent_of_the_users_own(call: Fn, own_agent: Any, tree: Fn) -> None:
    """An agent that opens no run plans in the executor's."""
    assert call(own_agent, ASKED)["output"] == "a tree"
    assert tree() == "invoke_workflow\n  http\n"


def test_an_agent_of_the_users_own_streamed(stream: Fn, own_agent: Any, tree: Fn) -> None:
    """An agent that opens no run plans in the executor's when its steps are streamed, too."""
    assert stream(own_agent, ASKED)[-1]["output"] == "a tree"
    assert tree() == "invoke_workflow\n  http\n"


@pytest.mark.parametrize("left", ["close", "drop"])
def test_stream_left_early(left: str, executor: Fn, tree: Fn) -> None:
    """A stream of steps that is closed or dropped ends the executor as closed."""
    before = get_current()
    steps = executor(ACTS, ENDS).stream(ASKED)
    next(steps)
    if left == "close":
        steps.close()
    del steps
    gc.collect()
    assert get_current() is before
    assert tree() == f"invoke_workflow ~closed\n{PLAN}"


async def test_async_stream_left_early(executor: Fn, tree: Fn) -> None:
    """An async stream of steps that is closed ends the executor as closed, if only when the loop closes it."""
    steps = executor(ACTS, ENDS).astream(ASKED)
    await anext(steps)
    await steps.aclose()
    del steps
    gc.collect()
    await asyncio.sleep(0)
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
        await asyncio.sleep(0)
    assert tree() == f"invoke_workflow ~closed\n{PLAN}"


def test_too_many_turns(call: Fn, executor: Fn, tree: Fn) -> None:
    """An executor that is stopped after so many turns has not failed."""
    result = call(executor(ACTS, max_iterations=2), ASKED)

    assert "stopped" in result["output"]
    assert tree() == f"invoke_workflow\n{PLAN}{TOOL}{PLAN}{TOOL}"


@pytest.mark.may_log  # LangChain says that it stops
def test_too_many_turns_streamed(stream: Fn, executor: Fn, tree: Fn) -> None:
    """A stream that is stopped after so many turns has not failed either."""
    chunks = stream(executor(ACTS, max_iterations=1), ASKED)

    assert "stopped" in chunks[-1]["output"]
    assert tree() == f"invoke_workflow\n{PLAN}{TOOL}"


def test_a_tool_raises(call: Fn, classic: Fn, speaker: Fn, http: Fn, tree: Fn) -> None:
    """A tool's failure is the executor's, and the caller gets the very object."""
    boom = ValueError("boom")

    @tool
    def look(where: str) -> str:
        """Look."""
        http()
        raise boom

    agents = classic("agents")
    prompt = PromptTemplate.from_template("{tools} {tool_names} {input} {agent_scratchpad}")
    agent = agents.create_react_agent(speaker(ACTS), [look], prompt)
    with pytest.raises(ValueError, match="boom") as raised:
        call(agents.AgentExecutor(agent=agent, tools=[look]), ASKED)
    assert raised.value is boom
    assert tree() == f"invoke_workflow !ValueError\n{PLAN}  execute_tool look !ValueError\n    http\n"


@pytest.mark.without_content
def test_an_answer_that_cannot_be_read(call: Fn, executor: Fn, recording: Any) -> None:
    """What the model said does not get out with the failure of reading it."""
    with pytest.raises(ValueError, match="output parsing error"):
        call(executor("my secret"), ASKED)
    failed = [span for span in recording.spans if span.status.status_code.name == "ERROR"]

    assert [span.name for span in failed] == [
        "chain ReActSingleInputOutputParser",
        "chain RunnableSequence",
        "invoke_workflow",
    ]
    assert "my secret" not in "".join(span.to_json() for span in recording.spans)


def test_an_answer_that_is_read_again(call: Fn, executor: Fn, tree: Fn) -> None:
    """An executor that lets the model try again succeeds with a failed plan below it."""
    result = call(executor("nonsense", ENDS, handle_parsing_errors=True), ASKED)

    assert result["output"] == "a tree"
    assert tree().startswith("invoke_workflow\n  chain RunnableSequence !langchain_core.exceptions.Output")
    assert tree().endswith(PLAN)


def test_a_tool_that_is_not_there(call: Fn, executor: Fn, tree: Fn) -> None:
    """What the executor answers instead is an error that the model reads."""
    call(executor("Action: fly\nAction Input: up", ENDS), ASKED)
    assert "  execute_tool invalid_tool !tool_error\n" in tree()


async def test_cancelled(classic: Fn, speaker: Fn, http: Fn, tree: Fn) -> None:
    """An executor that is cancelled in a tool ends the tool and itself as cancelled."""
    waits = asyncio.Event()

    @tool
    async def look(where: str) -> str:
        """Look."""
        http()
        waits.set()
        await asyncio.Event().wait()
        return "never"

    agents = classic("agents")
    prompt = PromptTemplate.from_template("{tools} {tool_names} {input} {agent_scratchpad}")
    agent = agents.create_react_agent(speaker(ACTS), [look], prompt)
    task = asyncio.create_task(agents.AgentExecutor(agent=agent, tools=[look]).ainvoke(ASKED))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tree() == (f"invoke_workflow ~cancelled\n{PLAN}  execute_tool look ~cancelled\n    http\n")
