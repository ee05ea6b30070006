"""What LangGraph's runs say: agents, workflows and nodes, and how each is recognised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from callspan import semconv
from callspan.core.operations import Kind
from callspan.core.text import safe_name
from callspan.langchain.announcement import Announcement
from callspan.langchain.chains import CHAIN, WORKFLOW, given_name
from callspan.langchain.said import NODE_ANSWERED

# A node that only these factories make, by the qualified name of its function.
_AGENT_NODES = {
    "model": "create_agent.<locals>.model_node",
    "agent": "create_react_agent.<locals>.call_model",
}


def is_graph(subject: object) -> bool:
    """Tell whether the object whose frame opened the run is a LangGraph graph."""
    cls: Any = type(subject)
    return _is_pregel(cls)


@lru_cache(maxsize=256)
def _is_pregel(cls: Any) -> bool:
    return any(base.__name__ == "Pregel" for base in cls.__mro__)


def is_agent(graph: Any) -> bool:
    """Tell whether `create_agent` or `create_react_agent` built this graph."""
    for name, made_by in _AGENT_NODES.items():
        node = graph.nodes.get(name)
        if node is not None and any(_is_function(step, made_by) for step in _steps(node.bound)):
            return True
    return False


def _steps(bound: Any) -> list[Any]:
    return [bound, *(getattr(bound, "steps", None) or ())]


def _is_function(step: Any, qualname: str) -> bool:
    function = getattr(step, "func", None) or getattr(step, "afunc", None)
    return getattr(function, "__qualname__", None) == qualname


def is_node(said: Announcement) -> bool:
    """Tell whether this is a node's own run; what it runs inherits its metadata, and a subgraph may bear its name."""
    node = said.metadata.get("langgraph_node")
    if not isinstance(node, str) or node != said.name:
        return False
    if any(str(tag).startswith("graph:step:") for tag in said.tags):
        return True
    path = said.metadata.get("langgraph_path")
    return isinstance(path, (tuple, list)) and len(path) > 1 and path[0] == "__pregel_push"


def own_metadata(said: Announcement, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata of a run inside a graph, as its own frame was given it.

    Tasks of the functional API share one callback manager, and each writes its metadata there. While LangChain's
    handlers hear of one, others write theirs.

    Args:
        said: The run.
        config: The config of its frame.
    """
    own = config.get("metadata")
    return {**said.metadata, **own} if own and "langgraph_node" in own else said.metadata


def _goto(output: Any) -> list[str] | None:
    """Read where a node sends the graph: names, or the nodes of `Send`s."""
    commands = output if isinstance(output, (list, tuple)) else (output,)
    found: list[str] = []
    for command in commands:
        if type(command).__name__ != "Command":
            continue
        targets: Any = command.goto if isinstance(command.goto, (list, tuple)) else (command.goto,)
        found += [target if isinstance(target, str) else str(target.node) for target in targets]
    return found or None


AGENT = replace(
    WORKFLOW,
    word=semconv.INVOKE_AGENT,
    target=semconv.AGENT_NAME,
    identity=(
        (semconv.OPERATION, semconv.INVOKE_AGENT),
        (semconv.AGENT_NAME, given_name),
    ),
    start=(
        *WORKFLOW.start,
        (semconv.AGENT_DESCRIPTION, lambda said: safe_name(said.metadata.get("agent_description"))),
    ),
    totals=True,
    operation=semconv.INVOKE_AGENT,
)

NODE: Kind = replace(
    CHAIN,
    word="node",
    depth=1,
    start=(
        *CHAIN.start,
        (semconv.GRAPH_NODE, lambda said: safe_name(said.metadata.get("langgraph_node"))),
        (semconv.GRAPH_TRIGGERS, lambda said: said.metadata.get("langgraph_triggers")),
        (semconv.GRAPH_CHECKPOINT_ID, lambda said: said.metadata.get("checkpoint_id")),
    ),
    end=((semconv.GRAPH_GOTO, _goto),),
    asked=(),
    answered=NODE_ANSWERED,
)
