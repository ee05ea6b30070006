"""Two processes: the call on one side and its work on the other are one trace, of one session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry import propagate
from opentelemetry.trace import format_span_id, format_trace_id

import callspan

HERE = Path(__file__).parent
WHO = {"session.id": "s 1/é", "user.id": "u1", "gen_ai.conversation.id": "s 1/é"}


def start(program: str) -> subprocess.Popen[str]:
    """Start the other process."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1"}
    command = [sys.executable, str(HERE / program)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def parents(spans: list[dict[str, Any]]) -> dict[str, str | None]:
    """Give the id of each span's parent."""
    return {span["name"]: span["parent_id"] for span in spans}


def check(spans: list[dict[str, Any]], here: Any) -> None:
    """The other side's spans are in the trace of a span of this side, and say whose they are."""
    assert {span["context"]["trace_id"] for span in spans} == {"0x" + format_trace_id(here.context.trace_id)}
    said = {span["name"]: {name: span["attributes"].get(name) for name in WHO} for span in spans}
    assert said.pop("database") == {**WHO, "gen_ai.conversation.id": None}
    assert list(said.values()) == [WHO] * len(said)


def test_a_job_that_a_worker_takes_from_a_queue(recording):
    """The producer puts OpenTelemetry's carrier beside the job, and the worker takes its context from there."""
    with start("worker.py") as worker:

        def enqueue(x: int) -> dict[str, Any]:
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            out, _ = worker.communicate(json.dumps({"carrier": carrier, "input": x}) + "\n")
            return json.loads(out)

        with callspan.session("s 1/é", user="u1", tenant="acme"):
            done = RunnableLambda(enqueue).invoke(1, {"run_name": "ask"})
    ask = recording.named("invoke_workflow ask")
    assert done["result"] == 2
    check(done["spans"], ask)
    assert parents(done["spans"])["invoke_workflow work"] == "0x" + format_span_id(ask.context.span_id)
    assert ask.attributes["session.id"] == "s 1/é"


def test_a_graph_on_a_server(recording):
    """LangGraph's `RemoteGraph` with OpenTelemetry's instrumentation of its HTTP client needs nothing more."""
    remote = pytest.importorskip("langgraph.pregel.remote")
    httpx = pytest.importorskip("opentelemetry.instrumentation.httpx", reason="needs the HTTP client's instrumentation")
    instrumentor = httpx.HTTPXClientInstrumentor()
    with start("graph_server.py") as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        instrumentor.instrument(tracer_provider=recording.provider)
        try:
            graph = remote.RemoteGraph("counter", url=f"http://127.0.0.1:{port}", api_key=None, name="far")
            with callspan.session("s 1/é", user="u1"):
                result = RunnableLambda(lambda x: graph.invoke({"count": x})).invoke(1, {"run_name": "ask"})
        finally:
            instrumentor.uninstrument()
            graph.sync_client.http.client.close()
        there = json.loads(server.stdout.readline())["spans"]
    assert result == {"count": 2}
    assert recording.tree() == "invoke_workflow ask\n  POST\n"
    check(there, recording.named("POST"))
    assert parents(there)["invoke_workflow counter"] == "0x" + format_span_id(recording.named("POST").context.span_id)
