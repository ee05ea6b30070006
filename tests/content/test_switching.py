"""What was said is written only where that is on; off, nobody even looks at it."""

from __future__ import annotations

import asyncio
import logging
import operator
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from tests.content.schemas import CONTENT

import callspan
from callspan.settings import CONTENTS, read_settings
from callspan.testing import record

VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def said(recording: Any) -> list[str]:
    """Give the names of the spans on which something that was said stands."""
    return sorted(span.name for span in recording.spans if set(span.attributes) & set(CONTENT))


def ask(_: Any = None) -> Any:
    return FakeListChatModel(responses=["a"]).invoke("q")


def test_by_default_nothing_that_was_said_is_written():
    with record() as recording:
        RunnableLambda(ask).with_config(run_name="f").invoke(1)
    assert said(recording) == []


@pytest.mark.parametrize(("mode", "on_spans", "events"), [
    ("no_content", [], 0), ("span_only", ["chat"], 0), ("event_only", [], 1), ("span_and_event", ["chat"], 1),
])  # fmt: skip
@pytest.mark.parametrize("way", ["keyword", "variable", "capitals", "block"])
def test_a_mode_says_where_it_is_written(mode, on_spans, events, way, monkeypatch):
    logs = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(logs))
    if way in ("variable", "capitals"):
        monkeypatch.setenv(VARIABLE, mode.upper() if way == "capitals" else mode)
    given = mode if way == "keyword" else None
    block = callspan.content(mode) if way == "block" else nullcontext()
    with record(content=given, logger_provider=provider) as recording, block:
        ask()
    assert said(recording) == on_spans
    assert len(logs.get_finished_logs()) == events


def test_a_block_switches_on_what_starts_in_it_and_nothing_else(recording):
    ask()
    with callspan.content("span_only"):
        RunnableLambda(ask).with_config(run_name="inside").invoke(1)
        with callspan.content("no_content"):
            RunnableLambda(ask).with_config(run_name="private").invoke(1)
    ask()
    assert said(recording) == ["chat", "invoke_workflow inside"]


def test_a_block_holds_in_tasks_and_threads_that_start_in_it(recording):
    async def main() -> None:
        with callspan.content("span_only"):
            inside = asyncio.create_task(RunnableLambda(ask).with_config(run_name="task").ainvoke(1))
            await asyncio.to_thread(RunnableLambda(ask).with_config(run_name="thread").invoke, 1)
        outside = asyncio.create_task(RunnableLambda(lambda x: x).with_config(run_name="later").ainvoke(1))
        await asyncio.gather(inside, outside)

    asyncio.run(main())
    assert said(recording) == ["chat", "chat", "invoke_workflow task", "invoke_workflow thread"]


def test_a_block_holds_in_langchains_own_threads_and_in_pools_with_its_context(recording):
    with callspan.content("span_only"), ThreadPoolExecutor(1) as pool:
        RunnableParallel(a=ask, b=ask).with_config(run_name="two").invoke(1)
        pool.submit(copy_context().run, ask).result()
    assert [name for name in said(recording) if name == "chat"] == ["chat"] * 3


def test_a_stream_belongs_to_the_block_it_was_begun_in(recording):
    model = FakeListChatModel(responses=["ab"])
    with callspan.content("span_only"):
        chunks = model.stream("q")
        next(chunks)
    list(chunks)
    assert said(recording) == ["chat"]


@pytest.mark.parametrize("mode", ["true", "on", "", None, True, 1])
def test_a_block_of_no_such_mode_raises(mode, recording):
    with pytest.raises(ValueError, match=r"content=.* is not allowed: no_content \| span_only"), callspan.content(mode):
        ask()
    assert recording.spans == []


WRONG = [
    ("content", VARIABLE, "true", " | ".join(CONTENTS)),
    ("content", VARIABLE, "1", " | ".join(CONTENTS)),
    ("content_limit", "CALLSPAN_CONTENT_LIMIT", "1023", "a number of bytes, at least 1024"),
    ("content_limit", "CALLSPAN_CONTENT_LIMIT", "64k", "a number of bytes, at least 1024"),
    ("redact", "CALLSPAN_REDACT", "everything", "secrets | all | none | module:function"),
    ("redact_keys", "CALLSPAN_REDACT_KEYS", "*", "keys, separated by commas"),
    ("redact_keys", "CALLSPAN_REDACT_KEYS", "a,,b", "keys, separated by commas"),
]


@pytest.mark.parametrize(("keyword", "variable", "value", "allowed"), WRONG)
def test_a_wrong_keyword_names_itself_its_value_and_what_is_allowed(keyword, variable, value, allowed):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole text is compared
        callspan.instrument(**{keyword: value})
    assert str(raised.value) == f"{keyword}={value!r} is not allowed: {allowed}"


