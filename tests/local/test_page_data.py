"""What the page is given, field by field."""

import json

import pytest
from tests.local.spans_in_files import MS, ORIGIN, id_of, model, span, tool

from callspan.viewer.analyze import analyze
from callspan.viewer.otlp import Event
from callspan.viewer.page_data import page_data
from callspan.viewer.read import Source

TRACE = id_of("trace", 32)


def shown(*spans, **source):
    return page_data(analyze(spans), Source(**source))


def only(one):
    ((found,),) = (trace["spans"] for trace in shown(one)["traces"])
    return found


def test_a_span_that_says_nothing_has_only_what_every_span_has():
    assert only(span("a", 0, 1.5)) == {
        "id": id_of("a"),
        "parent": -1,
        "kind": "other",
        "name": "a",
        "start": 0,
        "dur": 1500,
        "attrs": {},
        "path": [[0, 1500]],
    }


def test_a_trace_says_when_where_and_in_which_conversation_it_ran():
    (trace,) = shown(span("a", service="shop", said={"gen_ai.conversation.id": "thread"}))["traces"]
    del trace["spans"]
    assert trace == {"id": TRACE, "start": ORIGIN // MS, "service": "shop", "conversation": "thread"}


def test_a_call_of_a_model_has_its_messages_by_their_numbers():
    told = {
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]),
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [], "finish_reason": "stop"}]),
        "gen_ai.tool.definitions": json.dumps([{"name": "search"}]),
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.request.model": "m",
    }
    data = shown(span("root", 0, 20), model("chat", 0, 10, "root", said=told))
    call = data["traces"][0]["spans"][1]
    assert data["messages"] == [
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
        {"role": "assistant", "parts": []},
    ]
    assert (call["in"], call["out"], call["tools"]) == ([0], [1], [{"name": "search"}])
    assert (call["usage"], call["cost"], call["ttft"], call["parent"]) == ([5, 0, 0, 0, 2], None, 250_000, 0)
    assert "gen_ai.input.messages" not in call["attrs"]
    assert call["attrs"]["gen_ai.request.model"] == "m"


def test_a_tool_has_its_arguments_its_result_and_its_attempt():
    told = {"gen_ai.tool.call.arguments": '{"q": "x"}', "gen_ai.tool.call.result": "found", "langchain.run.attempt": 2}
    found = only(tool("search", said=told))
    assert (found["args"], found["result"], found["attempt"]) == ({"q": "x"}, "found", 2)


def test_a_retriever_has_its_query_and_its_documents():
    told = {"gen_ai.retrieval.query.text": "[x", "gen_ai.retrieval.documents": json.dumps([{"id": "1", "score": 0.5}])}
    found = only(span("a", said=told))
    assert (found["query"], found["documents"]) == ("[x", [{"id": "1", "score": 0.5}])


@pytest.mark.parametrize(
    ("documents", "scores"),
    [
        ([{"id": "1", "score": 0.0}, {"id": "2", "score": 0.0, "metadata": {}}], [None, None]),
        ([{"id": "1", "score": 0.0, "metadata": {"score": 0}}, {"id": "2", "score": 0.0}], [0.0, None]),
        ([{"id": "1", "score": 0.7, "metadata": {"relevance_score": 0.7}}, {"id": "2", "score": 0}], [0.7, None]),
        ([{"id": "1", "score": 0.7}, {"id": "2", "score": 0}], [0.7, 0]),  # of another instrumentation
    ],
    ids=["none given", "0 given", "one given", "given elsewhere"],
)
def test_a_document_has_a_score_only_where_its_retriever_gave_one(documents, scores):
    found = only(span("a", said={"gen_ai.retrieval.documents": json.dumps(documents)}))["documents"]
    assert [one.get("score") for one in found] == scores


