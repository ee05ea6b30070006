"""Trace files: what is whole is read, and what is not is said, with its line."""

import gzip
import json

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from tests.local.spans_in_files import exported, line, said

from callspan.viewer.conversation import CONTENT
from callspan.viewer.read import Source, read


def names(spans):
    return [span.name for span in spans]


def skipped(source):
    return [(one.line, one.why) for one in source.skipped]


@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
def test_what_the_official_exporter_wrote_is_read_back(tmp_path, processor):
    json_file = pytest.importorskip("opentelemetry.exporter.otlp.json.file", reason="needs the extra otlp")
    path, provider, source = (
        tmp_path / "trace.jsonl",
        TracerProvider(resource=Resource({"service.name": "a service"})),
        Source(),
    )
    provider.add_span_processor(processor(json_file.FileSpanExporter(path)))
    tracer = provider.get_tracer("some scope")
    values = {"text": "é", "whole": 2**60, "fraction": 0.5, "flag": True, "list": (1, 2), "infinite": float("inf")}
    with (
        tracer.start_as_current_span("root", attributes=values) as root,
        tracer.start_as_current_span("child") as child,
    ):
        child.add_event("happened", {"where": "here"})
        child.record_exception(ValueError("no"))
    provider.shutdown()

    read_child, read_root = read([path], source)
    assert read_root.attributes == {**values, "list": [1, 2], "infinite": "Infinity"}
    assert (read_root.name, read_root.parent_id, read_root.scope) == ("root", None, "some scope")
    assert (read_root.start, read_root.end) == (root.start_time, root.end_time)
    assert read_child.parent_id == read_root.span_id == f"{root.get_span_context().span_id:016x}"
    assert [event.name for event in read_child.events] == ["happened", "exception"]
    assert read_child.service == "a service"
    assert (source.spans, source.skipped) == (2, [])


def test_a_cut_last_line_is_said_and_the_rest_is_read(read_back):
    spans, source = read_back(line("a"), line("b"), line("c")[:60])
    assert names(spans) == ["a", "b"]
    assert skipped(source) == [(3, "cut short: the line has no end")]


def test_of_a_batch_that_is_cut_the_whole_spans_are_read(read_back):
    spans, source = read_back(line("a", "b", "c")[:-40])
    assert names(spans) == ["a", "b"]
    assert skipped(source) == [(1, "cut short: the line has no end")]


def test_a_cut_line_in_the_middle_costs_no_other(read_back):
    spans, source = read_back(line("a")[:50] + "\n", line("b"))
    assert names(spans) == ["b"]
    assert [number for number, _ in skipped(source)] == [1]


def test_a_cut_first_line_before_another_cut_one_is_no_document(read_back):
    spans, source = read_back(line("a")[:50] + "\n", line("b", "c")[:-40] + "\n", line("d"))
    assert names(spans) == ["b", "d"]
    assert [number for number, _ in skipped(source)] == [1, 2]


def test_foreign_lines_are_said_one_by_one(read_back):
    spans, source = read_back("hello\n", line("a"), "[1, 2]\n", "\n", '{"resourceLogs": []}\n', b"\xff\xfe\n")
    assert names(spans) == ["a"]
    assert skipped(source) == [
        (1, "no JSON: Expecting value, at column 1"),
        (3, "no export of spans: it has no 'resourceSpans'"),
        (5, "no export of spans: it has no 'resourceSpans'"),
        (6, "no text: it is not in UTF-8"),
    ]
    assert source.lines == 5


@pytest.mark.parametrize(
    ("contents", "why"),
    [("", "the file is empty"), ("\n\n", "it has no spans"), ('{"resourceSpans": []}', "it has no spans")],
)
def test_a_file_without_spans_is_said(read_back, contents, why):
    spans, source = read_back(contents)
    assert (spans, skipped(source)) == ([], [(1, why)])


def test_a_span_that_is_none_costs_no_other_of_its_line(read_back):
    export = exported("a", "b", "c")
    _, second, _ = export["resourceSpans"][0]["scopeSpans"][0]["spans"]
    second["spanId"] = "short"
    spans, source = read_back(json.dumps(export))
    assert names(spans) == ["a", "c"]
    assert skipped(source) == [(1, "'spanId' is not 16 hex digits")]


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_a_document_is_read_like_lines(read_back, indent):
    spans, source = read_back(json.dumps(exported("a", "b"), indent=indent))
    assert (names(spans), source.skipped) == (["a", "b"], [])


def test_each_span_of_a_document_has_its_resource_and_scope(read_back):
    service = {"attributes": [{"key": "service.name", "value": {"stringValue": "Grüße"}}]}
    document = exported("a", 'b é 水 \\ " ]}', "c")
    document["resourceSpans"][0] = {"resource": service, **document["resourceSpans"][0]}
    document["resourceSpans"][0]["scopeSpans"][0] = {
        "scope": {"name": "s"},
        **document["resourceSpans"][0]["scopeSpans"][0],
    }
    for text in (json.dumps(document, indent=1, ensure_ascii=False), json.dumps(document) + "\n" + line("d")):
        spans, source = read_back(text)
        assert names(spans)[:3] == ["a", 'b é 水 \\ " ]}', "c"]
        assert {(span.service, span.scope) for span in spans[:3]} == {("Grüße", "s")}
        assert source.skipped == []
    assert names(spans) == ["a", 'b é 水 \\ " ]}', "c", "d"]


