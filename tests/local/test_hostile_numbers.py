"""Whatever stands in a file: numbers are made of what is sound, it is sent as it was, and nothing raises or hangs."""

import copy
import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.local.trace_lines import STARTED, agent, line, model, tool
from tests.pairs import examples

from callspan.viewer.otlp_http import Refused, as_protobuf
from callspan.viewer.read import Source, opened, read
from callspan.viewer.send import SendResult, batches_of, export_of, items_of
from callspan.viewer.stats import changes, shown_rows, stats_of
from callspan.viewer.stats_data import as_csv, as_json

GROUPS = ["model", "tool", "agent", "run"]
FUZZ = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(0, 1000),
    st.floats(),
    st.sampled_from(["NaN", "Infinity", "-1", "9" * 39, "1e400", 10**400, True, None, [], {}]),
)
texts = st.one_of(
    st.sampled_from(["chat", "execute_tool", "invoke_agent", "__proto__", "", "\ud800", "\x1b[2J", "x" * 5000, "=1+1"]),
    st.text(st.characters(codec=None), max_size=8),
)
values = st.one_of(
    st.builds(lambda kind, number: {kind: number}, st.sampled_from(["intValue", "doubleValue"]), numbers),
    st.builds(lambda text: {"stringValue": text}, texts),
    st.sampled_from(
        [{"boolValue": True}, {"arrayValue": {"values": [{"intValue": "1"}]}}, {}, None, 3, {"kvlistValue": 1}]
    ),
)
names = st.sampled_from(
    [
        *("gen_ai.operation.name", "langchain.run.type", "gen_ai.request.model", "gen_ai.response.model"),
        *(
            "gen_ai.provider.name",
            "gen_ai.tool.name",
            "gen_ai.agent.name",
            "gen_ai.workflow.name",
            "langchain.run.name",
        ),
        *("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.prompt_tokens", "gen_ai.usage.cost"),
        *("gen_ai.response.time_to_first_chunk", "langchain.cache.hit", "error.type", "langchain.run.outcome"),
        *("langgraph.node", "http.method", "openinference.span.kind", "langchain.run.attempt", "__proto__"),
    ]
)
ids = st.integers(0, 5)


@st.composite
def odd_spans(draw):
    """A span that is sound as a span, and odd in all else: its parents may be missing, itself, or in a ring."""
    began = draw(st.integers(0, 10**10))
    return {
        "traceId": f"{draw(st.integers(0, 2)):032x}",
        "spanId": f"{draw(ids):016x}",
        "parentSpanId": f"{draw(ids):016x}",
        "name": draw(st.one_of(texts, st.sampled_from(["chat m", "node x", "retrieval", "GET /"]))),
        "startTimeUnixNano": str(STARTED + began),
        "endTimeUnixNano": str(draw(st.sampled_from([0, STARTED - 1, STARTED + began, STARTED + 10**11, 2**63 - 1]))),
        "attributes": [{"key": key, "value": value} for key, value in draw(st.dictionaries(names, values)).items()],
        "status": draw(st.sampled_from([{}, {"code": 2}, {"code": "STATUS_CODE_ERROR"}, None])),
        "flags": draw(st.sampled_from([0, 0x300, 1])),
    }


SOUND = json.loads(line(agent(1), model(2, 1, gen_ai__usage__cost=0.5), tool(3, 1, failed=True)))


def paths_in(value, path=()):
    """All places in a structure."""
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in pairs:
        yield from paths_in(one, (*path, key))


@st.composite
def mutated(draw):
    """A real line in which something is something else."""
    found = copy.deepcopy(SOUND)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([one for one in paths_in(found) if one]))
        owner = found
        for key in path[:-1]:
            owner = owner[key]
        owner[path[-1]] = draw(st.one_of(numbers, texts, st.sampled_from([None, [], {}, [[]], [None], {"values": 1}])))
    return json.dumps(found).encode() + b"\n"


chunks = st.lists(
    st.one_of(
        mutated(),
        st.lists(odd_spans(), max_size=4).map(lambda spans: line(*spans).encode()),
        st.binary(max_size=40),
        st.just(b"\n"),
        st.just(line(tool(9)).encode()[:100]),
        st.just(b'{"resourceSpans":' + b"[" * 5000),
    ),
    max_size=5,
).map(b"".join)


def written(tmp_path, content):
    path = tmp_path / "trace.jsonl"
    path.write_bytes(content)
    return path


@FUZZ
@given(content=chunks)
@example(content=b"\x1f\x8bno gzip")
@example(content=b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": 1' + b"0" * 5000)
def test_numbers_are_made_of_any_file(tmp_path, content):
    found = stats_of([written(tmp_path, content)], lambda span, usage: 0.5)
    assert found.spans or found.source.skipped, "a file that says nothing is said to"
    rows = shown_rows(found, GROUPS, found)
    told = json.loads(as_json(found, rows, found, changes(found, found)), parse_constant=pytest.fail)
    assert told["spans"] == found.spans
    as_csv(rows, found).encode("utf-8")


@FUZZ
@given(content=chunks)
def test_what_is_sent_of_any_file_is_what_can_be_read_of_it(tmp_path, content):
    path = written(tmp_path, content)
    source = Source()
    try:
        known = [(span.trace_id, span.span_id) for span in read([path], source)]
    except OSError:
        return
    with opened(path) as stream:
        items = list(items_of(stream, str(path), SendResult()))
    sent = [span for batch in batches_of(items) for span in spans_of(json.loads(export_of(batch)))]
    assert [(span["traceId"], span["spanId"]) for span in sent] == known


def spans_of(export):
    return [span for one in export["resourceSpans"] for scope in one["scopeSpans"] for span in scope["spans"]]


@FUZZ
@given(content=mutated())
def test_protobuf_is_made_or_refused(content):
    pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason="needs the extra otlp")
    try:
        assert isinstance(as_protobuf(content.decode()), bytes)
    except Refused:
        pass
