"""What a span is, by what it says of itself."""

import pytest
from tests.local.spans_in_files import span

from callspan.viewer.trace import kind_of


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"gen_ai.operation.name": "chat", "langchain.run.type": "chain"}, "llm"),
        ({"gen_ai.operation.name": "generate_content"}, "llm"),
        ({"gen_ai.operation.name": "execute_tool"}, "tool"),
        ({"gen_ai.operation.name": "invoke_agent"}, "agent"),
        ({"gen_ai.operation.name": "invoke_workflow"}, "workflow"),
        ({"gen_ai.operation.name": "retrieval"}, "retriever"),
        ({"gen_ai.operation.name": "embeddings"}, "embedding"),
        ({"gen_ai.operation.name": ["chat"], "langchain.run.type": "tool"}, "tool"),
        ({"langchain.run.type": "llm"}, "llm"),
        ({"langchain.run.type": "parser"}, "chain"),
        ({"langchain.run.type": "reranker"}, "chain"),
        ({"langchain.run.type": "chain", "langgraph.node": "model"}, "node"),
        ({"http.request.method": "POST"}, "http"),
        ({"http.method": "POST"}, "http"),
        ({"openinference.span.kind": "RETRIEVER"}, "retriever"),
        ({"traceloop.span.kind": "task"}, "chain"),
        ({"openinference.span.kind": 7}, "other"),
        ({"db.system.name": "postgresql"}, "other"),
    ],
)
def test_attributes_say_what_a_span_is(said, kind):
    assert kind_of(span("a span", said=said)) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("chat gpt-5", "llm"),
        ("execute_tool search", "tool"),
        ("node plan", "node"),
        ("chain x", "chain"),
        ("chatter", "other"),
        ("", "other"),
    ],
)
def test_else_the_first_word_of_its_name_does(name, kind):
    assert kind_of(span("a", called=name)) == kind
