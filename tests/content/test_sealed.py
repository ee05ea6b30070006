"""What only a provider can read is written nowhere, at no depth; what it stands beside is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from langgraph.types import Command
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import callspan
from callspan.testing import ScriptedChatModel, record

SEALED = "EqgfCioISealed" * 6
BESIDE = "it rains"

WITHIN: dict[str, Any] = {
    "anthropic, a result": {"type": "web_search_result", "title": BESIDE, "encrypted_content": SEALED},
    "anthropic, a citation": {"type": "text", "text": BESIDE, "citations": [{"encrypted_index": SEALED}]},
    "anthropic, a program": {
        "type": "code_execution_tool_result",
        "text": BESIDE,
        "content": {"encrypted_stdout": SEALED},
    },
    "anthropic, a thought": {"type": "thinking", "thinking": BESIDE, "signature": SEALED},
    "anthropic, a hidden thought": [BESIDE, {"type": "redacted_thinking", "data": SEALED}],
    "openai, a thought": {"type": "reasoning", "summary": [{"text": BESIDE}], "encrypted_content": SEALED},
    "openrouter, a thought": [BESIDE, {"type": "reasoning.encrypted", "data": SEALED, "id": "r1"}],
    "google, a part": {"text": BESIDE, "thought": True, "thoughtSignature": SEALED},
    "google, a call": {"name": BESIDE, "args": {}, "thought_signature": SEALED},
    "bedrock, a thought": {"reasoningContent": {"reasoningText": {"text": BESIDE, "signature": SEALED}}},
    "bedrock, a hidden thought": [BESIDE, {"reasoningContent": {"redactedContent": SEALED}}],
    "langchain, extras": {"type": "text", "text": BESIDE, "extras": {"signature": SEALED}},
}


@dataclass
class Found:
    """A program's own record of what a server's tool found."""

    encrypted_content: str
    title: str = BESIDE


class Shelf(BaseRetriever):
    """Finds one document."""

    kept: Any

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        return [Document(json.dumps(self.kept), metadata={"from": self.kept})]


def deep(block: Any) -> Any:
    return {"a": [{"b": {"c": [block]}}]}


def result(block: Any, run: Any) -> None:
    said = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [block]}
    run(ScriptedChatModel(lambda messages: AIMessage([said])), "x")


def history(block: Any, run: Any) -> None:
    said = [
        AIMessage([{"type": "new", "value": deep(block)}]),
        ToolMessage([deep(block)], tool_call_id="c1", artifact=block),
    ]
    run(ScriptedChatModel(lambda messages: AIMessage("x")), [HumanMessage("x"), *said])


def history_in_a_text(block: Any, run: Any) -> None:
    message = ToolMessage(json.dumps({"body": json.dumps(deep(block))}), tool_call_id="c1")
    run(ScriptedChatModel(lambda messages: AIMessage("x")), [HumanMessage(str(deep(block))), message])


def tool(block: Any, run: Any) -> None:
    run(StructuredTool.from_function(lambda x: {"found": deep(x)}, name="t", description="d"), {"x": block})


def tool_that_answers_with_a_text(block: Any, run: Any) -> None:
    run(StructuredTool.from_function(lambda x: json.dumps(deep(x)), name="t", description="d"), {"x": block})


def chain(block: Any, run: Any) -> None:
    run(RunnableLambda(lambda x: RunnableLambda(lambda y: Command(update=deep(y))).invoke(x)), deep(block))


def retriever(block: Any, run: Any) -> None:
    run(Shelf(kept=block), "x")


PLACES = (result, history, history_in_a_text, tool, tool_that_answers_with_a_text, chain, retriever)


def written(spans: Any) -> str:
    return "\n".join(str(span.attributes) + str([event.attributes for event in span.events]) for span in spans)


@pytest.mark.parametrize("block", WITHIN.values(), ids=WITHIN)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_it_is_left_out_at_every_depth(place, block, heard, run):
    place(block, run)
    said = written(heard)
    assert SEALED[:12] not in said
    assert BESIDE in said


@pytest.mark.may_log  # OpenTelemetry 1.41 takes no nested values in log records
@pytest.mark.parametrize("redact", ["secrets", "none", lambda part, place: part], ids=["secrets", "none", "function"])
def test_it_is_left_out_whatever_the_redaction_and_wherever_content_goes(redact, tmp_path):
    logs = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(logs))
    recorder = callspan.Recorder(tmp_path / "calls.jsonl")
    options: dict[str, Any] = {
        "redact": redact,
        "logger_provider": provider,
        "compat": ["openinference", "langsmith", "legacy"],
    }
    with record(content="span_and_event", callbacks=[recorder], **options) as spans:
        for block in WITHIN.values():
            result(block, lambda model, given: model.invoke(given))
            tool(block, lambda tool, given: tool.invoke(given))
    recorder.close()
    events = str([one.log_record.attributes for one in logs.get_finished_logs()])
    for said in (written(spans), events, (tmp_path / "calls.jsonl").read_text()):
        assert SEALED[:12] not in said
        assert BESIDE in said


def test_it_is_left_out_of_records_too(heard):
    RunnableLambda(lambda x: Found(SEALED)).invoke("x")
    assert SEALED not in written(heard)
    assert BESIDE in written(heard)


def test_a_signature_and_data_of_the_programs_own_stay(heard):
    mail = {"type": "mail", "signature": "Kind regards, Ada", "data": "on Monday", "extras": {"cc": "Bob"}}
    RunnableLambda(lambda x: mail).invoke(mail)
    assert all(word in written(heard) for word in ("Kind regards, Ada", "on Monday", "Bob"))
