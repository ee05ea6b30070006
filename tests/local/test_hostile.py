"""Whatever stands in a file: nothing raises, nothing hangs, what cannot be read is said, and what is given is JSON."""

import json
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.local.spans_in_files import MS, ORIGIN, exported, id_of, line, said
from tests.pairs import examples

from callspan.viewer.analyze import analyze
from callspan.viewer.page_data import page_data
from callspan.viewer.read import Source, read

FUZZ = settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

HOSTILE = ["__proto__", "constructor", "\ud800", "NaN", "", "\u0000", "</script>", "9" * 400, "gen_ai.input.messages"]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(HOSTILE)
    | st.sampled_from([10**300, -(2**63), 2**64, 1e308, float("nan")])
)

ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.sampled_from(HOSTILE), inner, max_size=4)
    ),
    max_leaves=12,
)

FIELDS = [
    *(
        "traceId",
        "spanId",
        "parentSpanId",
        "name",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "attributes",
        "events",
        "links",
    ),
    *("status", "flags", "kind"),
]

CONTENT = [
    *("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions"),
    *(
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.retrieval.query.text",
        "gen_ai.retrieval.documents",
    ),
    *("langchain.run.inputs", "langgraph.interrupt.value", "langgraph.interrupt.id", "langgraph.resume.value"),
    *("gen_ai.usage.input_tokens", "gen_ai.usage.cost", "gen_ai.response.time_to_first_chunk", "langchain.run.attempt"),
    *("langchain.run.outcome", "langchain.asked_by", "langchain.retry_of", "error.type", "gen_ai.conversation.id"),
    *("gen_ai.operation.name", "langchain.run.type", "gen_ai.prompt", "openinference.span.kind", "langchain.cache.hit"),
]

IDS = st.sampled_from([id_of(name) for name in ("a", "b", "c", "d", "e")])


@pytest.fixture
def through(tmp_path):
    """Read a file's bytes, and give what the page would be given, checked."""

    def through(contents):
        path, source = tmp_path / "trace.jsonl", Source()
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode("utf-8", "surrogatepass"))
        data = page_data(analyze(read([path], source)), source)
        json.dumps(data, allow_nan=False, ensure_ascii=False).encode()
        check(data)
        assert data["source"]["spans"] or data["source"]["skipped"]
        return data

    return through


def check(data):
    """The types of the contract, and its order."""
    for message in data["messages"]:
        assert isinstance(message["role"], str)
        assert all(isinstance(part["type"], str) for part in message["parts"])
    for trace in data["traces"]:
        assert isinstance(trace["start"], int)
        for place, one in enumerate(trace["spans"]):
            assert -1 <= one["parent"] < place or (one["parent"], place) == (-1, 0)
            assert isinstance(one["name"], str)
            assert one["start"] >= 0
            assert one["dur"] is None or one["dur"] >= 0
            assert isinstance(one["attrs"], dict)
            assert all(0 <= number < len(data["messages"]) for number in [*one.get("in", ()), *one.get("out", ())])
            assert all(isinstance(document["id"], str) for document in one.get("documents", ()))
            assert isinstance(one.get("query", ""), str)
            assert isinstance(one.get("outcome", ""), str)


@FUZZ
@given(
    st.lists(
        st.binary(max_size=200) | st.sampled_from([line("a").encode(), b"{", b"[", b"\n", b"\x1f\x8b"]), max_size=6
    )
)
@example([b""])
@example([b"\x1f\x8b"])
@example([b'{"resourceSpans": [{"scopeSpans": [{"spans": [{}, {'])
def test_any_bytes(through, contents):
    through(b"".join(contents))


@FUZZ
@given(st.data())
def test_real_lines_with_damage(through, data):
    text = (line("a", "b") + line("c", parentSpanId=id_of("a"), attributes=said({"error.type": "x"}))).encode()
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 40))
    through(text[:at] + data.draw(st.binary(max_size=8)) + text[at + cut :])


@FUZZ
@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4), min_size=1, max_size=3))
def test_spans_whose_fields_have_any_type(through, fields):
    through("".join(line("a", "b", **one) for one in fields))


@FUZZ
@given(st.lists(st.tuples(st.sampled_from(CONTENT), ANYTHING), max_size=6), st.booleans())
def test_attributes_that_say_anything(through, told, is_event):
    attributes = [{"key": key, "value": {"stringValue": json.dumps(value)}} for key, value in told]
    event = [{"name": "gen_ai.client.inference.operation.details", "attributes": attributes}]
    through(line("a", **({"events": event} if is_event else {"attributes": attributes})))


@FUZZ
@given(st.lists(st.tuples(st.sampled_from(CONTENT), ANYTHING), max_size=6))
def test_structures_where_texts_are_usual(through, told):
    through(line("a", attributes=[{"key": key, "value": structured(value)} for key, value in told]))


def structured(value):
    """A value as OTLP JSON has it."""
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": key, "value": structured(one)} for key, one in value.items()]}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [structured(one) for one in value]}}
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return {} if value is None else {kinds[type(value)]: value}


@FUZZ
@given(st.lists(st.tuples(IDS, IDS | st.none(), st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=12))
def test_any_graph_of_parents_with_any_times(through, spans):
    data = through(
        "".join(
            line("a", spanId=one, parentSpanId=above, startTimeUnixNano=start * 10**6, endTimeUnixNano=stop * 10**6)
            for one, above, start, stop in spans
        )
    )
    (trace,) = data["traces"]
    shown = [one["id"] for one in trace["spans"]]
    assert len(shown) == len(set(shown))
    parents = {one: above for one, above, *_ in reversed(spans)}  # of a span that stands there twice the first counts
    assert set(shown) == {*parents, *filter(None, parents.values())}


@pytest.mark.parametrize(
    "contents",
    [
        *("[" * 2_000_000, '{"a":' * 500_000, '{"resourceSpans":[{"scopeSpans":[{"spans":[' + "[" * 1_000_000),
        *(
            '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"' + "x" * 20_000_000,
            '"' * 5_000_000,
            '"spans":[' * 300_000,
        ),
        *(
            '{\n"spans":[{"a":' * 50_000,
            "9" * 1_000_000,
            '{"resourceSpans":' + "9" * 1_000_000,
            "\n" * 1_000_000,
            "\x00" * 1_000_000,
        ),
        *(
            '{"resourceSpans":[{"scopeSpans":[{"spans":[' + "{}," * 500_000,
            '{\n"resource":{"a' * 100_000,
            "{\n" * 300_000,
        ),
    ],
    ids=lambda contents: repr(contents[:12] + contents[-12:]),
)
def test_files_that_are_made_to_hang(through, contents):
    begun = time.process_time()
    through(contents)
    assert time.process_time() - begun < 20


def test_a_very_deep_trace(through):
    names = [f"{number:08}" for number in range(5000)]
    data = through(
        "".join(line(name, parentSpanId=id_of(f"{int(name) - 1:08}") if int(name) else "") for name in names)
    )
    assert len(data["traces"][0]["spans"]) == 5000


def test_a_very_wide_trace(through):
    export = exported(
        *(f"{number:08}" for number in range(1, 20_000)), parentSpanId=id_of("root"), endTimeUnixNano=ORIGIN + 5 * MS
    )
    data = through(json.dumps(export) + "\n" + line("root"))
    assert data["traces"][0]["spans"][1]["beside"] == 19_999
