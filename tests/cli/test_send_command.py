"""`callspan send` as a person meets it: killed, interrupted and repeated it loses nothing and doubles nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from tests.local.otlp_server import Answer, OtlpServer
from tests.local.trace_lines import model, write

pytest.importorskip("click", reason="needs the extra cli")
pytest.importorskip("rich", reason="needs the extra cli")

from click.testing import CliRunner

from callspan.cli.commands import commands

SPANS = 5000


@pytest.fixture
def server():
    with OtlpServer() as server:
        yield server


@pytest.fixture
def file(tmp_path):
    """A file of several batches."""
    return write(tmp_path / "trace.jsonl", *(model(number) for number in range(1, SPANS + 1)))


@pytest.fixture
def started(file):
    """Start the command as a process; gives it once it runs, and ends it if the test does not."""
    running = []

    def start(*arguments):
        command = [sys.executable, "-m", "callspan.cli", "send", str(file), *map(str, arguments)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        process = subprocess.Popen(command, env=clean, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def run(*arguments, **environment):
    """Run the command in this process."""
    return CliRunner().invoke(commands, ["send", *map(str, arguments)], env=environment or None)


def test_all_is_sent_and_said(file, server):
    done = run(file, "--endpoint", server.url)
    assert (done.exit_code, done.stderr) == (0, f"{file}: 5,000 spans sent to {server.traces}\n")
    assert len(server.times) == SPANS


def test_a_second_time_nothing_is_sent(file, server):
    run(file, "--endpoint", server.url)
    done = run(file, "--endpoint", server.url)
    assert (done.exit_code, "nothing new, 5,000 spans were sent" in done.stderr) == (0, True)
    assert set(server.times.values()) == {1}


def test_all_is_sent_again_where_that_is_asked_for(file, server):
    run(file, "--endpoint", server.url)
    assert run(file, "--endpoint", server.url, "--since-start").exit_code == 0
    assert set(server.times.values()) == {2}


def test_killed_in_the_middle_it_goes_on_where_it_was(file, server, started):
    """The kill comes while a request is on its way, and is not taken."""
    killed = threading.Event()

    def decide(number, export):
        if number == 3:
            killed.set()
            process.kill()
            return Answer(0)
        return Answer()

    server.decide = decide
    process = started("--endpoint", server.url)
    process.wait(30)
    assert killed.is_set()
    taken = len(server.spans)
    assert 0 < taken < SPANS
    server.decide = lambda number, export: Answer()
    done = run(file, "--endpoint", server.url)
    assert (done.exit_code, "were on the way when it ended: they are sent again" in done.stderr) == (0, True)
    assert (len(server.times), set(server.times.values())) == (SPANS, {1})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_waits_for_the_answer_that_is_due_and_goes_on_from_there(file, server, started, number):
    def decide(count, export):
        if count == 2:
            process.send_signal(number)
            time.sleep(0.3)
        return Answer()

    server.decide = decide
    process = started("--endpoint", server.url)
    assert process.wait(30) == 130
    assert "not all spans were sent; run the same command again to send the rest" in process.stderr.read()
    state = json.loads(file.with_name("trace.jsonl.sent").read_text())["endpoints"][server.traces]
    assert (state["sent"], state["pending"]) == (len(server.spans), 0)
    server.decide = lambda count, export: Answer()
    assert run(file, "--endpoint", server.url).exit_code == 0
    assert (len(server.times), set(server.times.values())) == (SPANS, {1})


def test_interrupted_while_it_waits_it_ends_at_once(file, server, started):
    server.decide = lambda number, export: Answer(503, headers={"Retry-After": "50"})
    process = started("--endpoint", server.url)
    while not server.requests:
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert "503 Service Unavailable; trying again in 50.0 s" in process.stderr.read()


def test_a_server_that_fails_now_and_then_gets_each_span_once(file, server, monkeypatch):
    monkeypatch.setattr("callspan.viewer.otlp_http.random.uniform", lambda low, high: 0.01)
    statuses = iter([503, 200, 429, 0, 200, 502, 504, 200, *[200] * 20])
    server.decide = lambda number, export: Answer(next(statuses))
    assert run(file, "--endpoint", server.url).exit_code == 0
    assert (len(server.times), set(server.times.values())) == (SPANS, {1})


def test_rejected_spans_are_a_finding(file, server):
    partial = {"partialSuccess": {"rejectedSpans": "7", "errorMessage": "too old"}}
    server.decide = lambda number, export: Answer(200, json.dumps(partial).encode() if number == 1 else b"{}")
    done = run(file, "--endpoint", server.url)
    assert (done.exit_code, "7 spans rejected" in done.stderr, "too old" in done.stderr) == (1, True, True)


def test_a_server_that_takes_nothing_is_a_finding(file):
    done = run(file, "--endpoint", "http://127.0.0.1:9", "--patience", "0")
    assert (done.exit_code, "refused" in done.stderr, "run the same command again" in done.stderr) == (1, True, True)


def test_a_file_that_is_smaller_now_is_a_wrong_call(file, server):
    run(file, "--endpoint", server.url)
    file.write_text(file.read_text().replace("gpt-5-mini", "gpt-6"))
    done = run(file, "--endpoint", server.url)
    assert (done.exit_code, "--since-start" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--endpoint", "localhost:4318"],
        ["--endpoint", "file:///etc/passwd"],
        ["--endpoint", "http://name:password@localhost"],
        ["--endpoint", "http://localhost:port"],
        ["--endpoint", "http://[::1"],
        ["--header", "no sign"],
        ["--header", "a=b\nc: d"],
        ["--protocol", "grpc"],
    ],
)
def test_wrong_calls_are_told(file, arguments):
    assert run(file, *arguments).exit_code == 2


def test_a_file_that_is_not_there_is_unreadable(tmp_path):
    assert run(tmp_path / "missing.jsonl").exit_code == 3


def test_a_file_of_nonsense_is_unreadable(tmp_path, server):
    file = tmp_path / "trace.jsonl"
    file.write_text("nonsense\n")
    done = run(file, "--endpoint", server.url)
    assert (done.exit_code, "line 1" in done.stderr, server.requests) == (3, True, 0)


def test_headers_and_the_endpoint_may_stand_in_opentelemetrys_variables(file, server):
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b,x-other=1"}
    done = run(file, "--header", "x-other=2", OTEL_EXPORTER_OTLP_ENDPOINT=f"{server.url}/base/", **headers)
    assert (done.exit_code, f"{server.url}/base/v1/traces" in done.stderr) == (0, True)
    assert (server.headers[0]["x-key"], server.headers[0]["x-other"]) == ("a b", "2")


def test_a_server_behind_a_proxy_of_this_machine_is_asked_itself(file, server):
    assert run(file, "--endpoint", server.url, http_proxy="http://127.0.0.1:9", NO_PROXY="", no_proxy="").exit_code == 0


def test_a_folder_that_cannot_be_written_sends_nothing(file, server, monkeypatch):
    monkeypatch.setattr(
        "callspan.viewer.send.Checkpoint._write", lambda self: (_ for _ in ()).throw(OSError(28, "full"))
    )
    done = run(file, "--endpoint", server.url)
    assert (done.exit_code, "full" in done.stderr, server.requests) == (3, True, 0)
