"""How much of a graph gets a span, by `detail`: what is hidden passes its place on to what it calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

Fn = Callable[..., Any]
State = dict[str, Any]

ALL = """\
invoke_workflow
  node n
    chain polish
      http
    chat parrot
      http
"""

STEPS = """\
invoke_workflow
  node n
    chat parrot
      http
    http
"""

CALLS = """\
invoke_workflow
  chat parrot
    http
  http
"""


@pytest.mark.parametrize(
    ("recording", "expected"),
    [({"detail": "all"}, ALL), ({"detail": "steps"}, STEPS), ({"detail": "calls"}, CALLS)],
    indirect=["recording"],
    ids=["all", "steps", "calls"],
)
def test_detail(expected: str, call: Fn, line: Fn, chat: Any, http: Fn, tree: Fn) -> None:
    """Chains are hidden first, nodes next; graphs, models and tools never."""

    def polish(text: str) -> str:
        http()
        return text

    def n(state: State) -> State:
        return {"trail": [RunnableLambda(polish).invoke(chat.invoke("hello").content)]}

    call(line(n), {"trail": []})
    assert tree(sort=True) == expected
