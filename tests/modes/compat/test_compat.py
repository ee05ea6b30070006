"""`compat`: what spans say, once more in the words of readers that know other names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from callspan.core.compat import TABLES, translated
from callspan.settings import COMPAT, read_settings
from callspan.testing import record

CALL = ToolCall(name="look", args={"topic": "bears"}, id="c1", type="tool_call")
ASKED = [HumanMessage("bears?"), AIMessage("", tool_calls=[CALL]), ToolMessage("brown", tool_call_id="c1")]
ANSWER = AIMessage(
    "They are brown.",
    usage_metadata={
        "input_tokens": 11,
        "output_tokens": 4,
        "total_tokens": 15,
        "input_token_details": {"cache_read": 3, "cache_creation": 2},
        "output_token_details": {"reasoning": 1},
    },
    response_metadata={"model_name": "gpt-1", "finish_reason": "stop"},
)


@tool
def look(topic: str) -> str:
    """Look something up."""
    return "brown"


class Finder(BaseRetriever):
    """Finds one document."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("bears are brown", id="d1", metadata={"score": 0.5})]


def work(x: Any) -> Any:
    """Make one call of each kind."""
    look.invoke(CALL)
    Finder().invoke("bears?")
    embeddings = DeterministicFakeEmbedding(size=1)
    embeddings.embed_query("bears?")
    metadata = {"ls_provider": "azure", "ls_model_name": "gpt", "ls_temperature": 0.5}
    return FakeMessagesListChatModel(responses=[ANSWER], metadata=metadata).invoke(ASKED)


def said(dialect: str, content: str = "span_only") -> dict[str, dict[str, Any]]:
    """Give by the span's name what it says in these words, and in those of nobody else."""

    def run(**options: Any) -> dict[str, dict[str, Any]]:
        with record(content=content, **options) as recording:
            RunnableLambda(work).invoke(
                "bears?", {"run_name": "root", "tags": ["t1", "t2"], "metadata": {"thread_id": "th", "team": "zoo"}}
            )
        return {span.name: dict(span.attributes) for span in recording.spans}

    plain = run()
    return {
        name: {key: value for key, value in attributes.items() if key not in plain[name]}
        for name, attributes in run(compat=dialect).items()
    }


COUNTS = {
    "llm.token_count.prompt": 11,
    "llm.token_count.completion": 4,
    "llm.token_count.total": 15,
    "llm.token_count.prompt_details.cache_read": 3,
    "llm.token_count.prompt_details.cache_write": 2,
    "llm.token_count.completion_details.reasoning": 1,
}


def test_openinference():
    """Kinds for all, model and tokens of models, messages and documents one by one, the rest as values."""
    spans = said("openinference")
    assert {name: span["openinference.span.kind"] for name, span in spans.items()} == {
        "invoke_workflow root": "CHAIN",
        "execute_tool look": "TOOL",
        "retrieval": "RETRIEVER",
        "embeddings": "EMBEDDING",
        "chat gpt": "LLM",
    }
    chat = spans["chat gpt"]
    assert {name: chat[name] for name in COUNTS} == COUNTS
    assert (chat["llm.model_name"], json.loads(chat["llm.invocation_parameters"])) == ("gpt-1", {"temperature": 0.5})
    assert {name: value for name, value in chat.items() if "_messages." in name} == {
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "bears?",
        "llm.input_messages.1.message.role": "assistant",
        "llm.input_messages.1.message.tool_calls.0.tool_call.id": "c1",
        "llm.input_messages.1.message.tool_calls.0.tool_call.function.name": "look",
        "llm.input_messages.1.message.tool_calls.0.tool_call.function.arguments": '{"topic": "bears"}',
        "llm.input_messages.2.message.role": "tool",
        "llm.input_messages.2.message.tool_call_id": "c1",
        "llm.input_messages.2.message.content": "brown",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "They are brown.",
    }
    look_up = spans["execute_tool look"]
    assert (look_up["tool.name"], look_up["tool.id"]) == ("look", "c1")
    assert (json.loads(look_up["input.value"]), look_up["input.mime_type"]) == ({"topic": "bears"}, "application/json")
    found = spans["retrieval"]
    assert (found["input.value"], found["input.mime_type"]) == ("bears?", "text/plain")
    assert {name: value for name, value in found.items() if name.startswith("retrieval.")} == {
        "retrieval.documents.0.document.id": "d1",
        "retrieval.documents.0.document.score": 0.5,
        "retrieval.documents.0.document.content": "bears are brown",
    }
    root = spans["invoke_workflow root"]
    assert (root["session.id"], root["tag.tags"], root["metadata"]) == ("th", ("t1", "t2"), '{"team": "zoo"}')