def test_a_document_larger_than_the_limit_is_refused_with_what_to_do(read_back, small_limit):
    document = json.dumps(exported(*map(str, range(9))), indent=1)
    assert len(document) > small_limit
    spans, source = read_back(document)
    assert spans == []
    ((where, why),) = skipped(source)
    assert (where, why.startswith("the JSON document has more than"), "JSON Lines" in why) == (1, True, True)


def test_lines_of_any_number_are_read_and_one_larger_than_the_limit_is_refused(read_back, small_limit):
    lines = [line(str(number)) for number in range(100)]
    too_large = line("n" * small_limit)
    spans, source = read_back(*lines[:50], too_large, *lines[50:], too_large)
    assert names(spans) == [str(number) for number in range(100)]
    assert [where for where, why in skipped(source) if why.startswith("the line has more than")] == [51, 102]
    assert (source.skips, source.lines) == (2, 102)


def test_after_much_that_cannot_be_read_the_rest_of_a_document_is_not_looked_at(read_back):
    broken = json.dumps(exported("a"), indent=1).replace('"a"', "nothing")
    spans, source = read_back(*[broken] * 200, json.dumps(exported("b")))
    assert (spans, source.skips) == ([], 101)
    assert source.skipped[0].why == "no JSON: Expecting value"


def test_two_documents_in_one_file_are_both_read(read_back):
    spans, source = read_back(json.dumps(exported("a"), indent=1), "\n", json.dumps(exported("b"), indent=1))
    assert (names(spans), source.skipped) == (["a", "b"], [])


def test_a_cut_document_is_read_up_to_there(read_back):
    text = json.dumps(exported("a", "b", "c"), indent=1)
    spans, source = read_back(text[: text.index('"c"')])
    assert names(spans) == ["a", "b"]
    ((where, why),) = skipped(source)
    assert (text.splitlines()[where - 1].strip(), why) == ("{", "cut short: a span has no end")


def test_a_fault_in_a_document_is_said_with_its_line(read_back):
    text = json.dumps(exported("a", "b"), indent=1) + "\n" + json.dumps(exported("c"), indent=1)
    spans, source = read_back(text.replace('"name": "b"', '"name": nothing'))
    assert names(spans) == ["a", "c"]
    ((where, why),) = skipped(source)
    assert (text.splitlines()[where - 1].strip(), why) == ("{", "no JSON: Expecting value")


def test_packed_files_are_read_as_what_they_hold(read_back):
    spans, source = read_back(gzip.compress((line("a") + line("b")).encode()))
    assert (names(spans), source.skipped) == (["a", "b"], [])


def test_a_packed_file_that_is_cut_is_read_up_to_there(read_back):
    lines = [line(f"span {number}") for number in range(2000)]
    spans, source = read_back(gzip.compress("".join(lines).encode())[:-2000])
    assert 0 < len(spans) < 2000
    assert "unpacked" in source.skipped[-1].why


def test_a_byte_order_mark_is_no_fault(read_back):
    spans, source = read_back(b"\xef\xbb\xbf" + line("a").encode())
    assert (names(spans), source.skipped) == (["a"], [])


def test_lines_end_only_where_json_lines_do(read_back):
    spans, source = read_back(json.dumps(exported("a\u2028b\x0bc"), ensure_ascii=False) + "\r\n", line("d"))
    assert (names(spans), source.skipped) == (["a\u2028b\x0bc", "d"], [])


def test_several_files_are_told_apart(tmp_path):
    first, second, source = tmp_path / "first.jsonl", tmp_path / "second.jsonl", Source()
    first.write_text(line("a"))
    second.write_text(line("b") + "nothing\n")
    assert names(read([first, second], source)) == ["a", "b"]
    assert source.files == [str(first), str(second)]
    assert [str(one) for one in source.skipped] == [f"{second}, line 2: no JSON: Expecting value, at column 1"]


def test_a_file_that_is_not_there_raises(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        list(read([tmp_path / "nowhere.jsonl"], Source()))


def test_a_hundred_faults_are_told_one_by_one_and_the_others_counted(read_back):
    _, source = read_back("nothing\n" * 300)
    assert (len(source.skipped), source.skips) == (100, 300)


def test_what_was_said_can_be_left_out(read_back):
    told = said({"gen_ai.input.messages": "[]", "gen_ai.request.model": "m"})
    spans, _ = read_back(line("a", attributes=told), without=CONTENT)
    assert spans[0].attributes == {"gen_ai.request.model": "m"}
