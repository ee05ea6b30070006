"""`callspan run` records from the first moment: spans before the first run, and providers set early, late or twice."""

from __future__ import annotations

import pytest
from tests.cli.conftest import environment

from callspan.testing import read_trace_file, span_tree

RUN = """
from langchain_core.runnables import RunnableLambda

def call(x):
    return RunnableLambda(lambda y: y).with_config(run_name="run").invoke(x)
"""

OWN = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))

def exported():
    return [span.name for span in kept.get_finished_spans()]
"""


def tree(done):
    return span_tree(read_trace_file(done.files[0]))


def test_spans_around_and_before_the_first_run_are_whole(run):
    done = run(
        "from opentelemetry import trace"
        + RUN
        + """
early = trace.get_tracer("early")
with early.start_as_current_span("before"):
    pass
for number in (1, 2):
    with early.start_as_current_span(f"request {number}"):
        call(number)
        with trace.get_tracer("late").start_as_current_span("after"):
            pass
"""
    )
    assert done.code == 0, done.err
    assert tree(done).splitlines() == [
        "before",
        *("request 1", "  invoke_workflow run", "  after"),
        *("request 2", "  invoke_workflow run", "  after"),
    ]


def test_spans_of_a_program_without_langchain_are_written_too(run):
    source = "from opentelemetry import trace\nwith trace.get_tracer('app').start_as_current_span('alone'): pass"
    done = run(source)
    assert tree(done) == "alone"
    assert done.err.splitlines()[-1] == "callspan: no run of LangChain or LangGraph was seen"


def test_a_provider_that_is_set_in_the_middle_of_a_request_is_kept_and_joined(run):
    done = run(
        "from opentelemetry import trace"
        + RUN
        + OWN
        + """
tracer = trace.get_tracer("app")
print(type(trace.get_tracer_provider()).__mro__[1].__name__)
with tracer.start_as_current_span("request"):
    call(1)
    trace.set_tracer_provider(provider)
    call(2)
    with tracer.start_as_current_span("late"):
        pass
print(trace.get_tracer_provider() is provider, exported())
"""
    )
    assert done.out.splitlines() == [b"ProxyTracerProvider", b"True ['invoke_workflow run', 'late']"]
    assert tree(done).splitlines() == ["request", "  invoke_workflow run", "  invoke_workflow run", "  late"]
    assert "Overriding" not in done.err


def test_prompts_are_not_sent_to_a_provider_that_is_set_late(run):
    done = run(
        "from opentelemetry import trace"
        + RUN
        + OWN
        + """
call("first secret")
trace.set_tracer_provider(provider)
call("second secret")
print(any("secret" in str(span.attributes) for span in kept.get_finished_spans()))
"""
    )
    assert done.out == b"False\n"
    assert "first secret" in done.files[0].read_text()
    assert "second secret" not in done.files[0].read_text()
    assert "callspan: from now on without prompts and answers" in done.err


def test_a_second_provider_of_the_programs_is_refused_as_without_us(run):
    done = run(
        "from opentelemetry import trace"
        + RUN
        + OWN
        + """
trace.set_tracer_provider(provider)
trace.set_tracer_provider(TracerProvider())
call(1)
print(trace.get_tracer_provider() is provider, exported())
"""
    )
    assert done.out == b"True ['invoke_workflow run']\n"
    assert done.err.count("Overriding of current TracerProvider is not allowed") == 1


def test_libraries_that_put_a_provider_in_force_by_force_or_add_to_the_one_there_is_are_served(run):
    done = run(
        "from opentelemetry import trace"
        + RUN
        + OWN
        + """
from opentelemetry.util._once import Once

added = InMemorySpanExporter()
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(added))
call(1)
trace._TRACER_PROVIDER_SET_ONCE = Once()
trace.set_tracer_provider(provider)
call(2)
print([span.name for span in added.get_finished_spans()], exported())
"""
    )
    assert done.out == b"['invoke_workflow run'] ['invoke_workflow run']\n"
    assert tree(done).splitlines() == ["invoke_workflow run"] * 2


def test_providers_of_metrics_and_logs_are_the_programs_too_though_variables_ask_for_exporters(run):
    done = run(
        "from opentelemetry import metrics, trace"
        + RUN
        + OWN
        + """
from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

with trace.get_tracer("app").start_as_current_span("early"):
    pass
reader = InMemoryMetricReader()
meters, logs = MeterProvider([reader]), LoggerProvider()
trace.set_tracer_provider(provider)
metrics.set_meter_provider(meters)
_logs.set_logger_provider(logs)
call(1)
print(metrics.get_meter_provider() is meters, _logs.get_logger_provider() is logs, exported())
""",
        OTEL_TRACES_EXPORTER="console",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
    )
    assert done.code == 0, done.err
    assert b"True True ['invoke_workflow run']" in done.out
    assert done.out.count(b'"trace_id"') == 1
    assert "Overriding" not in done.err
    assert tree(done).splitlines() == ["early", "invoke_workflow run"]


@pytest.mark.parametrize("closed", ["stdin", "stdout", "stderr"])
def test_a_program_whose_streams_are_closed_runs_and_is_recorded(tmp_path, program, closed):
    import subprocess

    from tests.cli.conftest import CALLSPAN

    program(RUN + "call(1)\nopen('printed', 'w').write('yes')\nraise SystemExit(7)")
    number = ["stdin", "stdout", "stderr"].index(closed)
    command = f"exec {' '.join(CALLSPAN)} run --file t.jsonl app.py {number}{'<' if number == 0 else '>'}&-"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, check=False, timeout=120
    )
    assert (done.returncode, (tmp_path / "printed").read_text()) == (7, "yes")
    assert span_tree(read_trace_file(tmp_path / "t.jsonl")) == "invoke_workflow run"
    assert b"Traceback" not in done.stderr


def test_a_first_run_at_exit_is_recorded_though_no_time_is_given_for_the_exit(run):
    done = run("import atexit" + RUN + "atexit.register(lambda: print(call('at exit')))", CALLSPAN_EXIT_TIMEOUT="0")
    assert done.out == b"at exit\n"
    assert tree(done) == "invoke_workflow run"
    assert done.err.splitlines()[-1].startswith("callspan view")


def test_a_provider_that_is_replaced_inside_of_the_programs_is_joined_again(run):
    """As Logfire does when it is configured again. One that is only shut down gets no processor twice."""
    done = run(
        RUN
        + """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

class Around(trace.TracerProvider):
    provider = TracerProvider()

    def get_tracer(self, *args, **kwargs):
        tracer = Inside()
        tracer.make = lambda: self.provider.get_tracer(*args, **kwargs)
        return tracer

    def add_span_processor(self, processor):
        self.provider.add_span_processor(processor)

class Inside(trace.Tracer):
    def start_span(self, *args, **kwargs):
        return self.make().start_span(*args, **kwargs)

    def start_as_current_span(self, *args, **kwargs):
        return self.make().start_as_current_span(*args, **kwargs)

trace.set_tracer_provider(around := Around())
for number in range(3):
    with trace.get_tracer("app").start_as_current_span(f"request {number}"):
        call(number)
    around.provider.shutdown()
    if number < 1:
        around.provider = TracerProvider()
"""
    )
    assert (done.code, "Traceback" in done.err) == (0, False), done.err
    assert tree(done).splitlines() == [
        *("request 0", "  invoke_workflow run"),
        *("request 1", "  invoke_workflow run"),
        *("request 2", "  invoke_workflow run"),
    ]
