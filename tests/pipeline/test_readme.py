"""README's "See it in Jaeger" does what it says: its commands, as they stand there, against the real servers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.pipeline import demo
from tests.pipeline.conftest import Pipeline
from tests.pipeline.servers import ROOT, wait_until

from callspan.testing import read_trace_file, span_tree


@pytest.fixture(scope="session")
def section() -> str:
    """The section of README.md."""
    return (ROOT / "README.md").read_text(encoding="utf-8").partition("## See it in Jaeger\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="session")
def lines(section: str) -> list[str]:
    """The lines that a user types."""
    return section.partition("```sh\n")[2].partition("```")[0].splitlines()


@pytest.fixture(scope="session")
def agent() -> None:
    """The agent can run here; asked before any server is started."""
    demo.skip_where_it_cannot_run()


def test_it_takes_three_lines(lines: list[str]) -> None:
    """One starts the servers, one says what to send, one runs the agent as it is."""
    assert len(lines) == 3
    assert lines[0] == "docker compose up -d"
    assert "opentelemetry-instrument --traces_exporter otlp" in lines[2]
    assert lines[2].endswith("python examples/research_agent.py")


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("pipeline", ["badger"], indirect=True)
def test_the_commands_bring_the_agents_trace_into_jaeger(lines: list[str], pipeline: Pipeline, tmp_path: Path) -> None:
    """With nothing but the addresses changed, the trace is in Jaeger, and nothing complains."""
    beside = Path(sys.executable).parent
    commands = "\n".join(lines[1:]).replace(".venv/bin/", f"{beside}/")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    with demo.scripted_model() as model:
        done = subprocess.run(
            ["sh", "-euc", commands],
            cwd=ROOT,
            env=inherited | pipeline.address("http/protobuf") | model,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert "The water at K7 is at 1.2" in done.stdout

    wait_until(lambda: bool(pipeline.jaeger.find(demo.SERVICE, demo.AGENT)), "the agent's trace is in Jaeger")
    [trace_id] = pipeline.jaeger.find(demo.SERVICE, demo.AGENT)
    count = len(demo.TREE.splitlines())
    received = pipeline.jaeger.keep_trace(trace_id, count, tmp_path / "received.jsonl")
    assert span_tree(read_trace_file(received)) == demo.TREE


def test_the_ports_are_those_of_the_containers(section: str, lines: list[str]) -> None:
    """What the commands send to by default, and what is opened to look at it, is what the containers publish."""
    exporter = pytest.importorskip(
        "opentelemetry.exporter.otlp.proto.http.trace_exporter", reason="needs the extra otlp"
    )
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in lines[1]
    assert exporter.DEFAULT_ENDPOINT == "http://localhost:4318/"
    assert "http://localhost:16686" in section
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert '"127.0.0.1:4318:4318"' in compose
    assert '"127.0.0.1:16686:16686"' in compose
    assert "${env:COLLECTOR_HTTP_PORT:-4318}" in (ROOT / "collector-config.yaml").read_text(encoding="utf-8")
    assert "${env:JAEGER_QUERY_PORT:-16686}" in (ROOT / "jaeger.yaml").read_text(encoding="utf-8")
