"""Runnables whose names have ids, as Guardrails' have, make spans of one name; the id stays in an attribute."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph
from tests.modes.models.calls import call

from callspan.core.text import name_without_ids
from callspan.testing import record

ID = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")


class GuardRunnable(Runnable[Any, Any]):
    """Runs as Guardrails' does: its name is its own id, unless it was given one."""

    def __init__(self, name: str) -> None:
        self.name = name

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return self._call_with_config(lambda given: given, input, config, run_type="parser")


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream", "batch", "abatch"])
def test_guards_have_one_name(form: str) -> None:
    chain = GuardRunnable(f"gr-{uuid4()}") | GuardRunnable(name := f"gr-{uuid4()}")
    with record() as recording:
        call(form, chain, ["hi"] if "batch" in form else "hi")
    spans = [span for span in recording.spans if span.name.startswith("chain")]

    assert [span.name for span in spans] == ["chain gr", "chain gr"]
    assert name in {(span.attributes or {})["langchain.run.name"] for span in spans}


def test_a_root_has_its_name_without_the_id_on_metrics_too() -> None:
    with record() as recording:
        RunnableLambda(str, name=f"job-{ID}").invoke(1)
    [span] = recording.spans

    assert (span.name, (span.attributes or {})["gen_ai.workflow.name"]) == ("invoke_workflow job", "job")
    assert (span.attributes or {})["langchain.run.name"] == f"job-{ID}"


def test_a_step_of_a_graph_too() -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("check", RunnableLambda(lambda state: state) | GuardRunnable(f"guard_{ID.hex}"))
    graph.add_edge(START, "check")
    with record() as recording:
        graph.compile().invoke({"messages": []})

    assert "chain guard" in {span.name for span in recording.spans}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (f"gr-{ID}", "gr"),
        (f"gr-{ID.hex}", "gr"),
        (f"check:{ID}:answer", "check:answer"),
        ("guard_1a2b3c4d5e6f", "guard"),
        ("guard-140231231231", "guard"),
        ("<Foo object at 0x7f1234567890>", "<Foo object at>"),
        (str(ID), None),
        ("step-20261130", "step-20261130"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20250929"),
        ("RunnableParallel<a,b>", "RunnableParallel<a,b>"),
        ("my_decade2020", "my_decade2020"),
        ("the_facade", "the_facade"),
        ("", None),
        (None, None),
    ],
)
def test_what_is_an_id_and_what_is_a_name(name: Any, shown: str | None) -> None:
    assert name_without_ids(name) == shown
