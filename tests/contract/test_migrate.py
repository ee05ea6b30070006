"""docs/migrate.md: what others call it, and what callspan calls it, compared with the tables of the code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from callspan import semconv
from callspan.core.compat import TABLES, translated

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/migrate.md").read_text(encoding="utf-8")
OTHERS = json.loads(Path(__file__).with_name("others_say.json").read_text(encoding="utf-8"))
"""What each wrote, when an agent with a tool, a retriever and a chain ran under it. The versions stand on the page."""

OURS = {value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}
COMPAT = {"OpenInference": "openinference", "LangSmith": "langsmith"}


def table(other: str) -> dict[str, tuple[list[str], str]]:
    """Give the rows of the table of another one's attributes: its name, our names, and the remark."""
    body = PAGE.partition(f"\n| {other} | callspan | |\n|---|---|---|\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines()]
    found = {theirs.strip("`"): (re.findall(r"`([^`]+)`", ours), remark) for theirs, ours, remark in rows}
    assert len(found) == len(rows) > 0
    return found


def translations() -> Iterator[tuple[str, str]]:
    for other, dialect in COMPAT.items():
        yield from ((other, name) for name, _ in TABLES[dialect])


@pytest.mark.parametrize("other", OTHERS)
def test_our_names_are_names_that_are_written(other):
    """No row names an attribute that callspan does not have."""
    for theirs, (ours, _) in table(other).items():
        for name in ours:
            family = name.removesuffix("*")
            assert name in OURS or (family != name and any(one.startswith(family) for one in OURS)), (theirs, name)


@pytest.mark.parametrize("other", OTHERS)
def test_nothing_that_the_other_writes_is_missing(other):
    """Each attribute has its row, or is the same here."""
    rows = table(other)
    families = tuple(name.removesuffix("*") for name in rows if name.endswith(".*"))
    missing = [name for name in OTHERS[other] if name not in rows and not name.startswith(families or ("-",))]
    assert set(missing) <= OURS


@pytest.mark.parametrize(("other", "theirs"), list(translations()))
def test_every_translation_has_its_row(other, theirs):
    """What `compat` writes stands in the table, made of what the table says: with it there is a value, else none."""
    ours, remark = table(other)[theirs]
    assert "not with `compat`" not in remark
    assert written(other, theirs, ours)
    if theirs not in ("openinference.span.kind",):  # which every span has
        assert not written(other, theirs, [])


@pytest.mark.parametrize("other", COMPAT)
def test_what_is_not_translated_is_said_so(other):
    """A row that `compat` knows nothing of says so, or there is nothing to say."""
    known = {name for name, _ in TABLES[COMPAT[other]]}
    for theirs, (ours, remark) in table(other).items():
        assert theirs in known or "not with `compat`" in remark or not ours, theirs


def written(other: str, theirs: str, ours: list[str]) -> bool:
    """Tell whether some kind of run that says what is ours says what is theirs."""
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}])
    samples = {
        semconv.INPUT_MESSAGES: messages,
        semconv.OUTPUT_MESSAGES: messages,
        semconv.DOCUMENTS: json.dumps([{"id": "1", "content": "hi"}]),
        semconv.RUN_TAGS: ("tag",),
    }
    said = {name.replace("{key}", "key"): samples.get(name, 1) for name in ours if not name.endswith(".*")}
    family = theirs.removesuffix("*")
    for operation in (semconv.CHAT, semconv.EMBEDDINGS, semconv.EXECUTE_TOOL, semconv.RETRIEVAL):
        got = translated({semconv.OPERATION: operation, **said}, (COMPAT[other],))
        # `session.id` is a name of both: what stands there already is left alone.
        if theirs in got or theirs in said or (family != theirs and any(name.startswith(family) for name in got)):
            return True
    return False


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # what older versions of the tracer call
def test_langsmiths_tracer_works_beside_callspan(recording):
    """The page says that it can stay: both see the same runs, and neither sees the other."""
    langsmith = pytest.importorskip("langsmith")
    from langchain_core.runnables import RunnableLambda
    from langchain_core.tracers import LangChainTracer

    client = MagicMock(spec=langsmith.Client, tracing_queue=None)
    chain = RunnableLambda(str.strip, name="tidy") | RunnableLambda(str.upper, name="shout")
    chain.invoke(" hi ", config={"callbacks": [LangChainTracer(client=client)], "run_name": "both"})
    assert [call.kwargs["name"] for call in client.create_run.call_args_list] == ["both", "tidy", "shout"]
    assert recording.tree() == "invoke_workflow both\n  chain tidy\n  chain shout\n"
