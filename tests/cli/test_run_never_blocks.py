"""`callspan run` never blocks the program's event loop: BlockBuster, which raises then, has nothing to raise for."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from threading import Event
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from tests.cli.conftest import CALLSPAN, Ran, ended, environment

NEEDED = "langgraph dev is not installed: pip install 'langgraph-cli[inmem]'"

ASYNC = """
import asyncio, sys
from blockbuster import BlockBuster
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, StateGraph
from opentelemetry import trace

model = FakeListChatModel(responses=["yes"])

async def node(state):
    await model.ainvoke("hi")
    return state

graph = StateGraph(dict).add_node("node", node).add_edge(START, "node").compile()

async def main():
    BlockBuster().activate()
    with trace.get_tracer("server").start_as_current_span("request"):
        await graph.ainvoke({})
        async for _ in graph.astream({}):
            pass
        await asyncio.to_thread(RunnableLambda(lambda x: x).with_config(run_name="thread").invoke, 1)
        await RunnableLambda(lambda x: x).with_config(run_name="batch").abatch([1, 2])
        RunnableLambda(lambda x: x).with_config(run_name="plain").invoke(1)

asyncio.run(main())
"""

NAMES = [
    "request",
    *["  invoke_workflow", "    node node", "      chat"] * 2,
    *["  invoke_workflow thread", "  invoke_workflow batch", "  invoke_workflow batch", "  invoke_workflow plain"],
]


@pytest.mark.parametrize(
    "options", [[], ["--plain"], ["--no-content", "--file", "deep/{pid}.jsonl"], ["--file", "deep/t.jsonl"]]
)
def test_every_form_of_call_is_recorded_where_blocking_raises(run, options):
    pytest.importorskip("blockbuster")
    done = run(ASYNC, *options)
    assert done.code == 0, done.err
    files = done.files or sorted((done.folder / "deep").iterdir())
    assert done.names(*files) == NAMES
    assert "Blocking call" not in done.err
    assert "Traceback" not in done.err


GRAPH = """
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langgraph.graph import START, StateGraph
from typing import TypedDict

class State(TypedDict):
    text: str

model = FakeListChatModel(responses=["hello"])

async def answer(state: State):
    return {"text": (await model.ainvoke(state["text"])).content}

graph = StateGraph(State).add_node("answer", answer).add_edge(START, "answer").compile()
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def ask(port: int, text: str) -> object:
    """Call the graph over HTTP; the server says that it has started just before it listens."""
    body = json.dumps({"assistant_id": "agent", "input": {"text": text}}).encode()
    request = Request(f"http://127.0.0.1:{port}/runs/wait", body, {"Content-Type": "application/json"})
    for _ in range(600):
        try:
            with urlopen(request, timeout=100) as answer:
                return json.load(answer)
        except URLError:
            Event().wait(0.1)
    raise AssertionError("the server does not listen")


def test_langgraph_dev_is_recorded_from_its_first_call_on(tmp_path, program):
    command = shutil.which("langgraph", path=str(Path(sys.executable).parent))
    pytest.importorskip("langgraph_api", reason=NEEDED)
    if command is None:
        pytest.skip(NEEDED)
    program(GRAPH, "graph.py")
    (tmp_path / "langgraph.json").write_text('{"dependencies": ["."], "graphs": {"agent": "./graph.py:graph"}}')
    port = free_port()
    server = ["langgraph", "dev", "--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", str(port)]
    quiet = {"LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1"}
    process = subprocess.Popen(
        [*CALLSPAN, "run", "--plain", "--file", "t.jsonl", *server],
        cwd=tmp_path,
        env=environment(**quiet),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert any(b"Application started up" in line for line in process.stdout or ()), ended(process, tmp_path).err
        assert [ask(port, "hi"), ask(port, "again")] == [{"text": "hello"}] * 2
        process.send_signal(signal.SIGINT)
        done: Ran = ended(process, tmp_path)
    finally:
        process.kill()
        process.communicate()
    assert done.names() == ["invoke_workflow agent", "  node answer", "    chat"] * 2
    assert b"Blocking call" not in done.out + done.err.encode()


ODD = """
import asyncio, os, signal, sys
import callspan
from blockbuster import BlockBuster
from langchain_core.runnables import RunnableLambda

def named(name, does=lambda x: x):
    return RunnableLambda(does).with_config(run_name=name)

class Other:
    def __init__(self, stream):
        self.write, self.flush = stream.write, stream.flush

async def work(x):
    await named("inner").ainvoke(1)
    if sys.argv[1] == "SIGTERM":
        os.kill(os.getpid(), signal.SIGTERM)
    elif sys.argv[1] == "quick":
        os._exit(5)
    elif sys.argv[1] == "fork" and os.fork() == 0:
        asyncio._set_running_loop(None)
        named("child").invoke(1)
        os._exit(0)
    elif sys.argv[1] == "stderr":
        sys.stderr = Other(sys.stderr)
        BlockBuster().activate()
        await named("again").ainvoke(1)
    elif sys.argv[1] == "handlers":
        recorder = callspan.Recorder("calls.jsonl", kinds=["chain"])
        with callspan.callbacks(recorder, callspan.Console()):
            await named("async").ainvoke(1)
            named("sync").invoke(1)
        recorder.close()

async def main():
    BlockBuster().activate()
    await named("work", work).ainvoke(1)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals and forks are POSIX's")
@pytest.mark.parametrize(
    ("what", "code", "names"),
    [
        ("SIGTERM", -signal.SIGTERM, ["invoke_workflow work", "  chain inner"]),
        ("quick", 5, ["did not end", "  chain inner"]),
        ("fork", 0, ["invoke_workflow work", "  chain inner", "  chain child"]),
        ("stderr", 0, ["invoke_workflow work", "  chain inner", "  chain again"]),
        ("handlers", 0, ["invoke_workflow work", "  chain inner", "  chain async", "  chain sync"]),
    ],
)
def test_what_programs_do_on_their_loop_is_recorded_where_blocking_raises(run, what, code, names):
    pytest.importorskip("blockbuster")
    done = run(ODD, "--plain", args=(what,), CALLSPAN_TRACE_FILE="t.jsonl")
    assert done.code == code, done.err
    assert done.names(*done.folder.glob("t*.jsonl")) == names
    assert "Blocking call" not in done.err
    assert "without prompts" not in done.err
    if what == "handlers":
        calls = (done.folder / "calls.jsonl").read_text().splitlines()
        assert [json.loads(call)["name"] for call in calls] == ["async", "sync"]
