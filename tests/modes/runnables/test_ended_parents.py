"""The parent that a config names is the parent still when it has ended: in queues, pools and tasks that outlive it."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

import pytest
from langchain_core.callbacks.manager import trace_as_chain_group
from langchain_core.runnables import RunnableConfig, RunnableLambda, ensure_config
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

import callspan
from callspan.core import registry
from callspan.testing import Recording, ScriptedChatModel, open_runs, record

JOB = """\
invoke_workflow root
  chain f
    chat memory
"""


def model(name: str = "memory") -> ScriptedChatModel:
    return ScriptedChatModel(lambda messages: "noted", model=name)


def job_of(chain_of: Callable[[Any], Any]) -> None:
    """Run a chain whose step hands its config on, and do the job in a bare thread once all has ended."""
    kept: list[RunnableConfig] = []
    chain_of(lambda value, config: kept.append(config) or value).invoke("x", {"run_name": "root"})
    with ThreadPoolExecutor(1) as pool:
        pool.submit(model().invoke, "note it", kept[0]).result()


def test_a_job_of_a_step_stands_under_it(tree: Callable[..., str]) -> None:
    job_of(lambda f: RunnableLambda(f, name="f") | RunnableLambda(str, name="g"))
    assert tree() == JOB + "  chain g\n"


def test_a_job_of_a_tool_stands_under_it(tree: Callable[..., str]) -> None:
    kept: list[RunnableConfig] = []

    @tool
    def save(text: str) -> str:
        """Save."""
        kept.append(ensure_config())
        return text

    save.invoke({"text": "x"})
    with ThreadPoolExecutor(1) as pool:
        pool.submit(model().invoke, "note it", kept[0]).result()
    assert tree() == "execute_tool save\n  chat memory\n"


def test_a_job_of_a_chain_group_stands_under_it(tree: Callable[..., str]) -> None:
    with trace_as_chain_group("group") as group:
        kept: Any = {"callbacks": group}
    with ThreadPoolExecutor(1) as pool:
        pool.submit(model().invoke, "note it", kept).result()
    assert tree() == "invoke_workflow group\n  chat memory\n"


def test_a_job_of_a_run_with_a_text_for_an_id_stands_under_it(tree: Callable[..., str]) -> None:
    kept: list[RunnableConfig] = []
    chain = RunnableLambda(lambda value, config: kept.append(config), name="f")
    for name in ("first", "second"):
        config: Any = {"run_id": name, "run_name": name}
        chain.invoke("x", config)
    with ThreadPoolExecutor(1) as pool:
        for config in kept:
            pool.submit(model().invoke, "note it", config).result()
    assert tree() == "invoke_workflow first\n  chat memory\ninvoke_workflow second\n  chat memory\n"


def test_of_the_runs_with_texts_for_ids_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_TEXTS", 3)
    with record():
        for number in range(10):
            config: Any = {"run_id": f"run {number}"}
            RunnableLambda(str).invoke("x", config)
        assert [number for number in range(10) if registry.parent_context(f"run {number}", Context())] == [7, 8, 9]


def test_a_job_that_is_a_chain_is_no_workflow(tree: Callable[..., str]) -> None:
    kept: list[RunnableConfig] = []
    RunnableLambda(lambda value, config: kept.append(config), name="f").invoke("x")
    threading_job = RunnableLambda(lambda value: model().invoke("note it").text, name="job")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(threading_job.invoke, "x", kept[0]).result()
    assert tree() == "invoke_workflow f\n  chain job\n    chat memory\n"


async def test_jobs_of_abatch_stand_under_the_run_that_each_names(recording: Recording) -> None:
    """A worker that was born in the first of them does those of all."""
    jobs: asyncio.Queue[Any] = asyncio.Queue()
    workers: list[asyncio.Task[None]] = []

    async def work() -> None:
        while True:
            name, config = await jobs.get()
            await RunnableLambda(lambda value: value, name=f"job {name}").ainvoke("x", config)
            jobs.task_done()

    async def f(name: str, config: RunnableConfig) -> str:
        await jobs.put((name, config))
        workers[:] = workers or [asyncio.create_task(work())]
        return name

    await RunnableLambda(f, name="f").abatch(["a", "b", "c"], [{"run_name": f"root {name}"} for name in "abc"])
    await jobs.join()
    workers[0].cancel()
    for name in "abc":
        job, root = recording.named(f"chain job {name}"), recording.named(f"invoke_workflow root {name}")
        assert job.parent is not None
        assert job.parent.span_id == root.context.span_id


class Requests:
    """Requests whose node puts a job into the queue of a worker that the first of them brought to life."""

    def __init__(self) -> None:
        self.jobs: asyncio.Queue[Any] = asyncio.Queue()
        self.worker: asyncio.Task[None] | None = None

    async def work(self) -> None:
        while True:
            name, config = await self.jobs.get()
            await asyncio.sleep(0)
            await model(name).ainvoke("note it", config)
            self.jobs.task_done()

    def start(self) -> None:
        self.worker = self.worker or asyncio.create_task(self.work())

    async def ask(self, name: str, *, in_node: bool, **session: Any) -> None:
        class State(TypedDict, total=False):
            request: str

        async def note(state: State, config: RunnableConfig) -> None:
            if in_node:
                self.start()
            await self.jobs.put((name, config))

        builder = StateGraph(State).add_node("note", note).add_edge(START, "note")
        graph = builder.compile()
        if session:
            with callspan.session(f"chat {name}", **session):
                if not in_node:
                    self.start()
                await graph.ainvoke({"request": name}, {"run_name": f"request {name}"})
        else:
            await graph.ainvoke({"request": name}, {"run_name": f"request {name}"})
        await self.jobs.join()


@pytest.mark.parametrize("in_node", [True, False], ids=["born in a node", "born in a session"])
@pytest.mark.parametrize("detail", ["all", "calls"])
async def test_a_worker_of_another_request_works_for_who_asks(in_node: bool, detail: Any) -> None:
    """Its job is in the trace of the request that it names, and is its user's, not that of who made the worker."""
    requests = Requests()
    with record(detail=detail) as spans:
        await requests.ask("1", in_node=in_node, user="user 1")
        await requests.ask("2", in_node=in_node, user="user 2")
        await requests.ask("3", in_node=in_node)
        assert requests.worker is not None
        requests.worker.cancel()
    for name, user, chat in (("1", "user 1", "chat 1"), ("2", "user 2", "chat 2"), ("3", None, None)):
        call, root = spans.named(f"chat {name}"), spans.named(f"invoke_workflow request {name}")
        assert call.context.trace_id == root.context.trace_id
        assert call.attributes.get("user.id") == user
        assert call.attributes.get("gen_ai.conversation.id") == chat
    assert open_runs() == []


