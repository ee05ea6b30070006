"""Sending a file: nothing lost, nothing doubled, whatever the server and the file are like."""

import gzip
import json
from pathlib import Path

import pytest
from tests.local.otlp_server import Answer, OtlpServer
from tests.local.trace_lines import agent, line, model, tool, write

from callspan.viewer.otlp_http import Sender, SendError
from callspan.viewer.send import Checkpoint, SendResult, SendStateError, send_file

MANY = [agent(1), *(model(number, 1) for number in range(2, 31))]


@pytest.fixture
def server():
    with OtlpServer() as server:
        yield server


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "trace.jsonl", *MANY)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Batches are small, and nobody waits long."""
    monkeypatch.setattr("callspan.viewer.send._SPANS", 4)
    monkeypatch.setattr("callspan.viewer.otlp_http.random.uniform", lambda low, high: 0.01)


def send(file, server, **options):
    """Send a file, and give what became of it."""
    sender = Sender(server.traces, **{"patience": 5.0, **options})
    done = SendResult()
    send_file(Path(file), Checkpoint(Path(file), sender.url), sender, done)
    return done


def ids(spans):
    return [span["spanId"] for span in spans]


def test_spans_arrive_exactly_as_they_were(tmp_path, server):
    file = tmp_path / "trace.jsonl"
    odd = {
        **model(1, note="é\ud800\n", whole=2**53 + 1),
        "flags": 257,
        "links": [{"traceId": "1" * 32, "spanId": "2" * 16, "attributes": []}],
        "unknownField": {"a": [1.5, None]},
    }
    written = json.loads(line(odd))
    written["resourceSpans"][0] |= {"schemaUrl": "https://example.com/1"}
    file.write_text(json.dumps(written) + "\n")
    done = send(file, server)
    assert (done.sent, server.exports) == (1, [written])


def test_all_spans_arrive_in_their_order_in_batches(file, server):
    done = send(file, server)
    assert (done.sent, ids(server.spans), len(server.exports)) == (30, ids(MANY), 8)


def test_spans_of_one_resource_and_scope_share_it(file, server):
    send(file, server)
    assert [len(export["resourceSpans"]) for export in server.exports] == [1] * 8


def test_large_lines_are_split(tmp_path, server, monkeypatch):
    monkeypatch.setattr("callspan.viewer.send._BYTES", 2000)
    file = tmp_path / "trace.jsonl"
    file.write_text(line(*MANY))
    send(file, server)
    assert ids(server.spans) == ids(MANY)
    assert max(map(len, server.bodies)) < 3000


def test_what_was_sent_is_not_sent_again(file, server):
    send(file, server)
    assert (send(file, server).sent, len(server.spans)) == (0, 30)


def test_another_server_gets_all(file, server):
    send(file, server)
    with OtlpServer() as other:
        assert (send(file, other).sent, len(other.spans)) == (30, 30)


def test_a_file_that_has_grown_is_sent_from_there(file, server):
    send(file, server)
    with file.open("a") as more:
        more.write(line(tool(100, 1)))
    assert (send(file, server).sent, ids(server.spans)[-1]) == (1, "0000000000000064")


def test_a_line_that_is_still_being_written_is_no_fault_and_is_sent_when_it_is_whole(file, server):
    whole = line(tool(100, 1))
    with file.open("a") as more:
        more.write(whole[:-30])
    done = send(file, server)
    assert (done.cut, done.source.skips, len(server.spans)) == (True, 0, 30)
    with file.open("a") as more:
        more.write(whole[-30:])
    done = send(file, server)
    assert (done.cut, done.sent) == (False, 1)
    assert set(server.times.values()) == {1}


def test_a_file_that_is_smaller_now_is_another_one(file, server):
    send(file, server)
    file.write_text(line(tool(7)))
    with pytest.raises(SendStateError, match="--since-start"):
        send(file, server)


@pytest.mark.parametrize("status", [429, 502, 503, 504, 0])
def test_what_a_server_cannot_take_now_is_sent_again(file, server, status):
    server.decide = lambda number, export: Answer(status if number % 3 else 200)
    done = send(file, server)
    assert (done.sent, set(server.times.values())) == (30, {1})


def test_a_server_says_when_it_wants_to_be_asked_again(file, server):
    waits = []
    server.decide = lambda number, export: Answer(429 if number == 1 else 200, headers={"Retry-After": "0.3"})
    send(file, server, on_retry=lambda why, seconds: waits.append(seconds))
    assert waits == [0.3]


def test_a_server_that_takes_nothing_is_given_up_and_what_it_took_is_known(file, server):
    server.decide = lambda number, export: Answer(200 if number <= 3 else 503)
    with pytest.raises(SendError, match="accepted nothing for 0 s: 503"):
        send(file, server, patience=0.2)
    server.decide = lambda number, export: Answer()
    assert send(file, server).sent == 18
    assert (ids(server.spans), set(server.times.values())) == (ids(MANY), {1})


def test_a_server_that_is_not_there_is_given_up(file, server):
    url = server.traces.replace("127.0.0.1", "127.0.0.1").rsplit(":", 1)[0] + ":9/v1/traces"
    checkpoint = Checkpoint(file, url)
    with pytest.raises(SendError, match="refused"):
        send_file(file, checkpoint, Sender(url, patience=0.2), SendResult())
    assert checkpoint.pending == 0  # nothing is on the way


def test_one_span_that_is_refused_costs_no_other(file, server):
    server.decide = lambda number, export: Answer(
        400 if any(span["spanId"].endswith("0b") for span in spans_of(export)) else 200, b'{"message": "bad \x1bspan"}'
    )
    done = send(file, server)
    assert (done.sent, done.rejected, done.why) == (30, 1, ["line 11: 400 Bad Request: bad  span"])
    assert len(server.times) == 29


def test_a_line_that_is_refused_is_reported_whole(tmp_path, server):
    file = tmp_path / "trace.jsonl"
    file.write_text(line(tool(1)) + line(tool(2), tool(3)) + line(tool(4)))
    server.decide = lambda number, export: Answer(
        400 if any(span["spanId"].endswith("03") for span in spans_of(export)) else 200, b"no"
    )
    done = send(file, server)
    assert (done.sent, done.rejected, done.why) == (4, 2, ["line 2: 400 Bad Request: no"])
    assert (ids(server.spans), send(file, server).sent) == (ids([tool(1), tool(4)]), 0)


def spans_of(export):
    return [span for one in export["resourceSpans"] for scope in one["scopeSpans"] for span in scope["spans"]]


def test_a_request_that_is_too_large_is_sent_line_by_line(file, server):
    server.decide = lambda number, export: Answer(413 if len(spans_of(export)) > 1 else 200)
    done = send(file, server)
    assert (done.sent, done.rejected, ids(server.spans)) == (30, 0, ids(MANY))


def test_a_server_that_refuses_every_span_is_left_alone(file, server):
    server.decide = lambda number, export: Answer(400, b"no")
    with pytest.raises(SendError, match="refuses every span: line 1: 400 Bad Request: no"):
        send(file, server)


def test_spans_that_are_rejected_in_part_are_told_and_not_sent_again(file, server):
    partial = {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}
    server.decide = lambda number, export: Answer(200, json.dumps(partial).encode() if number == 2 else b"{}")
    done = send(file, server)
    assert (done.rejected, done.why, server.requests) == (2, ["lines 5 to 8: too old"], 8)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"partialSuccess": null}', b'{"partialSuccess": {"rejectedSpans": []}}']
)
def test_an_answer_that_says_nothing_is_a_success(file, server, body):
    server.decide = lambda number, export: Answer(200, body)
    assert send(file, server).rejected == 0


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "--header"), (404, "Not Found"), (415, "http/protobuf"), (302, "302")]
)
def test_what_will_not_change_ends_it_at_once(file, server, status, hint):
    server.decide = lambda number, export: Answer(status, headers={"Location": server.url})
    with pytest.raises(SendError, match=hint):
        send(file, server)
    assert server.requests == 1


def test_lines_that_are_no_spans_are_told_and_cost_no_others(tmp_path, server):
    file = tmp_path / "trace.jsonl"
    bad = {**tool(3), "traceId": "nothing"}
    file.write_text(line(tool(1)) + "nonsense\n\n" + line(tool(2), bad, tool(4)) + line(tool(5)))
    done = send(file, server)
    assert ids(server.spans) == ids([tool(1), tool(2), tool(4), tool(5)])
    assert [one.line for one in done.source.skipped] == [2, 4]


def test_a_document_is_sent_and_goes_on_where_it_was(tmp_path, server):
    file = tmp_path / "trace.json"
    file.write_text(json.dumps(json.loads(line(*MANY)), indent=2))
    server.decide = lambda number, export: Answer(200 if number <= 3 else 401)
    with pytest.raises(SendError):
        send(file, server)
    server.decide = lambda number, export: Answer()
    send(file, server)
    assert (ids(server.spans), set(server.times.values())) == (ids(MANY), {1})


def test_a_packed_file_is_sent_and_goes_on_where_it_was(file, server):
    packed = file.with_suffix(".gz")
    packed.write_bytes(gzip.compress(file.read_bytes()))
    server.decide = lambda number, export: Answer(200 if number <= 3 else 401)
    with pytest.raises(SendError):
        send(packed, server)
    server.decide = lambda number, export: Answer()
    send(packed, server)
    assert (ids(server.spans), set(server.times.values())) == (ids(MANY), {1})


def test_numbers_that_are_none_are_sent_as_otlp_has_them(tmp_path, server):
    file = tmp_path / "trace.jsonl"
    file.write_text(line(model(1, share=0.5)).replace("0.5", "NaN"))
    send(file, server)
    assert b'"doubleValue":"NaN"' in server.bodies[0]


@pytest.mark.parametrize("depth", [60, 300, 900])
def test_what_is_nested_deep_is_sent_or_told_and_costs_no_other(tmp_path, server, depth):
    file = tmp_path / "trace.jsonl"
    file.write_text(
        line(tool(1), {**tool(2), "deep": 0}, tool(3)).replace('"deep": 0', f'"deep": {"[" * depth}{"]" * depth}')
    )
    done = send(file, server)
    assert done.sent + done.source.skips == 3


def test_a_server_gets_protobuf_if_it_wants_it(file, server):
    trace_pb2 = pytest.importorskip(
        "opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason="needs the extra otlp"
    )
    done = send(file, server, protobuf=True)
    assert (done.sent, server.headers[0]["content-type"]) == (30, "application/x-protobuf")
    spans = [
        span
        for body in server.bodies
        for resource in trace_pb2.ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert [span.span_id.hex() for span in spans] == ids(MANY)
    assert spans[1].parent_span_id.hex() == "0000000000000001"
    assert str(spans[1].start_time_unix_nano) == MANY[1]["startTimeUnixNano"]


def test_protobuf_rejections_are_told(file, server):
    trace_pb2 = pytest.importorskip(
        "opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason="needs the extra otlp"
    )
    answer = trace_pb2.ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    answer.partial_success.error_message = "no"
    server.decide = lambda number, export: Answer(200, answer.SerializeToString() if number == 1 else b"\xff")
    done = send(file, server, protobuf=True)
    assert (done.rejected, done.why) == (1, ["lines 1 to 4: no"])


def test_headers_are_sent(file, server):
    send(file, server, headers={"authorization": "Bearer key"})
    assert {headers["authorization"] for headers in server.headers} == {"Bearer key"}


def test_two_that_send_one_file_to_one_place_do_not_double_it(file, server):
    def decide(number, export):
        if number == 2:
            with pytest.raises(SendStateError, match="another process"):
                send_file(file, second, Sender(server.traces), SendResult())
        return Answer()

    second = Checkpoint(file, server.traces)
    server.decide = decide
    assert send(file, server).sent == 30
    assert set(server.times.values()) == {1}


def test_two_that_send_one_file_to_two_places_do_not_disturb_each_other(file, server):
    with OtlpServer() as other:
        server.decide = lambda number, export: Answer(200 if number != 2 or send(file, other).sent else 500)
        assert send(file, server).sent == 30
        assert (send(file, server).sent, send(file, other).sent) == (0, 0)
        assert set(other.times.values()) == {1}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1, "endpoints": 3}', '{"version": 2, "endpoints": {}}'])
def test_a_state_file_that_cannot_be_read_is_reported(file, server, text):
    file.with_name("trace.jsonl.sent").write_text(text)
    with pytest.raises(SendStateError, match="remove it"):
        send(file, server)


def test_entries_of_a_state_file_that_are_none_are_reported(file, server):
    text = json.dumps({"version": 1, "endpoints": {server.traces: {"sent": "1"}}})
    file.with_name("trace.jsonl.sent").write_text(text)
    with pytest.raises(SendStateError, match="remove it"):
        send(file, server)
