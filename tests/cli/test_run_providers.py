"""`callspan run` and where else spans go: the program's own provider, exporters that variables ask for."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from tests.cli.test_run import CHAIN, NAMES

OWN = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
"""

TOLD = """
    print(trace.get_tracer_provider() is provider, sorted(span.name for span in kept.get_finished_spans()))
    print(any("truth" in str(span.attributes) for span in kept.get_finished_spans()))
"""

STANDARD = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def test_a_provider_of_the_programs_own_is_kept_and_joined(run):
    done = run(OWN + CHAIN + TOLD)
    assert done.code == 0, done.err
    assert done.out.splitlines()[1:] == [b"True ['chain RunnableLambda', 'chat', 'invoke_workflow greet']", b"False"]
    assert done.names() == NAMES
    assert "Overriding" not in done.err


def test_what_was_said_does_not_go_to_others_unless_somebody_asks_for_it(run):
    done = run(OWN + CHAIN + TOLD)
    assert "plain truth" not in done.files[0].read_text()
    assert "without prompts and answers" in done.err.splitlines()[0]
    assert f"{STANDARD}=span_only" in done.err.splitlines()[0]
    done = run(OWN + CHAIN + TOLD, **{STANDARD: "span_only"}, CALLSPAN_TRACE_FILE="asked.jsonl")
    assert done.out.splitlines()[2] == b"True"
    assert "plain truth" in (done.folder / "asked.jsonl").read_text()
    assert "and go where the program and OTEL_* variables send spans" in done.err.splitlines()[0]


def test_a_program_that_instruments_itself_has_the_say_and_its_provider_is_joined(run):
    own = OWN.replace("trace.set_tracer_provider(provider)", "import callspan")
    own += "    callspan.instrument(tracer_provider=provider, content='span_only', detail='steps')\n"
    told = TOLD.replace("trace.get_tracer_provider() is provider", "type(trace.get_tracer_provider()).__name__")
    done = run(own + CHAIN + told)
    assert done.code == 0, done.err
    assert done.out.splitlines()[1:] == [b"ProxyTracerProvider ['chat', 'invoke_workflow greet']", b"True"]
    assert done.names() == [NAMES[0], NAMES[2]]
    assert "instrumented already" not in done.err


def test_a_provider_that_takes_no_processors_is_left_alone(run):
    done = run(
        """
        from opentelemetry import trace
        trace.set_tracer_provider(trace.NoOpTracerProvider())
        """
        + CHAIN.replace("\n    ", "\n        ")
    )
    assert done.code == 0, done.err
    assert done.names() == NAMES
    assert "Overriding" not in done.err


class Receiver:
    """A real OTLP/HTTP receiver: it keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.got.append((self.path, body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def names(self) -> list[str]:
        """The names of the spans that came."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        found = []
        for path, body in self.got:
            if path == "/v1/traces":
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    found += [span.name for scope in resource.scope_spans for span in scope.spans]
        return sorted(found)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra otlp")
    found = Receiver()
    thread = Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.mark.parametrize("variables", [{}, {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "none"}])
def test_an_exporter_that_variables_configure_goes_on_working(run, receiver, variables):
    address = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    done = run(CHAIN, **address, **variables)
    assert (done.code, done.names()) == (0, NAMES), done.err
    assert receiver.names() == sorted(name.strip() for name in NAMES)
    assert not any(b"plain truth" in body for _, body in receiver.got)
    assert "so prompts and answers are left out" in done.err.splitlines()[0]
    assert "not sent" not in done.err


def test_a_server_that_is_not_there_costs_neither_the_file_nor_the_time(run):
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra otlp")
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        address = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{taken.getsockname()[1]}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        }
        source = (
            CHAIN + "\n    import atexit, time\n    began = time.monotonic()\n    atexit.register(print, 'at exit')"
        )
        began = time.monotonic()
        done = run(source, **address, CALLSPAN_EXIT_TIMEOUT="0.5")
        took = time.monotonic() - began
    assert (done.code, done.names()) == (0, NAMES), done.err
    assert "not sent: not everything could be sent within 0.5 s (CALLSPAN_EXIT_TIMEOUT)" in done.err
    assert took < 25, "three exporters of this SDK would wait for half a minute and more"
    assert "Traceback" not in done.err


def test_an_exporter_that_is_not_installed_is_said(run):
    done = run(CHAIN, OTEL_TRACES_EXPORTER="carrier_pigeon")
    assert (done.code, done.names()) == (0, NAMES)
    assert "not sent: Requested component 'carrier_pigeon' not found" in done.err


def test_the_console_exporter_prints_as_ever(run):
    done = run(CHAIN, OTEL_TRACES_EXPORTER="console")
    assert done.code == 0
    assert done.out.count(b'"trace_id"') == 3


def test_what_was_said_stays_here_when_the_program_itself_names_a_server(run, receiver):
    """As a program does that reads its settings from a file when it starts."""
    settings = f"""
    import os
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "{receiver.url}"
    os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
"""
    done = run(settings + CHAIN)
    assert done.code == 0, done.err
    assert receiver.names() == sorted(name.strip() for name in NAMES)
    assert not any(b"plain truth" in body for _, body in receiver.got)
    assert "without prompts and answers" in done.err
