"""What a user gives a handler that does not fit: a guard does not open for it, and the others go on."""

from __future__ import annotations

import gc
import re
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


@pytest.mark.parametrize(
    "instead", ["no list", fails, later, Document("no message")], ids=["text", "fails", "later", "document"]
)
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


def none() -> bool:
    return True


WRONG: dict[str, tuple[Any, str]] = {
    "guard of a word": (lambda: callspan.Guard("rm"), "rules='rm'"),  # type: ignore[arg-type]
    "guard of a list": (lambda: callspan.Guard(["rm"]), "rules="),  # type: ignore[arg-type]
    "guard of nothing": (lambda: callspan.Guard({}), "rules="),
    "guard with a bad pattern": (lambda: callspan.Guard({"no brackets": "("}), "no brackets"),
    "guard with a pattern of bytes": (lambda: callspan.Guard({"cards": re.compile(b"a")}), "cards"),  # type: ignore[dict-item]
    "guard with a number": (lambda: callspan.Guard({"cards": 5}), "cards"),  # type: ignore[dict-item]
    "guard with none": (lambda: callspan.Guard({"cards": None}), "cards"),  # type: ignore[dict-item]
    "guard with a function of nothing": (lambda: callspan.Guard({"cards": none}), "cards"),  # type: ignore[dict-item]
    "guard with a number as name": (lambda: callspan.Guard({5: "a"}), "5"),  # type: ignore[dict-item]
    "guard of neither side": (lambda: callspan.Guard({"a": "a"}, inputs=False, outputs=False), "inputs=False"),
    "guard with an answer of nothing": (lambda: callspan.Guard({"a": "a"}, instead=none), "instead="),
    "guard of a kind": (lambda: callspan.Guard({"a": "a"}, kinds="model"), "kinds='model'"),
    "guard of names": (lambda: callspan.Guard({"a": "a"}, names=5), "names=5"),  # type: ignore[arg-type]
    "guard of tags": (lambda: callspan.Guard({"a": "a"}, tags=[5]), "tags="),  # type: ignore[list-item]
    "evaluate a dictionary": (lambda: callspan.Evaluate({"polite": none}), "polite="),  # type: ignore[arg-type]
    "evaluate a word": (lambda: callspan.Evaluate("polite"), "scorer='polite'"),  # type: ignore[arg-type]
    "evaluate a named word": (lambda: callspan.Evaluate(polite="yes"), "polite='yes'"),  # type: ignore[arg-type]
    "evaluate with a function of nothing": (lambda: callspan.Evaluate(none), "none"),  # type: ignore[arg-type]
    "evaluate two of one name": (lambda: callspan.Evaluate(lambda run: 1, lambda run: 2), "<lambda>"),
    "evaluate when": (lambda: callspan.Evaluate(lambda run: 1, when="ok"), "when='ok'"),  # type: ignore[arg-type]
    "approval of a word": (lambda: callspan.Approval("yes"), "ask='yes'"),  # type: ignore[arg-type]
    "approval of nothing": (lambda: callspan.Approval(none), "ask="),  # type: ignore[arg-type]
    "approval of tools": (lambda: callspan.Approval(bool, tools=5), "tools=5"),  # type: ignore[arg-type]
    "approval of tool objects": (lambda: callspan.Approval(bool, tools=[none]), "tools="),  # type: ignore[list-item]
    "approval when": (lambda: callspan.Approval(bool, when=True), "when=True"),  # type: ignore[arg-type]
    "listen to a word": (lambda: callspan.Listen("start"), "on_start='start'"),  # type: ignore[arg-type]
    "listen with a function of nothing": (lambda: callspan.Listen(on_end=none), "on_end="),  # type: ignore[arg-type]
    "listen to what is no hook": (lambda: callspan.Listen(on_finish=print), "on_finish"),  # type: ignore[call-arg]
    "listen to kinds": (lambda: callspan.Listen(print, kinds=5), "kinds=5"),  # type: ignore[arg-type]
    "forward a word": (lambda: callspan.Forward("otlp"), "'otlp'"),  # type: ignore[arg-type]
    "forward a class": (lambda: callspan.Forward(callspan.Callback), "Callback"),  # type: ignore[arg-type]
    "from a class of LangChain's": (lambda: callspan.FromLangChain(BaseRetriever), "BaseRetriever"),
    "usage keeps a word": (lambda: callspan.Usage(keep="many"), "keep='many'"),  # type: ignore[arg-type]
    "usage with a price": (lambda: callspan.Usage(prices=5), "prices=5"),  # type: ignore[arg-type]
    "budget of a word": (lambda: callspan.Budget(calls="3"), "calls='3'"),  # type: ignore[arg-type]
    "budget per a list": (lambda: callspan.Budget(calls=1, per=["root"]), "per="),  # type: ignore[arg-type]
    "budget with a price": (lambda: callspan.Budget(cost=1, prices={}), "prices="),  # type: ignore[arg-type]
    "collect keeps a word": (lambda: callspan.Collect(keep="all"), "keep='all'"),  # type: ignore[arg-type]
    "collect keeps a part": (lambda: callspan.Collect(keep=1.5), "keep=1.5"),  # type: ignore[arg-type]
    "latency of a word": (lambda: callspan.Latency(slowest="10"), "slowest='10'"),  # type: ignore[arg-type]
    "tokens of a word": (lambda: callspan.TokenStream(size="10"), "size='10'"),  # type: ignore[arg-type]
    "tokens with a patience": (lambda: callspan.TokenStream(patience=-1), "patience=-1"),
    "tokens of names": (lambda: callspan.TokenStream(names=5), "names=5"),  # type: ignore[arg-type]
    "recorder without a path": (lambda: callspan.Recorder(None), "path=None"),  # type: ignore[arg-type]
    "recorder of an empty path": (lambda: callspan.Recorder(""), "path=''"),
    "recorder of a size": (lambda: callspan.Recorder("a", max_bytes="1"), "max_bytes='1'"),  # type: ignore[arg-type]
    "recorder of kinds": (lambda: callspan.Recorder("a", kinds=None), "kinds=None"),  # type: ignore[arg-type]
    "console to a word": (lambda: callspan.Console("stderr"), "stream='stderr'"),  # type: ignore[arg-type]
    "logs to a number": (lambda: callspan.Logs(5), "5"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("mistake", WRONG)
def test_what_a_handler_cannot_use_is_refused_when_it_is_made(mistake: str) -> None:
    make, said = WRONG[mistake]
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        make()


def test_what_a_handler_can_use_is_taken(tmp_path: Path) -> None:
    callspan.Guard({"cards": r"\d{16}", "shouting": str.isupper, "made": re.compile("a"), "kind": bool})
    callspan.Guard({"a": "a"}, instead=lambda run: "no", names="one", tags={"a", "b"}, kinds=["chat"])
    callspan.Evaluate(lambda run: True, none=lambda run: 1.0, when=lambda run, more=1: True)
    callspan.Approval(later, tools={"delete"}, when=bool)
    callspan.Listen(print, on_end=[].append)
    callspan.Recorder(tmp_path / "log.jsonl", kinds=())
    callspan.TokenStream(patience=0.5, names=("one",))
    callspan.Latency(slowest=0, names=0)