def test_langsmith():
    """Run types, the thread, tags and metadata; what was said as one text each."""
    spans = said("langsmith")
    assert {name: span["langsmith.span.kind"] for name, span in spans.items()} == {
        "invoke_workflow root": "chain",
        "execute_tool look": "tool",
        "retrieval": "retriever",
        "embeddings": "embedding",
        "chat gpt": "llm",
    }
    chat = spans["chat gpt"]
    assert json.loads(chat.pop("gen_ai.prompt"))[0]["parts"][0]["content"] == "bears?"
    assert json.loads(chat.pop("gen_ai.completion"))[0]["parts"][0]["content"] == "They are brown."
    provider = chat.pop("gen_ai.system")
    assert provider.startswith("azure")
    root = spans["invoke_workflow root"]
    assert {name: value for name, value in root.items() if name.startswith("langsmith.")} == {
        "langsmith.span.kind": "chain",
        "langsmith.trace.session_id": "th",
        "langsmith.metadata.thread_id": "th",
        "langsmith.metadata.team": "zoo",
        "langsmith.span.tags": "t1, t2",
    }
    assert chat["gen_ai.usage.total_tokens"] == 15


def test_legacy():
    """The names that the conventions gave up, of models only."""
    spans = said("legacy")
    chat = spans.pop("chat gpt")
    assert json.loads(chat.pop("gen_ai.prompt"))[0]["role"] == "user"
    assert json.loads(chat.pop("gen_ai.completion"))[0]["role"] == "assistant"
    assert chat.pop("gen_ai.system").startswith("az.ai.")
    assert chat == {
        "gen_ai.usage.prompt_tokens": 11,
        "gen_ai.usage.completion_tokens": 4,
        "gen_ai.usage.total_tokens": 15,
        "gen_ai.usage.cache_creation.input_tokens": 2,
    }
    assert [name for name, span in spans.items() if any("usage" in key for key in span)] == []


@pytest.mark.parametrize("dialect", COMPAT)
@pytest.mark.parametrize("content", ["no_content", "event_only"])
def test_where_spans_have_no_content_there_is_none_in_other_words(content, dialect):
    assert "bears" not in str(said(dialect, content))


def test_what_was_redacted_stays_so():
    with record(content="span_only", redact="all", compat="openinference, langsmith, legacy") as recording:
        RunnableLambda(work).invoke("bears?")
    assert [span.name for span in recording.spans if "brown" in str(dict(span.attributes))] == []


def test_without_the_setting_nothing_is_said_twice():
    with record(content="span_only") as recording:
        RunnableLambda(work).invoke("bears?")
    theirs = ("openinference.", "llm.", "langsmith.", "gen_ai.system", "gen_ai.usage.prompt_tokens", "input.")
    assert [name for span in recording.spans for name in span.attributes if name.startswith(theirs)
            and name != "gen_ai.system_instructions"] == []  # fmt: skip


def test_what_is_sampled_out_costs_nothing():
    with record(compat="openinference", sampler=ALWAYS_OFF) as recording:
        RunnableLambda(work).invoke("bears?")
    assert recording.spans == []


def test_a_long_conversation_leaves_room_for_the_rest():
    messages = [{"role": "user", "parts": [{"type": "text", "content": str(number)}]} for number in range(99)]
    given = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(messages)}
    found = translated(given, ("openinference",))
    shown = [value for name, value in found.items() if name.endswith(".message.content")]
    assert shown == [str(number) for number in range(83, 99)]


@pytest.mark.parametrize(
    "broken", ["[", "[1, null]", '[{"parts": null}]', '[{"parts": [1]}]', '{"a": 1}', "text", '[{"role": null}]']
)
def test_what_cannot_be_read_is_left_out(broken):
    given = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": broken,
        "gen_ai.retrieval.documents": broken,
    }
    assert translated(given, COMPAT)["openinference.span.kind"] == "LLM"


def test_what_stands_there_already_is_left_alone():
    assert "session.id" not in translated({"session.id": "s", "gen_ai.conversation.id": "c"}, ("openinference",))


def test_each_allowed_word_has_a_table():
    assert tuple(TABLES) == COMPAT


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("legacy", ("legacy",)),
        ("openinference, legacy,openinference", ("openinference", "legacy")),
        (["langsmith"], ("langsmith",)),
        ("none", ()),
    ],
)
def test_it_is_one_word_or_several(given, read, monkeypatch):
    monkeypatch.delenv("CALLSPAN_COMPAT", raising=False)
    assert read_settings(compat=given).compat == read
    if isinstance(given, str):
        monkeypatch.setenv("CALLSPAN_COMPAT", given)
        assert read_settings().compat == read


@pytest.mark.parametrize("wrong", ["*", "phoenix", "legacy,", 7])
def test_any_other_word_is_refused(wrong):
    with pytest.raises(ValueError, match="compat="):
        read_settings(compat=wrong)
