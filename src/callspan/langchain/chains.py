"""Chains, LangGraph's graphs, agents and nodes: how each is recognised and which attributes its span has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from opentelemetry.trace import SpanKind

from callspan import semconv
from callspan.core.operations import Kind
from callspan.core.run import Run
from callspan.core.text import name_without_ids, safe_name
from callspan.langchain.announcement import ALWAYS, Announcement
from callspan.langchain.said import CHAIN_ANSWERED, CHAIN_ASKED, NODE_ANSWERED, ROOT_ANSWERED, ROOT_ASKED

# Names that LangChain makes up from its own classes; a workflow has no name then.
_MADE_UP = re.compile(
    r"""Runnable[A-Z]\w*(<.*>)? | LangGraph | CompiledStateGraph | Pregel | StateGraph
      | LLMChain | AgentExecutor | ConversationChain | RetrievalQA\w* | TransformChain
      | (Simple)?SequentialChain | (Stuff|MapReduce|MapRerank|Refine|Reduce)DocumentsChain
      | Conversational\w*Chain | LLM\w+Chain | \w*RouterChain""",
    re.VERBOSE | re.DOTALL,
)


_STEPS = ("seq:step:", "map:key:")
_COMPOSED = ("RunnableBranch", "RunnableWithFallbacks")


@lru_cache(maxsize=512)
def _made_up(name: str) -> bool:
    return _MADE_UP.fullmatch(name) is not None


def given_name(said: Announcement) -> str | None:
    """Give the name of a chain or graph, unless LangChain made it up; without ids, as metrics have it too."""
    return None if _made_up(said.name) else name_without_ids(said.name)


def run_type(said: Announcement) -> str:
    """Give LangChain's type of a chain run: `chain`, `prompt`, `parser` or `llm`."""
    return str(said.extra.get("run_type") or "chain")


def is_step(run: Run, above: Run) -> bool:
    """Return whether LangChain itself reads this stream: as one of a sequence, beside others, or for the run above."""
    if type(above.subject).__name__ in _COMPOSED or above.name.startswith("RunnableAssign"):
        return True
    for tag in run.tags:  # noqa: SIM110 - a generator costs more than all the rest
        if type(tag) is str and tag.startswith(_STEPS):
            return True
    return False


CHAIN = Kind(
    name="chain",
    word="chain",
    span_kind=SpanKind.INTERNAL,
    depth=2,
    target=None,
    start=(*ALWAYS, (semconv.RUN_TYPE, run_type)),
    asked=CHAIN_ASKED,
    answered=CHAIN_ANSWERED,
)

WORKFLOW = replace(
    CHAIN,
    word=semconv.INVOKE_WORKFLOW,
    depth=0,
    target=semconv.WORKFLOW_NAME,
    identity=(
        (semconv.OPERATION, semconv.INVOKE_WORKFLOW),
        (semconv.WORKFLOW_NAME, given_name),
    ),
    operation=semconv.INVOKE_WORKFLOW,
    asked=ROOT_ASKED,
    answered=ROOT_ANSWERED,
)


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


def is_resumed(run: Run) -> bool:
    """Tell whether a graph is told to go on: with an answer, or with nothing after a breakpoint."""
    given = run.inputs
    return given is None or (type(given).__name__ == "Command" and getattr(given, "resume", None) is not None)


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