def test_a_session_that_the_job_opens_itself_counts(recording: Recording) -> None:
    kept: list[RunnableConfig] = []
    with callspan.session("outer"):
        RunnableLambda(lambda value, config: kept.append(config), name="f").invoke("x")

    def job() -> None:
        with callspan.session("inner"):
            model().invoke("note it", kept[0])

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert recording.named("chat memory").attributes["session.id"] == "inner"


class Names(callspan.Callback):
    """Collects what it hears."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_llm_start(self, run: Any) -> None:
        self.names.append(run.model)


async def test_the_callbacks_of_a_block_hear_the_jobs_of_its_own_request(recording: Recording) -> None:
    """Not those that its worker does for others."""
    requests, first, second = Requests(), Names(), Names()
    with callspan.callbacks(first):
        await requests.ask("1", in_node=True)
    with callspan.callbacks(second):
        await requests.ask("2", in_node=True)
    assert requests.worker is not None
    requests.worker.cancel()
    assert (first.names, second.names) == (["1"], ["2"])


def test_what_was_switched_off_for_the_parent_is_off_for_its_job() -> None:
    kept: list[RunnableConfig] = []
    with record(content="span_only") as spans:
        with callspan.content("no_content"):
            RunnableLambda(lambda value, config: kept.append(config), name="f").invoke("x")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(model().invoke, "a secret", kept[0]).result()
    assert "a secret" not in str(dict(spans.named("chat memory").attributes))


def test_a_job_counts_for_the_graph_that_is_open_still(recording: Recording) -> None:
    kept: list[RunnableConfig] = []

    def last(value: str) -> str:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(model().invoke, "note it", kept[0]).result()
        return value

    first = RunnableLambda(lambda value, config: kept.append(config) or value, name="f")
    (first | RunnableLambda(last, name="g")).invoke("x", {"run_name": "root"})
    assert recording.named("invoke_workflow root").attributes["langchain.total.model_calls"] == 1
    assert recording.tree() == JOB + "  chain g\n"


def test_a_job_below_a_parent_that_is_hidden_stands_under_the_one_that_is_seen() -> None:
    with record(detail="calls") as spans:
        job_of(lambda f: RunnableLambda(f, name="f") | RunnableLambda(str, name="g"))
    assert spans.tree() == "invoke_workflow root\n  chat memory\n"


def test_a_job_of_a_run_that_is_sampled_out_is_sampled_out() -> None:
    with record(sampler=ParentBased(ALWAYS_OFF)) as spans:
        job_of(lambda f: RunnableLambda(f, name="f") | RunnableLambda(str, name="g"))
    assert list(spans) == []


def test_callbacks_see_the_parent_of_a_job(recording: Recording) -> None:
    seen: list[Any] = []
    with callspan.callbacks(callspan.Listen(lambda run: seen.append((run.parent.name, run.root.name)), kinds=["llm"])):
        job_of(lambda f: RunnableLambda(f, name="f"))
    assert seen == [("root", "root")]


@pytest.mark.usefixtures("recording")
def test_what_is_kept_goes_with_the_config_that_names_it() -> None:
    kept: list[RunnableConfig] = []
    chain = RunnableLambda(lambda value, config: kept.append(config), name="f")
    gc.collect()
    before = len(registry._ended)
    for _ in range(100):
        chain.invoke("x")
    assert len(registry._ended) == before + 100
    kept.clear()
    gc.collect()
    assert len(registry._ended) == before


@pytest.mark.usefixtures("recording")
def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_LIMIT", 40)
    kept: list[RunnableConfig] = []
    chain = RunnableLambda(lambda value, config: kept.append(config), name="f")
    for _ in range(200):
        chain.invoke("x")
    assert len(registry._ended) <= 40
