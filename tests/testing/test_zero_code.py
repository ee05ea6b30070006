"""Programs without tracing code, run under `opentelemetry-instrument`."""

import pytest

from callspan.testing.trace_file import read_trace_file
from callspan.testing.tree import span_tree
from callspan.testing.zero_code import run_instrumented

PROGRAM = """
import os, sys
from opentelemetry import trace
tracer = trace.get_tracer("program")
print(sys.argv[1], os.environ["GREETED"], flush=True)
print("half a li", end="")
with tracer.start_as_current_span("first"):
    pass
trace.get_tracer_provider().force_flush()
print("ne")
with tracer.start_as_current_span("second"):
    pass
print('{"resource', end="")
sys.exit(3)
"""


def test_output_and_spans_go_their_ways(tmp_path):
    """A program's own output is shown as it was, its spans are in the file, and its exit code is the answer."""
    pytest.importorskip("opentelemetry.exporter.otlp.json.file", reason="needs the extra otlp")
    program, trace_file, shown = tmp_path / "program.py", tmp_path / "trace.jsonl", []
    program.write_text(PROGRAM)
    trace_file.write_text("old")
    code = run_instrumented([str(program), "hello"], trace_file, environment={"GREETED": "world"}, show=shown.append)
    assert code == 3
    assert b"".join(shown).split() == [b"hello", b"world", b"half", b"a", b"line", b'{"resource']
    assert span_tree(read_trace_file(trace_file)) == "first\nsecond\n"
