"""What was said in the demo's run, and in one that is hard to show, as the real MLflow tells it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.viewers.conftest import HARD, NOTE_2, QUESTION, Send
from tests.viewers.viewers import MLflow, Shown, named, tree

TREE = """\
invoke_agent research_agent [AGENT]
  node model [UNKNOWN]
    chat gpt-5-mini [CHAT_MODEL]
      POST [UNKNOWN]
  node tools [UNKNOWN]
    execute_tool search_notes [TOOL]
      retrieval [UNKNOWN]
        embeddings text-embedding-3-small [EMBEDDING]
          POST [UNKNOWN]
  node tools [UNKNOWN]
    execute_tool search_notes [TOOL]
      retrieval [UNKNOWN]
        embeddings text-embedding-3-small [EMBEDDING]
          POST [UNKNOWN]
  node model [UNKNOWN]
    chat gpt-5-mini [CHAT_MODEL]
      POST [UNKNOWN]
  node tools [UNKNOWN]
    execute_tool read_station [TOOL] !
    execute_tool read_station [TOOL]
  node model [UNKNOWN]
    chat gpt-5-mini [CHAT_MODEL]
      POST [UNKNOWN]
"""

HARD_TREE = """\
invoke_workflow finder [UNKNOWN]
  node look [UNKNOWN]
    retrieval [UNKNOWN]
    chat [CHAT_MODEL]
  node act [UNKNOWN]
    execute_tool measure [TOOL]
    chat [CHAT_MODEL]
"""

INPUTS, OUTPUTS, TOKENS = "mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.chat.tokenUsage"

Sent = tuple[str, list[Shown]]


@pytest.fixture(scope="module")
def sent(agent: Path, mlflow: MLflow, send: Send) -> Sent:
    """The id of the demo's trace, and the trace as MLflow shows it."""
    return send(mlflow, agent)


@pytest.fixture(scope="module")
def spans(sent: Sent) -> list[Shown]:
    """The demo's trace as MLflow shows it."""
    return sent[1]


@pytest.fixture(scope="module")
def sent_hard(mlflow: MLflow, send: Send) -> Sent:
    """The id of the trace that is hard to show, and the trace."""
    return send(mlflow, HARD)


@pytest.fixture(scope="module")
def hard(sent_hard: Sent) -> list[Shown]:
    """The trace that is hard to show."""
    return sent_hard[1]


def test_the_tree_has_mlflows_types(spans: list[Shown]) -> None:
    """Agents, models, tools and embeddings have MLflow's types, and the failed tool its status."""
    assert tree(spans) == TREE


def test_the_first_chat_is_shown_whole(spans: list[Shown]) -> None:
    """Model, provider, tokens, the messages that went in, and the tools that it called."""
    said = named(spans, "chat gpt-5-mini")[0].attributes
    assert said["mlflow.llm.provider"] == "openai"
    assert said["mlflow.llm.model"] == said["gen_ai.response.model"]
    assert said[TOKENS] == {
        "input_tokens": said["gen_ai.usage.input_tokens"],
        "output_tokens": said["gen_ai.usage.output_tokens"],
        "total_tokens": said["gen_ai.usage.input_tokens"] + said["gen_ai.usage.output_tokens"],
        "cache_read_input_tokens": said["gen_ai.usage.cache_read.input_tokens"],
    }
    assert _talk(said[INPUTS]) == [
        "system: You are a careful research assistant. Look things up before you answer; name the note.",
        f"user: {QUESTION}",
    ]
    [answer] = said[OUTPUTS]
    assert answer["finish_reason"] == "tool_calls"
    assert _talk([answer]) == [
        "assistant: search_notes(Greenland shark oldest years), search_notes(bowhead whale life years)"
    ]
    assert [part["id"] for part in answer["parts"]] == ["call_0_0", "call_0_1"]


def test_a_chat_has_the_tools_that_it_could_call(spans: list[Shown]) -> None:
    """Each tool's schema is there, under its name."""
    tools = named(spans, "chat gpt-5-mini")[0].attributes["mlflow.chat.tools"]
    assert [(tool["name"], list(tool["parameters"]["properties"])) for tool in tools] == [
        ("search_notes", ["query"]),
        ("read_station", ["station"]),
    ]


