"""What of an export is a span, whoever wrote it."""

import base64

import pytest
from tests.local.spans_in_files import ORIGIN, exported, id_of

from callspan.viewer.otlp import spans_of


def read(export):
    refused = []
    return list(spans_of(export, refused.append)), refused


def the_span(**fields):
    (span,), refused = read(exported("a", **fields))
    assert refused == []
    return span


def test_times_may_be_texts_or_numbers():
    assert the_span(startTimeUnixNano=ORIGIN).start == the_span(startTimeUnixNano=str(ORIGIN)).start == ORIGIN


@pytest.mark.parametrize("end", [None, 0, "0"])
def test_a_span_without_an_end_has_none(end):
    assert the_span(endTimeUnixNano=end).end is None


def test_ids_may_be_of_hex_in_any_case_or_of_base64():
    trace, span = id_of("trace", 32), id_of("zzz")
    for write in (str.upper, lambda text: base64.b64encode(bytes.fromhex(text)).decode()):
        found = the_span(traceId=write(trace), spanId=write(span), parentSpanId=write(span))
        assert (found.trace_id, found.span_id, found.parent_id) == (trace, span, span)


@pytest.mark.parametrize("parent", [None, "", "0" * 16])
def test_a_root_has_no_parent_however_that_is_written(parent):
    assert the_span(parentSpanId=parent).parent_id is None


@pytest.mark.parametrize("code", [2, "STATUS_CODE_ERROR"])
def test_a_status_may_be_a_number_or_a_name(code):
    found = the_span(status={"code": code, "message": "it failed"})
    assert (found.failed, found.message) == (True, "it failed")
    assert not the_span(status={"code": 1}).failed


def test_flags_say_whether_the_parent_is_in_another_process():
    assert [the_span(flags=flags).is_remote for flags in (0, 0x101, 0x301, "769", None, "x")] == [
        *(False, False, True, True, False, False)
    ]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"traceId": "xyz"}, "'traceId' is not 32 hex digits"),
        ({"spanId": 7}, "'spanId' is not a text"),
        ({"spanId": None}, "'spanId' is not 16 hex digits"),
        ({"parentSpanId": "äöü"}, "'parentSpanId' is not 16 hex digits"),
        ({"startTimeUnixNano": "yesterday"}, "'startTimeUnixNano' is no time"),
        ({"endTimeUnixNano": -1}, "'endTimeUnixNano' is no time"),
        ({"endTimeUnixNano": 2**63}, "'endTimeUnixNano' is no time"),
        ({"endTimeUnixNano": "9" * 100}, "'endTimeUnixNano' is no time"),
        ({"endTimeUnixNano": [1]}, "'endTimeUnixNano' is no time"),
        ({"attributes": "none"}, "'attributes' is not a list of objects"),
        ({"events": [1]}, "'events' is not a list of objects"),
        ({"links": [{"traceId": "", "spanId": ""}]}, "'traceId' is not 32 hex digits"),
        ({"name": {}}, None),
        ({"name": ["a"]}, "'name' is not a text"),
    ],
)
def test_what_is_no_span_is_refused_with_the_reason(fields, why):
    spans, refused = read(exported("a", **fields))
    assert refused == ([] if why is None else [why])
    assert len(spans) == (why is None)


@pytest.mark.parametrize("export", [None, [], 1, "x", {}, {"resourceLogs": []}])
def test_what_is_no_export_is_refused(export):
    assert read(export) == ([], ["no export of spans: it has no 'resourceSpans'"])


@pytest.mark.parametrize(
    "export",
    [
        {"resourceSpans": 7},
        {"resourceSpans": [7]},
        {"resourceSpans": [{"scopeSpans": "x"}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [None]}]}]},
    ],
)
def test_what_stands_where_objects_should_is_refused(export):
    spans, refused = read(export)
    assert (spans, len(refused)) == ([], 1)
    assert "no object" in refused[0]


def test_a_strange_resource_or_scope_costs_no_span():
    export = exported("a", "b")
    export["resourceSpans"][0]["resource"] = {"attributes": 7}
    export["resourceSpans"][0]["scopeSpans"][0]["scope"] = {"name": 7}
    assert [(span.name, span.service, span.scope) for span in read(export)[0]] == [("a", None, ""), ("b", None, "")]


def test_names_can_be_written_as_utf_8():
    assert the_span(name="a\ud800b").name == "a?b"