@pytest.mark.may_log
@pytest.mark.parametrize(("keyword", "variable", "value", "allowed"), WRONG)
def test_a_wrong_variable_warns_and_the_default_holds(keyword, variable, value, allowed, monkeypatch, caplog):
    monkeypatch.setenv(variable, value)
    with caplog.at_level(logging.WARNING, "callspan"):
        settings = read_settings()
    assert getattr(settings, keyword) == getattr(read_settings(), keyword)
    text = f'callspan: {variable} is "{value}"; use {" or ".join(allowed.rsplit(" | ", 1))}. Using {DEFAULTS[keyword]}.'
    text = text.replace(" | ", ", ")
    assert {entry.getMessage() for entry in caplog.records} == {text}


DEFAULTS = {"content": "no_content", "content_limit": "65536", "redact": "secrets", "redact_keys": "none"}

NO_REDACTORS = {
    "no.such.module:redact": "ModuleNotFoundError: No module named 'no'",
    "math:pi": "it cannot be called",
    "math:nothing": "AttributeError: module 'math' has no attribute 'nothing'",
    "operator:neg": "it does not take (part, place)",
    "asyncio:wait_for": "it is async",
}


@pytest.mark.may_log
@pytest.mark.parametrize(("value", "why"), NO_REDACTORS.items())
def test_whoever_wants_a_redactor_that_cannot_be_had_does_not_get_less(value, why, monkeypatch, caplog):
    """Its own keyword raises; in the variable it warns, and everything is redacted."""
    allowed = "secrets | all | none | module:function"
    with pytest.raises(ValueError, match=re.escape(f"redact={value!r} is not allowed ({why}): {allowed}")):
        callspan.instrument(redact=value)
    monkeypatch.setenv("CALLSPAN_REDACT", value)
    with caplog.at_level(logging.WARNING, "callspan"):
        assert read_settings().redact == "all"
    said = f'callspan: CALLSPAN_REDACT is "{value}" ({why}); use secrets, all, none or module:function. Using all.'
    assert [entry.getMessage() for entry in caplog.records] == [said]


@pytest.mark.parametrize("name", ["tracer_provider", "meter_provider", "logger_provider"])
def test_what_is_no_provider_is_refused(name):
    with pytest.raises(ValueError, match=f"{name}=3 is not allowed: an OpenTelemetry provider, or None"):
        callspan.instrument(**{name: 3})


@pytest.mark.parametrize(
    ("keyword", "variable", "text", "value"),
    [
        ("content", VARIABLE, " Span_Only ", "span_only"),
        ("content_limit", "CALLSPAN_CONTENT_LIMIT", "1024", 1024),
        ("redact", "CALLSPAN_REDACT", "ALL", "all"),
        ("redact", "CALLSPAN_REDACT", "operator:getitem", operator.getitem),
        ("redact_keys", "CALLSPAN_REDACT_KEYS", "iban, pin", ("iban", "pin")),
        ("redact_keys", "CALLSPAN_REDACT_KEYS", "none", ()),
    ],
)
def test_a_variable_is_read(keyword, variable, text, value, monkeypatch):
    monkeypatch.setenv(variable, text)
    assert getattr(read_settings(), keyword) == value


class Private(Exception):
    """Somebody looked."""


_OURS = str(Path(callspan.__file__).parent)


def refuse_us() -> None:
    """Raise if the code that reads is callspan's: LangChain itself looks into what it hands on."""
    frame: Any = sys._getframe(2)
    if frame.f_code.co_filename.startswith(_OURS):
        raise Private(f"{frame.f_code.co_filename}, line {frame.f_lineno}")


class Unreadable(HumanMessage):
    """A message that we may not read."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("content", "content_blocks", "additional_kwargs", "tool_calls", "text", "name", "__dict__"):
            refuse_us()
        return super().__getattribute__(name)


class Closed(dict):
    """An object that we may not look into."""

    def __getitem__(self, key: Any) -> Any:
        refuse_us()
        return super().__getitem__(key)

    def __iter__(self) -> Any:
        refuse_us()
        return super().__iter__()

    def get(self, *args: Any) -> Any:
        refuse_us()
        return super().get(*args)

    def items(self) -> Any:
        refuse_us()
        return super().items()


class Silent(BaseChatModel):
    """Does not read what it is asked."""

    @property
    def _llm_type(self) -> str:
        return "silent"

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("x"))])


class Sealed(BaseRetriever):
    """Finds what nobody may read."""

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> Any:
        return [SealedDocument("x")]


class SealedDocument(Document):
    """A document that we may not read."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("page_content", "metadata"):
            refuse_us()
        return super().__getattribute__(name)


@tool
def give(x: int) -> Any:
    """Give something."""
    return Closed(x=1)


def read_nothing() -> None:
    Silent().invoke([Unreadable("secret")])
    Sealed().invoke("q")
    give.invoke({"x": 1})
    RunnableLambda(lambda x: RunnableLambda(lambda y: Closed(y=1)).invoke(x)).invoke(Closed(x=1))


def test_with_content_off_nothing_of_it_is_read(recording):
    read_nothing()
    assert [span.status.is_ok for span in recording.spans] == [True] * 5


def test_with_content_on_it_is():
    """What the test above shows is not that nobody could."""
    with record(content="span_only"), pytest.raises(Private):
        Silent().invoke([Unreadable("secret")])
