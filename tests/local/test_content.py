"""What was said in a span, in one shape, whoever wrote it and how."""

import json

import pytest
from tests.local.spans_in_files import span

from callspan.viewer.conversation import content_of
from callspan.viewer.otlp import Event

HELLO = {"role": "user", "parts": [{"type": "text", "content": "hello"}]}


def of(events=None, **told):
    names = {
        "inputs": "gen_ai.input.messages",
        "outputs": "gen_ai.output.messages",
        "tools": "gen_ai.tool.definitions",
        "system": "gen_ai.system_instructions",
        "args": "gen_ai.tool.call.arguments",
        "result": "gen_ai.tool.call.result",
        "query": "gen_ai.retrieval.query.text",
        "documents": "gen_ai.retrieval.documents",
    }
    return content_of(span("a", said={names.get(name, name): value for name, value in told.items()}, events=events))


@pytest.mark.parametrize("write", [json.dumps, lambda value: value], ids=["as JSON", "as a structure"])
def test_messages_may_be_a_text_of_json_or_a_structure(write):
    found = of(inputs=write([HELLO]), outputs=write([{"role": "assistant", "finish_reason": "stop", "parts": []}]))
    assert found.inputs == [HELLO]
    assert found.outputs == [{"role": "assistant", "parts": []}]


def test_instructions_are_the_first_message():
    found = of(system=json.dumps([{"type": "text", "content": "be kind"}]), inputs=json.dumps([HELLO]))
    assert found.inputs == [{"role": "system", "parts": [{"type": "text", "content": "be kind"}]}, HELLO]


def test_messages_may_stand_in_the_event_of_the_call():
    event = Event("gen_ai.client.inference.operation.details", 0, {"gen_ai.input.messages": [HELLO]})
    assert of([event]).inputs == [HELLO]


def test_messages_may_be_an_event_each():
    call = {"id": "1", "function": {"name": "search", "arguments": '{"q": "x"}'}}
    found = of(
        [
            Event("gen_ai.system.message", 0, {"content": "be kind"}),
            Event("gen_ai.user.message", 1, {"content": "hello"}),
            Event("gen_ai.assistant.message", 2, {"tool_calls": json.dumps([call])}),
            Event("gen_ai.tool.message", 3, {"id": "1", "content": "found"}),
            Event("gen_ai.choice", 4, {"message": json.dumps({"content": "hi"}), "index": 0}),
        ]
    )
    assert found.inputs == [
        {"role": "system", "parts": [{"type": "text", "content": "be kind"}]},
        HELLO,
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "search", "arguments": {"q": "x"}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "found"}]},
    ]
    assert found.outputs == [{"role": "assistant", "parts": [{"type": "text", "content": "hi"}]}]


def test_messages_may_stand_in_the_attributes_of_before():
    found = of(**{"gen_ai.prompt": json.dumps([HELLO]), "gen_ai.completion": "hi"})
    assert found.inputs == [HELLO]
    assert found.outputs == [{"role": "assistant", "parts": [{"type": "text", "content": "hi"}]}]


def test_messages_of_providers_are_understood():
    found = of(
        inputs=json.dumps([{"role": "user", "content": "hello"}, {"content": [{"type": "text", "text": "hello"}]}])
    )
    assert found.inputs == [HELLO, HELLO]


@pytest.mark.parametrize("told", ["[{cut", "just text"])
def test_what_is_no_json_is_shown_as_the_text_that_it_is(told):
    assert of(inputs=told).inputs == [{"role": "user", "parts": [{"type": "text", "content": told}]}]


def test_a_text_stays_a_text_wherever_it_stands():
    wrong = {"type": ["x"], "id": 7, "name": {"a": 1}, "content": None, "uri": False, "arguments": "{}"}
    (message,) = of(inputs=json.dumps([{"role": {"x": 1}, "name": 7, "parts": [wrong, 7, None]}])).inputs
    assert message["role"] == '{"x": 1}'
    assert message["parts"] == [
        {"arguments": "{}", "type": '["x"]', "id": "7", "name": '{"a": 1}', "uri": "false"},
        {"type": "text", "content": "7"},
        {"type": "text", "content": "null"},
    ]


def test_documents_have_an_id_and_what_else_has_its_type():
    told = [
        {"id": 7, "score": 0.5, "content": ["a"], "metadata": {"k": 1}},
        {"score": "high", "metadata": "x"},
        "no document",
    ]
    assert of(documents=json.dumps(told)).documents == [
        {"id": "7", "score": 0.5, "content": '["a"]', "metadata": {"k": 1}},
        {"id": ""},
    ]


def test_arguments_and_results_are_what_they_are():
    assert of(args='{"a": [1, 2.5, null, true]}').arguments == {"a": [1, 2.5, None, True]}
    assert of(result="plain text").result == "plain text"
    assert of(**{"langchain.run.inputs": '{"x": 1}', "langchain.run.outputs": "[2]"}).arguments == {"x": 1}


def test_nothing_said_is_nothing_known():
    found = of(**{"gen_ai.request.model": "m"})
    assert [getattr(found, name) for name in found.__slots__] == [None] * 7
