"""`detail`: which runs get a span; what is hidden passes its children on."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda

pytest.importorskip("langgraph")
from langgraph.graph import END, START, StateGraph

STEPS = {"detail": "steps"}
CALLS = {"detail": "calls"}


@pytest.fixture
def chain(step: Any) -> Any:
    """A chain with a model two levels down."""
    model = FakeListChatModel(responses=["y"])
    return step("f") | {"a": RunnableLambda(lambda value: model, name="g")}


@pytest.mark.parametrize("recording", [STEPS, CALLS], indirect=True)
def test_plain_chains_are_hidden(way: Any, chain: Any, recording: Any) -> None:
    """Without plain chains the model and the body's own span hang under the nearest visible run: the root."""
    assert way.invoke(chain, "x")["a"].content == "y"
    assert (
        recording.tree()
        == """\
invoke_workflow
  http
  chat
"""
    )


@pytest.fixture
def graph(step: Any) -> Any:
    """A graph with one node, which calls a chain with a model."""
    model = FakeListChatModel(responses=["y"])
    inner = step("f") | model
    builder = StateGraph(dict)
    builder.add_node(
        "n",
        RunnableLambda(
            lambda state: {"said": inner.invoke("x").content},
            afunc=lambda state: inner.ainvoke("x"),
            name="n",
        ).with_types(input_type=dict)
        | RunnableLambda(lambda said: {"said": said["said"] if isinstance(said, dict) else said.content}, name="last"),
    )
    builder.add_edge(START, "n")
    builder.add_edge("n", END)
    return builder.compile(name="G")


@pytest.mark.parametrize(
    ("recording", "expected"),
    [
        (
            {},
            """\
invoke_workflow G
  node n
    chain n
      chain RunnableSequence
        chain f
          http
        chat
    chain last
""",
        ),
        (
            STEPS,
            """\
invoke_workflow G
  node n
    http
    chat
""",
        ),
        (
            CALLS,
            """\
invoke_workflow G
  http
  chat
""",
        ),
    ],
    indirect=["recording"],
    ids=["all", "steps", "calls"],
)
def test_nodes_are_steps(way: Any, graph: Any, recording: Any, expected: str) -> None:
    """`steps` keeps a graph's nodes, `calls` hides them too; what is hidden passes its children on."""
    assert way.invoke(graph, {"said": ""}) == {"said": "y"}
    assert recording.tree() == expected


@pytest.mark.parametrize("inherits", [True, False])
def test_hidden_by_its_tag(way: Any, inherits: bool, step: Any, recording: Any) -> None:
    """A run with the tag `langsmith:hidden` has no span, nor has what inherits the tag; the rest hangs higher up."""
    config = None if inherits else {"callbacks": [], "tags": []}
    hidden = RunnableLambda(
        lambda value: step("g").invoke(value, config),
        afunc=lambda value: step("g").ainvoke(value, config),
        name="hidden",
    ).with_config(tags=["langsmith:hidden"])
    assert way.invoke(step("f") | hidden, "x") == "xfg"
    below = "  http\n" if inherits else "  chain g\n    http\n"
    assert recording.tree() == f"invoke_workflow\n  chain f\n    http\n{below}"


def test_a_hidden_model(way: Any, step: Any, recording: Any) -> None:
    """A model that has the tag as its own is hidden, and the chain around it is not."""
    model = FakeListChatModel(responses=["y"], tags=["langsmith:hidden"])
    assert way.invoke(step("f") | model, "x").content == "y"
    assert recording.tree() == "invoke_workflow\n  chain f\n    http\n"


@pytest.mark.parametrize("recording", [{}, CALLS], indirect=True)
def test_a_root_is_never_hidden(way: Any, step: Any, recording: Any) -> None:
    """What has no run above it is seen, hidden by its tag or not: a trace needs a root."""
    assert way.invoke(step("f"), "x", {"tags": ["langsmith:hidden"]}) == "xf"
    assert recording.tree() == "invoke_workflow f\n  http\n"


@pytest.mark.parametrize("recording", [CALLS], indirect=True)
def test_an_error_in_a_hidden_run(way: Any, step: Any, recording: Any) -> None:
    """A hidden run that fails fails the visible one around it, which then bears the `exception` event."""
    with pytest.raises(ValueError, match="no"):
        way.invoke(step("f") | step("g", raises=ValueError("no")), "x")
    assert recording.tree() == "invoke_workflow !ValueError\n  http\n  http\n"


@pytest.mark.parametrize("recording", [CALLS], indirect=True)
def test_a_cancelled_hidden_run(step: Any, recording: Any) -> None:
    """A hidden run that is broken off ends like others."""
    with pytest.raises(KeyboardInterrupt):
        (step("f") | step("g", raises=KeyboardInterrupt())).invoke("x")
    assert recording.tree() == "invoke_workflow ~cancelled\n  http\n  http\n"