@pytest.mark.parametrize(
    ("name", "said", "title"),
    [
        ("retrieval", {"gen_ai.operation.name": "retrieval", "langchain.run.name": "Wiki"}, "Wiki"),
        ("retrieval notes", {"gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": "notes"}, "notes"),
        ("invoke_workflow", {"gen_ai.operation.name": "invoke_workflow", "langchain.run.name": "Sequence"}, "Sequence"),
        ("execute_tool pay", {"gen_ai.operation.name": "execute_tool"}, "pay"),
        ("GET", {"http.request.method": "GET", "langchain.run.name": "x"}, None),
    ],
)
def test_the_title_of_a_span_is_the_name_of_what_it_called(name, said, title):
    assert only(span(name, said=said)).get("title") == title


def test_a_failure_has_its_rank_and_only_a_stack_that_is_known():
    stack = Event("exception", 0, {"exception.message": "no", "exception.stacktrace": "Traceback"})
    found = only(span("a", failed=True, said={"error.type": "ValueError"}, events=[stack]))
    assert (found["error"], found["rank"]) == ({"type": "ValueError", "message": "no", "stack": "Traceback"}, "origin")
    assert "events" not in found
    assert "stack" not in only(span("a", failed=True))["error"]


def test_events_stand_at_their_time_from_the_start_of_the_run():
    event = Event("langchain.retry", ORIGIN + 15 * MS, {"langchain.retry.attempt": 1})
    data = shown(span("root", 0, 20), span("a", 10, 20, "root", events=[event]))
    assert data["traces"][0]["spans"][1]["events"] == [
        {"name": "langchain.retry", "at": 15_000, "attrs": {"langchain.retry.attempt": 1}}
    ]


def test_a_pause_has_what_it_waits_for_and_its_resumption_what_it_went_on_with():
    asked = {"langgraph.interrupt.id": ["one", "two"], "langgraph.interrupt.value": '{"question": "Approve?"}'}
    found = only(
        span("a", said={"langchain.run.outcome": "paused"}, events=[Event("langgraph.interrupt", ORIGIN, asked)])
    )
    assert found["outcome"] == "paused"
    assert found["interrupt"] == {"id": "one", "value": {"question": "Approve?"}}
    assert "langgraph.interrupt.value" not in found["events"][0]["attrs"]
    answer = Event("langgraph.resume", ORIGIN, {"langgraph.resume.value": '{"ok": true}'})
    assert only(span("a", events=[answer]))["resume"] == {"ok": True}


def test_links_say_why_in_words():
    found = only(tool("a", links={"chat": "asked_by", "else": "something_new"}))
    assert found["links"] == [
        {"trace": TRACE, "span": id_of("chat"), "why": "asked by"},
        {"trace": TRACE, "span": id_of("else"), "why": "something new"},
    ]


def test_causes_are_known_where_a_store_lost_what_links_say_or_the_links():
    told = {"langchain.asked_by": id_of("chat"), "langchain.resumes": id_of("paused")}
    without_words = tool("a", said=told, links={"chat": ""})
    assert only(without_words)["links"] == [
        {"trace": TRACE, "span": id_of("chat"), "why": "asked by"},
        {"trace": "", "span": id_of("paused"), "why": "resumes"},
    ]


def test_what_was_read_and_what_was_left_out_is_said():
    source = Source(["a.jsonl"], lines=3, spans=1)
    source.skip("a.jsonl", 2, "no JSON")
    dropped = {"spans": 1, "bytes": 10, "why": "too much"}
    assert page_data([], source, dropped)["source"] == {
        "files": ["a.jsonl"],
        "spans": 1,
        "lines": 3,
        "dropped": dropped,
        "skipped": [{"line": 2, "why": "a.jsonl: no JSON"}],
    }


def test_more_faults_than_are_told_are_counted():
    source = Source()
    for number in range(300):
        source.skip("a", number, "no JSON")
    told = page_data([], source)["source"]
    assert (len(told["skipped"]), told["skips"]) == (100, 300)
