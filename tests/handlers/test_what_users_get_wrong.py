"""What a user gives a handler that does not fit: a guard does not open for it, and the others go on."""

from __future__ import annotations

import gc
from datetime import date
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

import callspan
from callspan.handlers.line_file import LineFile
from callspan.testing import ScriptedChatModel


class Library(BaseRetriever):
    """Finds what it must not."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("secret out")]


def fails(run: Any) -> Any:
    raise RuntimeError


async def later(run: Any) -> Any:
    return []


@pytest.mark.parametrize("instead", ["no list", fails, later, Document("no message")], ids=str)
def test_a_guard_whose_answer_does_not_fit_stops_the_call(recording, instead):
    guard = callspan.Guard({"s": "secret"}, instead=instead, kinds=("retriever",))
    with callspan.callbacks(guard), pytest.raises(callspan.Stop):
        Library().invoke("my secret")
    assert [span.attributes["langchain.run.outcome"] for span in recording.spans] == ["stopped"]


class Unreadable:
    """Words that cannot be read."""

    @property
    def content(self) -> str:
        raise RuntimeError

    type = "human"


def test_a_guard_stops_what_it_cannot_read(recording):
    @tool
    def look(x: list[Any]) -> str:
        """Look."""
        return "looked"

    with callspan.callbacks(callspan.Guard({"s": "secret"})), pytest.raises(callspan.Stop):
        look.invoke({"x": ["secret", Unreadable()]})


@pytest.mark.may_log
def test_a_scorer_that_gives_no_score_costs_the_others_nothing(recording):
    evaluate = callspan.Evaluate(odd=lambda run: [1], huge=lambda run: 10**400, good=lambda run: 1.0)
    with callspan.callbacks(evaluate):
        RunnableLambda(lambda x: x).invoke(1)
    assert sorted(one.name for one in evaluate.results if one.score is not None) == ["good"]
    assert sorted(one.name for one in evaluate.results if one.score is None) == ["huge", "odd"]


@pytest.mark.parametrize("keep", [0, -5, "a"])
def test_a_budget_keeps_an_account_at_least(keep):
    with pytest.raises(ValueError, match="keep="):
        callspan.Budget(calls=1, keep=keep)


def test_what_the_cache_answers_is_no_call_of_a_budget(recording):
    budget = callspan.Budget(calls=2)
    model = FakeListChatModel(responses=["a"], cache=InMemoryCache())
    with callspan.callbacks(budget):
        for _ in range(4):
            model.invoke("the same")
    assert budget.left() == {"calls": 1}


@pytest.mark.may_log
def test_a_budget_of_cost_says_that_it_has_no_prices(recording, caplog):
    with callspan.callbacks(callspan.Budget(cost=1.0)):
        ScriptedChatModel("a").invoke("hi")
    assert [entry for entry in caplog.messages if "counts what has no price as nothing" in entry]


def test_a_message_with_odd_arguments_answers_a_stream_too(recording):
    call = {"name": "look", "args": {"day": date(2026, 1, 2)}, "id": "c1"}

    class Skip(callspan.Callback):
        def on_llm_start(self, run: Any) -> None:
            run.skip(AIMessage("", tool_calls=[call]))

    with callspan.callbacks(Skip()):
        [chunk, *_] = FakeListChatModel(responses=["a"]).stream("hi")
    assert chunk.tool_calls == [{**call, "args": {"day": "2026-01-02"}, "type": "tool_call"}]


def test_writers_that_begin_new_files_at_once_lose_no_line(tmp_path: Path):
    path = tmp_path / "log.jsonl"

    def write() -> None:
        own = LineFile(path, 2_000, 1_000)
        for number in range(200):
            own.write(b'{"line": %d}\n' % number)

    threads = [Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(one.read_bytes().splitlines()) for one in tmp_path.iterdir()) == 800


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no list of open files")
def test_a_file_that_nobody_writes_any_more_is_closed(tmp_path: Path):
    opened = Path("/proc/self/fd")
    before = len(list(opened.iterdir()))
    for number in range(10):
        LineFile(tmp_path / f"{number}.jsonl", 1000, 2).write(b"{}\n")
    gc.collect()
    assert len(list(opened.iterdir())) == before


def test_a_last_line_that_lacks_its_end_only_stays(tmp_path: Path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"mine": 1}')
    LineFile(path, 1000, 2).write(b"{}\n")
    assert path.read_text() == '{"mine": 1}\n{}\n'