def test_the_last_chat_has_the_whole_conversation(spans: list[Shown]) -> None:
    """The answers of the tools stand in it with the calls that they answer."""
    said = named(spans, "chat gpt-5-mini")[2].attributes
    assert _talk(said[INPUTS])[2:] == [
        "assistant: search_notes(Greenland shark oldest years), search_notes(bowhead whale life years)",
        "tool: call_0_0 <- Note 1. Greenland shark: eye-lens radiocarbon puts the oldest at about 390 years.",
        f"tool: call_0_1 <- {NOTE_2}",
        "assistant: read_station(K7)",
        "tool: call_1_0 <- K7: 1.2 °C at 400 m",
    ]
    [answer] = _talk(said[OUTPUTS])
    assert answer.startswith("assistant: Greenland sharks reach about 390 years")


def test_a_tool_has_its_arguments_and_its_result(spans: list[Shown]) -> None:
    """Both attempts at the instrument have their argument; only the second one has a result."""
    failed, again = (span.attributes for span in named(spans, "execute_tool read_station"))
    assert failed[INPUTS] == again[INPUTS] == {"station": "K7"}
    assert OUTPUTS not in failed
    assert again[OUTPUTS] == "K7: 1.2 °C at 400 m"


def test_the_trace_is_listed_with_its_tokens_and_a_preview(sent: Sent, mlflow: MLflow) -> None:
    """The root's messages are the preview, as the JSON that they are; the tokens are the sum over the models."""
    trace_id, spans = sent
    listed = mlflow.listed(trace_id)
    assert listed["state"] == "OK"
    assert _talk(json.loads(listed["request_preview"])) == [f"user: {QUESTION}"]
    [answer] = _talk(json.loads(listed["response_preview"]))
    assert answer.endswith("The water at K7 is at 1.2 °C, 400 metres down.")
    used = [span.attributes[TOKENS] for span in spans if TOKENS in span.attributes]
    assert json.loads(listed["trace_metadata"]["mlflow.trace.tokenUsage"]) == {
        name: sum(one.get(name, 0) for one in used)
        for name in ("input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens")
    }


def test_what_is_hard_to_show_has_its_types(hard: list[Shown]) -> None:
    """Models and tools have types, a workflow, its nodes and a retriever have not."""
    assert tree(hard) == HARD_TREE


def test_an_answer_without_a_reason_is_shown(hard: list[Shown]) -> None:
    """All parts stand there, also one of no known type."""
    [answer] = named(hard, "chat")[0].attributes[OUTPUTS]
    assert [part["type"] for part in answer["parts"]] == ["reasoning", "text", "a block of tomorrow", "tool_call"]


def test_tokens_that_filled_a_cache_are_counted(hard: list[Shown]) -> None:
    """MLflow reads the conventions' name of them."""
    assert named(hard, "chat")[0].attributes[TOKENS] == {
        "input_tokens": 100,
        "output_tokens": 20,
        "total_tokens": 120,
        "cache_read_input_tokens": 30,
        "cache_creation_input_tokens": 40,
    }


def test_a_tools_object_is_shown_as_one(hard: list[Shown]) -> None:
    """Its result is no text."""
    [tool] = named(hard, "execute_tool measure")
    assert tool.attributes[OUTPUTS] == {"animal": "whale", "metres": 18.5}


def test_a_thread_is_a_session(sent_hard: Sent, mlflow: MLflow) -> None:
    """The trace is listed under it."""
    assert mlflow.listed(sent_hard[0])["trace_metadata"]["mlflow.trace.session"] == "thread-7"


def test_what_mlflow_does_not_show(hard: list[Shown]) -> None:
    """Not in the conventions' words: a retriever's query and documents, which are there as attributes only."""
    [retrieval] = named(hard, "retrieval")
    assert retrieval.attributes["gen_ai.retrieval.query.text"] == "whales"
    documents = retrieval.attributes["gen_ai.retrieval.documents"]
    assert [document["content"] for document in documents] == ["Whales sing.", "Sharks do not."]
    assert {INPUTS, OUTPUTS} & set(retrieval.attributes) == set()


def _talk(messages: list[dict[str, Any]]) -> list[str]:
    """Give a conversation as lines: who speaks, and what, which calls or which answer to a call."""
    return [f"{message['role']}: {', '.join(map(_part, message['parts']))}" for message in messages]


def _part(part: dict[str, Any]) -> str:
    if part["type"] == "tool_call":
        return f"{part['name']}({', '.join(part['arguments'].values())})"
    if part["type"] == "tool_call_response":
        return f"{part['id']} <- {part['response']}"
    return str(part["content"])
