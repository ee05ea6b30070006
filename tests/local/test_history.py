"""What is new in a call: the rest of it was there the call before."""

import json

from tests.local.spans_in_files import id_of, model, span

from callspan.viewer.analyze import analyze
from callspan.viewer.page_data import page_data
from callspan.viewer.read import Source


def chat(name, texts, *where, answer=None, **more):
    said = {"gen_ai.input.messages": messages("user", texts), **more.pop("said", {})}
    if answer is not None:
        said["gen_ai.output.messages"] = messages("assistant", [answer])
    return model(name, *where, said=said, **more)


def messages(role, texts):
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]} for text in texts])


def befores(*spans):
    told = page_data(analyze(spans), Source())
    return {
        one["name"]: one.get("before") for trace in told["traces"] for one in trace["spans"] if one["kind"] == "llm"
    }


def test_the_call_before_began_with_the_same_two_messages():
    assert befores(
        *(span("root"), chat("one", ["s", "a"], 1, 2, "root"), chat("other", ["s", "x"], 2, 3, "root")),
        *(chat("two", ["s", "a", "b"], 3, 4, "root"), chat("three", ["s", "a", "b", "c"], 4, 5, "root")),
    ) == {"one": None, "other": 1, "two": 1, "three": 3}


def test_else_it_stood_beside_and_began_with_the_same_message():
    assert befores(
        *(span("root"), span("node", 0, 9, "root"), chat("one", ["s", "a"], 1, 2, "node")),
        *(chat("near", ["s", "b"], 3, 4, "node"), chat("far", ["s", "c"], 5, 6, "root")),
    ) == {"one": None, "near": 2, "far": None}


def test_a_conversation_goes_on_from_an_earlier_trace():
    thread = {"gen_ai.conversation.id": "thread"}
    assert befores(
        chat("monday", ["s", "a"], 0, 1, said=thread, trace="monday"),
        chat("tuesday", ["s", "a", "b"], 5, 6, said=thread, trace="tuesday"),
        chat("else", ["s", "a", "b"], 7, 8, trace="else"),
    ) == {"monday": None, "tuesday": [id_of("monday", 32), id_of("monday")], "else": None}
