"""What was said in the demo's run, and in one that is hard to show, as the real Phoenix tells it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.viewers.conftest import HARD, NOTE_2, QUESTION, Send
from tests.viewers.viewers import Phoenix, Shown, named, tree

TREE = """\
invoke_agent research_agent [AGENT]
  node model [UNKNOWN]
    chat gpt-5-mini [LLM]
      POST [UNKNOWN]
  node tools [UNKNOWN]
    execute_tool search_notes [TOOL]
      retrieval [RETRIEVER]
        embeddings text-embedding-3-small [EMBEDDING]
          POST [UNKNOWN]
  node tools [UNKNOWN]
    execute_tool search_notes [TOOL]
      retrieval [RETRIEVER]
        embeddings text-embedding-3-small [EMBEDDING]
          POST [UNKNOWN]
  node model [UNKNOWN]
    chat gpt-5-mini [LLM]
      POST [UNKNOWN]
  node tools [UNKNOWN]
    execute_tool read_station [TOOL] !
    execute_tool read_station [TOOL]
  node model [UNKNOWN]
    chat gpt-5-mini [LLM]
      POST [UNKNOWN]
"""

HARD_TREE = """\
invoke_workflow finder [UNKNOWN]
  node look [UNKNOWN]
    retrieval [RETRIEVER]
    chat [LLM]
  node act [UNKNOWN]
    execute_tool measure [TOOL]
    chat [LLM]
"""


@pytest.fixture(scope="module")
def spans(agent: Path, phoenix: Phoenix, send: Send) -> list[Shown]:
    """The demo's trace as Phoenix shows it."""
    return send(phoenix, agent)[1]


@pytest.fixture(scope="module")
def hard(phoenix: Phoenix, send: Send) -> list[Shown]:
    """The trace that is hard to show."""
    return send(phoenix, HARD)[1]


def test_the_tree_has_phoenix_kinds(spans: list[Shown]) -> None:
    """Agents, models, tools, retrievers and embeddings have Phoenix's kinds, and the failed tool its status."""
    assert tree(spans) == TREE


def test_the_first_chat_is_shown_whole(spans: list[Shown]) -> None:
    """Model, tokens, the messages that went in, and the tools that it called."""
    said = named(spans, "chat gpt-5-mini")[0].attributes
    assert {
        key: value for key, value in said.items() if key.startswith("llm.") and not key.startswith("llm.tools")
    } == {
        "llm.provider": "openai",
        "llm.system": "openai",
        "llm.model_name": "gpt-5-mini",
        "llm.invocation_parameters": '{"stream": true}',
        "llm.finish_reason": "tool_calls",
        "llm.token_count.prompt": said["gen_ai.usage.input_tokens"],
        "llm.token_count.completion": said["gen_ai.usage.output_tokens"],
        "llm.token_count.total": said["gen_ai.usage.input_tokens"] + said["gen_ai.usage.output_tokens"],
        "llm.token_count.prompt_details.cache_read": said["gen_ai.usage.cache_read.input_tokens"],
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": (
            "You are a careful research assistant. Look things up before you answer; name the note."
        ),
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.content": QUESTION,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.finish_reason": "tool_calls",
        **_call(0, "search_notes", '{"query": "Greenland shark oldest years"}', "call_0_0"),
        **_call(1, "search_notes", '{"query": "bowhead whale life years"}', "call_0_1"),
    }


def test_a_chat_has_the_tools_that_it_could_call(spans: list[Shown]) -> None:
    """Each tool's schema is there, under its name."""
    said = named(spans, "chat gpt-5-mini")[0].attributes
    schemas = [json.loads(said[f"llm.tools.{place}.tool.json_schema"])["function"] for place in (0, 1)]
    assert [(schema["name"], list(schema["parameters"]["properties"])) for schema in schemas] == [
        ("search_notes", ["query"]),
        ("read_station", ["station"]),
    ]


def test_the_last_chat_has_the_whole_conversation(spans: list[Shown]) -> None:
    """The answers of the tools stand in it with the calls that they answer."""
    said = named(spans, "chat gpt-5-mini")[2].attributes
    assert _talk(said, "llm.input_messages")[2:] == [
        "assistant: calls call_0_0, call_0_1",
        "tool: call_0_0 <- Note 1. Greenland shark: eye-lens radiocarbon puts the oldest at about 390 years.",
        f"tool: call_0_1 <- {NOTE_2}",
        "assistant: calls call_1_0",
        "tool: call_1_0 <- K7: 1.2 °C at 400 m",
    ]
    [answer] = _talk(said, "llm.output_messages")
    assert answer.startswith("assistant: Greenland sharks reach about 390 years")


def test_a_tool_has_its_arguments_and_its_result(spans: list[Shown]) -> None:
    """Both attempts at the instrument have their argument; only the second one has a result."""
    failed, again = named(spans, "execute_tool read_station")
    assert failed.attributes["tool.parameters.station"] == again.attributes["tool.parameters.station"] == "K7"
    assert failed.attributes["tool.id"] == again.attributes["tool.id"] == "call_1_0"
    assert "output.value" not in failed.attributes
    assert again.attributes["output.value"] == "K7: 1.2 °C at 400 m"


def test_a_retriever_has_its_query_and_its_documents(spans: list[Shown]) -> None:
    """What was searched and what was found, in the order of the searches' texts."""
    found = {span.attributes["input.value"]: span.attributes for span in named(spans, "retrieval")}
    assert {query: said["retrieval.documents.0.document.content"][:7] for query, said in found.items()} == {
        "Greenland shark oldest years": "Note 1.",
        "bowhead whale life years": "Note 2.",
    }


