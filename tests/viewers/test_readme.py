"""README's "See message content" does what it says: its commands, as they stand there, against the real viewers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.pipeline import demo
from tests.pipeline.servers import ROOT, wait_until
from tests.viewers.viewers import MLflow, Phoenix, ask


@pytest.fixture(scope="module")
def section() -> str:
    """The section of README.md."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition("## See message content\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def commands(section: str) -> str:
    """The lines that a user types once a viewer runs."""
    return section.split("```sh\n")[3].partition("```")[0]


@pytest.mark.usefixtures("agent")
def test_the_commands_bring_the_conversation_into_phoenix(commands: str, phoenix: Phoenix) -> None:
    """With nothing but the port changed, there is one agent more whose question can be read, and nothing complains."""

    def questions() -> int:
        spans = ask(phoenix.port, "/v1/projects/default/spans?limit=1000")["data"]
        roots = [span["attributes"] for span in spans if span["name"] == demo.AGENT]
        return sum("llm.input_messages.0.message.content" in said for said in roots)

    before = questions()
    _type(commands.replace(":6006", f":{phoenix.port}"))
    wait_until(lambda: questions() == before + 1, "Phoenix has the agent's question")


@pytest.mark.usefixtures("agent")
def test_the_commands_bring_the_conversation_into_mlflow(section: str, commands: str, mlflow: MLflow) -> None:
    """With the address that the text gives for MLflow, there is one trace more with a question."""
    where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}

    def questions() -> int:
        found = ask(mlflow.port, "/api/3.0/mlflow/traces/search", {"locations": [where]}).get("traces", [])
        return sum("Greenland sharks" in trace.get("request_preview", "") for trace in found)

    [address] = re.findall(r"^`(export OTEL_EXPORTER_OTLP_ENDPOINT=.*)`\.$", section, re.MULTILINE)
    before = questions()
    to_phoenix = "export OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:6006"
    assert to_phoenix in commands
    _type(commands.replace(to_phoenix, address.replace(":5000", f":{mlflow.port}")))
    wait_until(lambda: questions() == before + 1, "MLflow has the agent's question")


def _type(commands: str) -> None:
    """Type commands into a shell; they must end well and say nothing of trouble."""
    beside = Path(sys.executable).parent
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    past_proxies = {"NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1"}
    with demo.scripted_model() as model:
        done = subprocess.run(
            ["sh", "-euc", commands.replace(" .venv/bin/", f" {beside}/").replace("\n.venv/bin/", f"\n{beside}/")],
            cwd=ROOT,
            env=inherited | past_proxies | model,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert "The water at K7 is at 1.2" in done.stdout
