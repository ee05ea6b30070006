"""Other loops and other ways to run tasks."""

from __future__ import annotations

import asyncio
import sys

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph


class Model(FakeListChatModel):
    """Makes a span in its body."""

    http: object = None

    async def _agenerate(self, *args, **kwargs):
        self.http()
        await asyncio.sleep(0)
        self.http()
        return await super()._agenerate(*args, **kwargs)


@pytest.fixture
def programs(http):
    """A chain and a graph around one model."""
    model = Model(responses=["hi"], http=http)
    chain = (ChatPromptTemplate.from_messages([("user", "{q}")]) | model).with_config(run_name="chain")
    builder = StateGraph(MessagesState)

    async def ask(state):
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder.add_node("ask", ask)
    builder.add_edge(START, "ask")
    graph = builder.compile(name="graph")
    answer = RunnableLambda(lambda message: message.content).with_config(run_name="answer")

    async def main():
        await asyncio.gather(*((chain | answer).ainvoke({"q": "x"}) for _ in range(3)))
        await graph.ainvoke({"messages": [("user", "x")]})

    return main


CHAIN = """\
invoke_workflow
  chain answer
  chain chain
    chain ChatPromptTemplate
    chat
      http
      http
"""
GRAPH = """\
invoke_workflow graph
  node ask
    chat
      http
      http
"""


def test_uvloop(programs, tree):
    """uvloop's tasks and contexts are as asyncio's."""
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(programs())
    assert tree(sort=True) == 3 * CHAIN + GRAPH


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks(programs, tree):
    """A task that runs at once, within the frame that makes it, changes nothing."""

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        await programs()

    asyncio.run(main())
    assert tree(sort=True) == 3 * CHAIN + GRAPH


def test_debug_mode(programs, tree):
    """asyncio's debug mode wraps coroutines and looks at their frames."""

    async def main():
        asyncio.get_running_loop().slow_callback_duration = 60  # it complains of a slow machine
        await programs()

    asyncio.run(main(), debug=True)
    assert tree(sort=True) == 3 * CHAIN + GRAPH
