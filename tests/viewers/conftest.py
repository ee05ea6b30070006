"""The real viewers, and the traces that they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.pipeline import demo
from tests.pipeline.servers import HOST
from tests.viewers import build_viewers
from tests.viewers.viewers import MLflow, Phoenix, Shown

from callspan.testing import read_trace_file
from callspan.testing.zero_code import run_instrumented

HARD = Path(__file__).with_name("hard_to_show.py")
QUESTION = "How long do Greenland sharks and bowhead whales live, and how cold is the water at K7 now?"
NOTE_2 = "Note 2. Bowhead whale: stone harpoon points and amino acids tell of a life of over 200 years."
CONTENT = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only"}

Send = Callable[[Phoenix | MLflow, Path], tuple[str, list[Shown]]]
"""Runs a program with its content going to a viewer, and gives the trace of its last root and how it is shown."""


def environment_of(viewer: str) -> Path:
    """Give the interpreter of a viewer's environment; without it the test is skipped."""
    python = build_viewers.python_of(viewer)
    if python is None:
        pytest.skip(f"{viewer} is not there: `make viewers` installs it")
    return python


@pytest.fixture(scope="session")
def extra() -> None:
    """What sends traces is installed; asked before any server is started."""
    for module in ("distro", "exporter.otlp.proto.http", "exporter.otlp.json.file"):
        pytest.importorskip(f"opentelemetry.{module}", reason="needs the extra otlp")
    pytest.importorskip("langgraph")


@pytest.fixture(scope="session")
def agent(extra: None) -> Path:
    """The demo's program, before any server is started for it."""
    demo.skip_where_it_cannot_run()
    return demo.PROGRAM


@pytest.fixture(scope="session")
def phoenix(extra: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phoenix]:
    """A Phoenix with nothing in it."""
    python = environment_of(build_viewers.PHOENIX)
    with Phoenix(python, tmp_path_factory.mktemp("phoenix") / "home") as viewer:
        yield viewer


@pytest.fixture(scope="session")
def mlflow(extra: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MLflow]:
    """An MLflow with nothing in it."""
    python = environment_of(build_viewers.MLFLOW)
    with MLflow(python, tmp_path_factory.mktemp("mlflow") / "home") as viewer:
        yield viewer


@pytest.fixture(scope="session")
def send(tmp_path_factory: pytest.TempPathFactory) -> Send:
    """Send what a program says to a viewer."""

    def send(viewer: Phoenix | MLflow, program: Path) -> tuple[str, list[Shown]]:
        sent = tmp_path_factory.mktemp("sent") / "trace.jsonl"
        on_this_machine = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "NO_PROXY": HOST, "no_proxy": HOST}
        with demo.scripted_model() as model:
            environment = model | on_this_machine | viewer.address() | CONTENT | {"OTEL_SERVICE_NAME": demo.SERVICE}
            command = [str(program)]
            code = run_instrumented(command, sent, exporters=["otlp"], environment=environment, show=lambda piece: None)
        assert code == 0
        spans = read_trace_file(sent)
        root = max((span for span in spans if span.parent_id is None), key=lambda span: span.start)
        count = sum(span.trace_id == root.trace_id for span in spans)
        return root.trace_id, viewer.trace(root.trace_id, count)

    return send
