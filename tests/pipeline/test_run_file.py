"""The file of `callspan run` elsewhere: the real Collector reads it, the real Jaeger takes it as an upload."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from tests.pipeline import build_servers
from tests.pipeline.conftest import Pipeline
from tests.pipeline.otlp_json import spans_in_full
from tests.pipeline.servers import HOST, Server, free_ports

from callspan.testing import read_trace_file

pytest.importorskip("click", reason="needs the extra cli")
pytest.importorskip("rich", reason="needs the extra cli")

PROGRAM = """
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda

chain = RunnableLambda(lambda x: x, name="prepare") | FakeListChatModel(responses=["a long answer, é"])
chain.with_config(run_name="greet").invoke("hi")
"""

CONFIG = """
extensions:
  health_check: {{endpoint: "{host}:{health}"}}
receivers:
  otlp_json_file: {{include: ["{file}"], start_at: beginning, include_file_name: false}}
exporters:
  otlp_grpc: {{endpoint: "{jaeger}", tls: {{insecure: true}}}}
service:
  extensions: [health_check]
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp_json_file], exporters: [otlp_grpc]}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """What `callspan run` saved of a program."""
    (tmp_path / "app.py").write_text(PROGRAM)
    saved = tmp_path / "run.jsonl"
    command = [sys.executable, "-m", "callspan.cli", "run", "--file", str(saved), "app.py"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    subprocess.run(command, cwd=tmp_path, env=variables, check=True, capture_output=True, timeout=60)
    return saved


def test_the_collector_reads_it(file: Path, pipeline: Pipeline, binaries: Path, tmp_path: Path) -> None:
    spans = read_trace_file(file)
    [health] = free_ports(1)
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(host=HOST, health=health, file=file, jaeger=pipeline.jaeger.otlp_endpoint))
    command = [binaries / build_servers.COLLECTOR, "--config", str(config)]
    with Server(command, {}, (health, "/"), tmp_path / "collector.log"):
        kept = pipeline.jaeger.keep_trace(spans[0].trace_id, len(spans), tmp_path / "kept.jsonl")
    assert spans_in_full(kept) == pipeline.as_kept(spans_in_full(file, spans[0].trace_id))


def test_jaeger_takes_each_line_as_an_upload(file: Path, pipeline: Pipeline) -> None:
    """Its page sends a file's lines there when one is dropped on it, and shows what comes back."""
    names: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        address = f"http://{HOST}:{pipeline.jaeger.query_port}/api/transform"
        with urlopen(Request(address, line.encode(), {"Content-Type": "application/json"})) as answer:
            names += [span["operationName"] for trace in json.load(answer)["data"] for span in trace["spans"]]
    assert sorted(names) == sorted(span.name for span in read_trace_file(file))
