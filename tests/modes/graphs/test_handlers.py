"""Users' own callback handlers beside us: they hear what they hear without us, in the context of the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langgraph.cache.memory import InMemoryCache
from langgraph.types import CachePolicy

from callspan import uninstrument

Fn = Callable[..., Any]
State = dict[str, Any]


def _listener(base: type, heard: list[Any]) -> Any:
    """A handler that writes down every event, with the name of the run and that of its parent."""
    names: dict[Any, str] = {None: "-"}

    def started(self: Any, serialized: Any, *args: Any, **kwargs: Any) -> None:
        names[kwargs["run_id"]] = kwargs.get("name") or (serialized or {}).get("name") or "?"
        heard.append(("start", names[kwargs["run_id"]], names[kwargs.get("parent_run_id")]))

    def ended(self: Any, *args: Any, **kwargs: Any) -> None:
        heard.append(("end", names[kwargs["run_id"]], names[kwargs.get("parent_run_id")]))

    async def astarted(self: Any, *args: Any, **kwargs: Any) -> None:
        started(self, *args, **kwargs)

    async def aended(self: Any, *args: Any, **kwargs: Any) -> None:
        ended(self, *args, **kwargs)

    start, end = (astarted, aended) if base is AsyncCallbackHandler else (started, ended)
    methods = {f"on_{kind}_start": start for kind in ("chain", "chat_model")}
    methods |= {f"on_{kind}_{how}": end for kind in ("chain", "llm") for how in ("end", "error")}
    return type("Listener", (base,), {**methods, "run_inline": True})()


@pytest.mark.parametrize("base", [BaseCallbackHandler, AsyncCallbackHandler])
def test_events(base: type, call: Fn, line: Fn, step: Fn, chat: Any, tree: Fn) -> None:
    """Every event comes in the same order and with the same parents as without us."""

    def b(state: State) -> State:
        return {"trail": [chat.invoke("hello").content]}

    graph = line(step("a"), b)
    with_us: list[Any] = []
    call(graph, {"trail": []}, {"callbacks": [_listener(base, with_us)]})
    assert (
        tree()
        == """\
invoke_workflow
  node a
    http
  node b
    chat parrot
      http
"""
    )
    uninstrument()
    without: list[Any] = []
    call(graph, {"trail": []}, {"callbacks": [_listener(base, without)]})
    assert with_us == without
    assert len(without) == 8


def test_a_run_id_of_the_users_own(call: Fn, line: Fn, step: Fn, recording: Any) -> None:
    """A graph that is given a run id has it, and its nodes are its children."""
    run_id = uuid4()
    call(line(step("a")), {"trail": []}, {"run_id": run_id})

    assert recording.tree() == "invoke_workflow\n  node a\n    http\n"
    assert recording.named("invoke_workflow").attributes["langchain.run.id"] == str(run_id)


def test_a_node_from_the_cache(call: Fn, line: Fn, step: Fn, tree: Fn) -> None:
    """A node whose result is in LangGraph's cache does not run, and has no span."""
    graph = line(step("a"), options={"cache_policy": CachePolicy()}, cache=InMemoryCache())

    assert call(graph, {"trail": []}) == call(graph, {"trail": []}) == {"trail": ["a"]}
    assert tree() == "invoke_workflow\n  node a\n    http\ninvoke_workflow\n"
