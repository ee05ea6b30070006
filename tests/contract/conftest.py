"""Programs without a line of tracing code, each run in its own process."""

from __future__ import annotations

import textwrap

import pytest

from callspan.testing import read_trace_file
from callspan.testing.zero_code import run_instrumented


@pytest.fixture
def run(tmp_path, capfdbinary):
    """Run a program under `opentelemetry-instrument`; gives its exit code, its output and its spans."""
    pytest.importorskip("opentelemetry.distro", reason="needs the extra otlp")
    pytest.importorskip("opentelemetry.exporter.otlp.json.file", reason="needs the extra otlp")

    def run(source: str, **environment: str):
        program = tmp_path / "app.py"
        program.write_text(textwrap.dedent(source))
        shown: list[bytes] = []
        quiet = {"OTEL_SERVICE_NAME": "app", "CALLSPAN_STRICT": "1", "PYTHONWARNINGS": "default"}
        code = run_instrumented(
            [str(program)], tmp_path / "trace.jsonl", environment=quiet | environment, show=shown.append
        )
        complaints = capfdbinary.readouterr().err.decode()
        return code, b"".join(shown).decode(), read_trace_file(tmp_path / "trace.jsonl"), complaints

    return run
