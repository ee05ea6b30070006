"""Trace files: what the JSON-file exporter writes is read back, and damage costs only what it hit."""

import json

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

from callspan.testing.trace_file import TraceFileError, read_trace_file
from callspan.testing.tree import span_record

ATTRIBUTES = {
    "text": "é\n\u2028",
    "whole": 2**53 + 1,
    "fraction": 0.5,
    "flag": False,
    "texts": ("a", "b"),
    "numbers": (1, 2),
    "empty": (),
}


def line(*names, **fields):
    """One export, as text with its line end."""
    spans = [
        {"traceId": "0" * 31 + "1", "spanId": f"{number:016x}", "name": name, **fields}
        for number, name in enumerate(names, start=1)
    ]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n"


@pytest.fixture
def trace_file(tmp_path):
    """Write a trace file and give its path."""

    def write(*lines):
        path = tmp_path / "trace.jsonl"
        path.write_bytes(b"".join(item if isinstance(item, bytes) else item.encode() for item in lines))
        return path

    return write


@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
def test_reads_what_the_exporter_wrote(tmp_path, processor):
    """What the exporter wrote, span by span or in one batch, is read back as the very records of the SDK's spans."""
    json_file = pytest.importorskip("opentelemetry.exporter.otlp.json.file", reason="needs the extra otlp")
    path, memory, provider = tmp_path / "trace.jsonl", InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(processor(json_file.FileSpanExporter(path)))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")
    with (
        tracer.start_as_current_span("root", attributes=ATTRIBUTES),
        tracer.start_as_current_span("child") as child,
    ):
        child.set_status(Status(StatusCode.ERROR, "failed"))
    provider.shutdown()
    records = read_trace_file(path)
    assert records == [span_record(span) for span in memory.get_finished_spans()]
    assert records[1].attributes == ATTRIBUTES
    assert records[0].failed


def test_reads_other_writers_spellings(trace_file):
    """Numbers as numbers, a root's parent as zeros or empty, and the status by its name are read as well."""
    spelled = line(
        "root",
        parentSpanId="0" * 16,
        startTimeUnixNano=5,
        status={"code": "STATUS_CODE_ERROR"},
        attributes=[
            {"key": "n", "value": {"intValue": 3}},
            {"key": "d", "value": {"doubleValue": 1}},
            {"key": "nothing", "value": {}},
            {"key": "map", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": True}}]}}},
        ],
    )
    (record,) = read_trace_file(trace_file(spelled))
    assert (record.parent_id, record.start, record.end, record.failed) == (None, 5, None, True)
    assert record.attributes == {"n": 3, "d": 1.0, "nothing": None, "map": {"k": True}}
    assert read_trace_file(trace_file(line("root", parentSpanId="")))[0].parent_id is None


def test_empty_lines_and_files_are_sound(trace_file):
    """An empty file has no spans, and empty lines are no fault."""
    assert read_trace_file(trace_file()) == []
    assert [span.name for span in read_trace_file(trace_file("\n", line("a"), " \n", line("b")))] == ["a", "b"]


def test_a_cut_line_costs_itself_only(trace_file):
    """A file cut in mid-line, even within a letter, names file and line, and has every span before it."""
    path = trace_file(line("a"), line("b"), line("\u00e9").encode()[:-20])
    with pytest.raises(ValueError, match=r"trace\.jsonl, line 3: cut short: the line has no end") as caught:
        read_trace_file(path)
    assert [span.name for span in caught.value.spans] == ["a", "b"]
    half = json.dumps({"resourceSpans": "\u00e9"}, ensure_ascii=False).encode()[:-3]
    with pytest.raises(TraceFileError, match="line 2: no text: it is not in UTF-8"):
        read_trace_file(trace_file(line("a"), half))


def test_spans_after_a_bad_line_are_read(trace_file):
    """Spans after a bad line are there too, and each bad line is a fault of its own."""
    path = trace_file(line("a"), "garbage\n", line("b"), '{"resourceLogs": []}\n', line("c"))
    with pytest.raises(TraceFileError, match=r"line 2: no JSON.*\(and 1 more\)") as caught:
        read_trace_file(path)
    assert [span.name for span in caught.value.spans] == ["a", "b", "c"]
    assert [fault.split(": ", 1)[1] for fault in caught.value.faults][1] == (
        "no export of spans: it has no 'resourceSpans'"
    )


@pytest.mark.parametrize(
    ("foreign", "said"),
    [
        ("[]", "no export of spans"),
        ("[" * 100_000, "nested too deep"),
        ('{"resourceSpans": 1}', "'resourceSpans' has something that is no object"),
        ('{"resourceSpans": [{"scopeSpans": [1]}]}', "'scopeSpans' has something that is no object"),
        (line("a", name=1), "'name' is not a text"),
        (line("a", traceId="12"), "'traceId' is not 32 hex digits"),
        (line("a", spanId="x" * 16), "'spanId' is not 16 hex digits"),
        (line("a", startTimeUnixNano="soon"), "'startTimeUnixNano' is no time"),
        (line("a", endTimeUnixNano=True), "'endTimeUnixNano' is no time"),
        (line("a", attributes=[1]), "'attributes' is not a list of objects"),
    ],
)
def test_says_what_is_wrong(trace_file, foreign, said):
    """A foreign line says what is wrong with it, with file and line number."""
    with pytest.raises(TraceFileError) as caught:
        read_trace_file(trace_file(line("a"), foreign))
    assert said in str(caught.value)
    assert "trace.jsonl, line 2: " in str(caught.value)
    assert [span.name for span in caught.value.spans] == ["a"]


def test_no_file(tmp_path):
    """A file that is not there is the usual error."""
    with pytest.raises(FileNotFoundError):
        read_trace_file(tmp_path / "none.jsonl")
