"""Structured output: the model says which schema was asked for, and the parser whether the answer could be read."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, ToolCall
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.output_parsers import JsonOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableLambda
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from callspan.testing import CallTools, OpenAIServer, Say
from callspan.testing import ToolCall as Scripted

SCHEMA, PARSED = "langchain.structured_output.schema", "langchain.structured_output.parsed"


class Weather(BaseModel):
    """How the weather is."""

    city: str
    degrees: int


class Model(BaseChatModel):
    """Answers with what it is given, by a tool's call."""

    answer: Any

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        calls = [] if self.answer is None else [ToolCall(name="Weather", args=self.answer, id="1")]
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=calls))])

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        given = "" if self.answer is None else json.dumps(self.answer)
        for piece in (given[:9], given[9:]) if given else ("",):
            call = tool_call_chunk(name="Weather" if piece == given[:9] else None, args=piece, id="1", index=0)
            message = AIMessageChunk("", tool_call_chunks=[call] if given else [])
            yield ChatGenerationChunk(message=message)

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=[convert_to_openai_tool(one) for one in tools], **kwargs)

    @property
    def _llm_type(self) -> str:
        return "model"


GOOD, BAD = {"city": "Ulm", "degrees": 7}, {"city": "Ulm"}

FORMS = {
    "invoke": lambda it: it.invoke("weather?"),
    "ainvoke": lambda it: asyncio.run(it.ainvoke("weather?")),
    "stream": lambda it: list(it.stream("weather?")),
}


def verdicts(recording: Any) -> list[str]:
    """Give a line for each span that says something of structured output, in the order of their starts."""
    spans = sorted(recording.spans, key=lambda span: span.start_time)
    return [
        f"{span.name.partition(' ')[0]} {span.attributes[SCHEMA]} {span.attributes.get(PARSED, '')}".strip()
        for span in spans
        if SCHEMA in span.attributes
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("raw", [False, True], ids=["parsed only", "with raw"])
@pytest.mark.parametrize(
    ("answer", "parsed"), [(GOOD, True), (BAD, False), (None, False)], ids=["good", "bad", "nothing"]
)
def test_the_parser_says_whether_it_was_parsed(answer, parsed, raw, form, recording):
    """Also where the failure is handed on as a value, and where there was nothing to parse."""
    structured = Model(answer=answer).with_structured_output(Weather, include_raw=raw)
    try:
        FORMS[form](structured)
    except Exception:
        assert (answer, raw) == (BAD, False)
    assert verdicts(recording) == ["chat Weather", f"chain Weather {parsed}"]


def test_a_schema_that_is_a_dict_has_its_name_too(recording):
    schema = convert_to_openai_tool(Weather)
    Model(answer=GOOD).with_structured_output(schema).invoke("weather?")
    assert verdicts(recording) == ["chat Weather", "chain Weather True"]


def test_each_call_has_its_own_verdict(recording):
    """In a chain of two, in a node or a function: a verdict is given once, on the parser next to the model."""

    def both(question: str) -> Any:
        Model(answer=GOOD).with_structured_output(Weather).invoke(question)
        return Model(answer=BAD).with_structured_output(Weather, include_raw=True).invoke(question)

    (RunnableLambda(both) | (lambda x: x["raw"].content or "{}") | JsonOutputParser()).invoke("weather?")
    assert verdicts(recording) == ["chat Weather", "chain Weather True", "chat Weather", "chain Weather False"]


def test_a_parser_after_a_model_that_was_asked_for_nothing_says_nothing(recording):
    (RunnableLambda(lambda x: AIMessage("{}")) | JsonOutputParser()).invoke("hi")
    assert verdicts(recording) == []


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # older langchain-openai's
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize("good", [True, False])
def test_with_openais_client(good, method, recording):
    """Its own parsers are functions, parsers of tools and of JSON."""
    langchain_openai = pytest.importorskip("langchain_openai", reason="needs langchain-openai")
    text = '{"city": "Ulm", "degrees": 7}' if good else '{"city": "Ulm"}'
    reply = CallTools(Scripted("Weather", GOOD if good else BAD)) if method == "function_calling" else Say(text)
    with OpenAIServer([reply]) as server:
        model = langchain_openai.ChatOpenAI(model="gpt", base_url=server.base_url, api_key="none", max_retries=0)
        structured = model.with_structured_output(Weather, method=method)
        try:
            structured.invoke("weather, as JSON?")
        except Exception:
            assert not good
    lines = verdicts(recording)
    assert lines[:1] == ["chat Weather"]
    if good or method != "json_schema":  # OpenAI's client refuses it itself, inside the model's run
        assert lines[1:] == [f"chain Weather {good}"]