def test_the_agent_has_the_question_and_the_answer(spans: list[Shown]) -> None:
    """The root's messages are the first input and the final output."""
    [root] = named(spans, "invoke_agent research_agent")
    assert _talk(root.attributes, "llm.input_messages") == [f"user: {QUESTION}"]
    [answer] = _talk(root.attributes, "llm.output_messages")
    assert answer.endswith("The water at K7 is at 1.2 °C, 400 metres down.")


def test_tokens_are_counted_once(spans: list[Shown], phoenix: Phoenix) -> None:
    """What Phoenix adds up for the agent is the sum over its chats, and no more."""
    said = [span.attributes for span in named(spans, "chat gpt-5-mini")]
    [root] = named(spans, "invoke_agent research_agent")
    edges = phoenix.graphql("spans(first: 1000) { edges { node { spanId cumulativeTokenCountTotal } } }")["spans"][
        "edges"
    ]
    counted = {edge["node"]["spanId"]: edge["node"]["cumulativeTokenCountTotal"] for edge in edges}
    assert counted[root.span_id] == sum(one["llm.token_count.total"] for one in said)


def test_what_is_hard_to_show_has_its_kinds(hard: list[Shown]) -> None:
    """A workflow and its nodes have no kind of Phoenix's, everything in them has."""
    assert tree(hard) == HARD_TREE


def test_an_answer_without_a_reason_is_shown(hard: list[Shown]) -> None:
    """Reasoning, text and calls stand there beside a block of no known type, which is passed over."""
    said = named(hard, "chat")[0].attributes
    shown = {
        key.removeprefix("llm.output_messages.0."): value for key, value in said.items() if key.startswith("llm.output")
    }
    assert shown == {
        "message.role": "assistant",
        "message.contents.0.message_content.type": "reasoning",
        "message.contents.0.message_content.text": "It may be a whale.",
        "message.contents.1.message_content.type": "text",
        "message.contents.1.message_content.text": "I measure it.",
        "message.tool_calls.0.tool_call.function.name": "measure",
        "message.tool_calls.0.tool_call.function.arguments": '{"animal": "whale"}',
        "message.tool_calls.0.tool_call.id": "call-1",
    }


def test_documents_without_ids_and_scores_are_shown(hard: list[Shown]) -> None:
    """None is dropped: each has a place for an id."""
    [retrieval] = named(hard, "retrieval")
    documents = {key: value for key, value in retrieval.attributes.items() if key.startswith("retrieval.documents")}
    contents = [value for key, value in documents.items() if key.endswith(".content")]
    assert contents == ["Whales sing.", "Sharks do not."]
    assert documents["retrieval.documents.1.document.metadata.page"] == 7


def test_a_tools_object_is_shown_as_json(hard: list[Shown]) -> None:
    """Phoenix knows that the result is JSON."""
    [tool] = named(hard, "execute_tool measure")
    assert json.loads(tool.attributes["output.value"]) == {"animal": "whale", "metres": 18.5}
    assert tool.attributes["output.mime_type"] == "application/json"


def test_a_thread_is_a_session(hard: list[Shown], phoenix: Phoenix) -> None:
    """Every span knows it, and Phoenix lists it."""
    assert {span.attributes["session.id"] for span in hard} == {"thread-7"}
    edges = phoenix.graphql("sessions(first: 10) { edges { node { sessionId numTraces } } }")["sessions"]["edges"]
    assert [edge["node"] for edge in edges] == [{"sessionId": "thread-7", "numTraces": 1}]


def test_what_phoenix_does_not_show(hard: list[Shown], phoenix: Phoenix) -> None:
    """Not in the conventions' words: a trace's preview, tokens that filled a cache; and data that is not written."""
    said = named(hard, "chat")[0].attributes
    assert said["gen_ai.usage.cache_write.input_tokens"] == 40
    assert "llm.token_count.prompt_details.cache_write" not in said
    picture = "llm.input_messages.0.message.contents.1.message_content.image.image.url"
    assert said[picture] == "data:image/png;base64,"
    edges = phoenix.graphql("sessions(first: 10) { edges { node { firstInput { value } } } }")["sessions"]["edges"]
    assert [edge["node"]["firstInput"] for edge in edges] == [None]


def _call(place: int, name: str, arguments: str, identity: str) -> dict[str, str]:
    prefix = f"llm.output_messages.0.message.tool_calls.{place}.tool_call"
    function = {f"{prefix}.function.name": name, f"{prefix}.function.arguments": arguments}
    return function | {f"{prefix}.id": identity}


def _talk(said: dict[str, Any], prefix: str) -> list[str]:
    """Give a conversation as lines: who speaks, and what, which calls or which answer to a call."""
    lines: list[str] = []
    while (role := said.get(f"{prefix}.{len(lines)}.message.role")) is not None:
        message = f"{prefix}.{len(lines)}.message"
        calls = [said[key] for key in sorted(said) if key.startswith(f"{message}.tool_calls") and key.endswith(".id")]
        answers = said.get(f"{message}.tool_call_id")
        text = said.get(f"{message}.content", "")
        lines.append(
            f"{role}: " + (f"calls {', '.join(calls)}" if calls else f"{answers} <- {text}" if answers else text)
        )
    return lines
