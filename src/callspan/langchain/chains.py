"""Chains, LangGraph's graphs, agents and nodes: how each is recognised and which attributes its span has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.core.operations import Operation
from callspan.core.run import Run
from callspan.core.spans import attribute_texts
from callspan.core.text import name_without_ids, safe_name
from callspan.langchain.content import CHAIN_ANSWERED, CHAIN_ASKED, NODE_ANSWERED, ROOT_ANSWERED, ROOT_ASKED
from callspan.langchain.runs import base_attributes

# Names that LangChain makes up from its own classes; a workflow has no name then.
_MADE_UP = re.compile(
    r"""Runnable[A-Z]\w*(<.*>)? | LangGraph | CompiledStateGraph | Pregel | StateGraph
      | LLMChain | AgentExecutor | ConversationChain | RetrievalQA\w* | TransformChain
      | (Simple)?SequentialChain | (Stuff|MapReduce|MapRerank|Refine|Reduce)DocumentsChain
      | Conversational\w*Chain | LLM\w+Chain | \w*RouterChain""",
    re.VERBOSE | re.DOTALL,
)

# The nodes that only `create_agent` and `create_react_agent` make, with the qualified names of their functions.
_AGENT_NODES = (
    ("model", "create_agent.<locals>.model_node"),
    ("agent", "create_react_agent.<locals>.call_model"),
)

_STEP_TAGS = ("seq:step:", "map:key:")
_COMPOSED = ("RunnableBranch", "RunnableWithFallbacks")


@lru_cache(maxsize=512)
def _is_made_up(name: str) -> bool:
    return _MADE_UP.fullmatch(name) is not None


def given_name(run: Run) -> str | None:
    """Return the name of a chain or graph without ids, as metrics have it too; None if LangChain made it up."""
    return None if _is_made_up(run.name) else name_without_ids(run.name)


def is_step(run: Run, above: Run) -> bool:
    """Return whether LangChain itself reads this stream: as one of a sequence, beside others, or for the run above."""
    if type(above.subject).__name__ in _COMPOSED or above.name.startswith("RunnableAssign"):
        return True
    return has_tag(run, _STEP_TAGS)


def has_tag(run: Run, beginning: str | tuple[str, ...]) -> bool:
    """Return whether one of the tags begins so."""
    for tag in run.tags:  # noqa: SIM110 - a generator costs more than all the rest
        if type(tag) is str and tag.startswith(beginning):
            return True
    return False


def is_graph(subject: object) -> bool:
    """Return whether the object whose frame opened the run is a LangGraph graph."""
    cls: Any = type(subject)
    return _is_pregel(cls)


@lru_cache(maxsize=256)
def _is_pregel(cls: Any) -> bool:
    return any(base.__name__ == "Pregel" for base in cls.__mro__)


def is_resumed(run: Run) -> bool:
    """Return whether a graph is to go on: with an answer, or with nothing after a breakpoint."""
    given = run.inputs
    return given is None or (type(given).__name__ == "Command" and getattr(given, "resume", None) is not None)


def is_agent(graph: Any) -> bool:
    """Return whether `create_agent` or `create_react_agent` built this graph."""
    for name, made_by in _AGENT_NODES:
        node = graph.nodes.get(name)
        bound = None if node is None else node.bound
        for step in (bound, *(getattr(bound, "steps", None) or ())):
            function = getattr(step, "func", None) or getattr(step, "afunc", None)
            if getattr(function, "__qualname__", None) == made_by:
                return True
    return False


def is_node(run: Run) -> bool:
    """Return whether this is a node's own run: what it runs has its metadata too, and a subgraph may have its name."""
    node = run.metadata.get("langgraph_node")
    if not isinstance(node, str) or node != run.name:
        return False
    if has_tag(run, "graph:step:"):
        return True
    path = run.metadata.get("langgraph_path")  # of a node that was sent its own input, with `Send`
    return isinstance(path, (tuple, list)) and len(path) > 1 and path[0] == "__pregel_push"


def own_metadata(run: Run, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata of a run inside a graph, with what the config of its own frame says.

    Tasks of the functional API share one callback manager, and each writes its metadata there. While LangChain's
    handlers receive one task's start, others write theirs.
    """
    own = config.get("metadata")
    return {**run.metadata, **own} if own and "langgraph_node" in own else run.metadata


# Attributes -------------------------------------------------------------------------------------------------------


def _chain_attributes(run: Run) -> dict[str, AttributeValue]:
    """Return the attributes of a chain that are known at its start."""
    found = base_attributes(run)
    run_type = run.extra.get("run_type")
    found[semconv.RUN_TYPE] = (safe_name(run_type) if type(run_type) is str else None) or "chain"
    return found


def _workflow_identity(run: Run) -> dict[str, AttributeValue]:
    """Return the attributes of a workflow that the sampler sees."""
    found: dict[str, AttributeValue] = {semconv.OPERATION: semconv.INVOKE_WORKFLOW}
    if not _is_made_up(run.name) and (name := name_without_ids(run.name)) is not None:
        found[semconv.WORKFLOW_NAME] = name
    return found


def _agent_identity(run: Run) -> dict[str, AttributeValue]:
    """Return the attributes of an agent that the sampler sees."""
    found: dict[str, AttributeValue] = {semconv.OPERATION: semconv.INVOKE_AGENT}
    if run.agent is not None:
        found[semconv.AGENT_NAME] = run.agent
    return found


def _agent_attributes(run: Run) -> dict[str, AttributeValue]:
    """Return the attributes of an agent that are known at its start."""
    found = _chain_attributes(run)
    description = run.metadata.get("agent_description")
    if type(description) is str and description:
        found[semconv.AGENT_DESCRIPTION] = safe_name(description) or ""
    return found


def _node_attributes(run: Run) -> dict[str, AttributeValue]:
    """Return the attributes of a graph's node that are known at its start."""
    found, metadata = _chain_attributes(run), run.metadata
    found[semconv.GRAPH_NODE] = found[semconv.RUN_NAME]
    triggers: Any = metadata.get("langgraph_triggers")
    if type(triggers) in (list, tuple) and (texts := attribute_texts(triggers)) is not None:
        found[semconv.GRAPH_TRIGGERS] = texts
    checkpoint = metadata.get("checkpoint_id")
    if type(checkpoint) is str and checkpoint:
        found[semconv.GRAPH_CHECKPOINT_ID] = safe_name(checkpoint) or ""
    return found


def _goto(output: Any) -> list[str] | None:
    """Return where a node sends the graph, or None: names, or the nodes of `Send`s."""
    if type(output) is dict:  # the update of nearly all nodes
        return None
    found: list[str] = []
    for command in output if isinstance(output, (list, tuple)) else (output,):
        if type(command).__name__ == "Command":
            targets: Any = command.goto if isinstance(command.goto, (list, tuple)) else (command.goto,)
            found += [target if isinstance(target, str) else str(target.node) for target in targets]
    return found or None


CHAIN = Operation(
    name="chain",
    span_prefix="chain",
    span_kind=SpanKind.INTERNAL,
    depth=2,
    target=None,
    start=(("*", _chain_attributes),),
    input_content=CHAIN_ASKED,
    output_content=CHAIN_ANSWERED,
)

WORKFLOW = replace(
    CHAIN,
    span_prefix=semconv.INVOKE_WORKFLOW,
    depth=0,
    target=semconv.WORKFLOW_NAME,
    identity=(("*", _workflow_identity),),
    operation=semconv.INVOKE_WORKFLOW,
    input_content=ROOT_ASKED,
    output_content=ROOT_ANSWERED,
)

AGENT = replace(
    WORKFLOW,
    span_prefix=semconv.INVOKE_AGENT,
    target=semconv.AGENT_NAME,
    identity=(("*", _agent_identity),),
    start=(("*", _agent_attributes),),
    totals=True,
    operation=semconv.INVOKE_AGENT,
)

NODE: Operation = replace(
    CHAIN,
    span_prefix="node",
    depth=1,
    start=(("*", _node_attributes),),
    end=((semconv.GRAPH_GOTO, _goto),),
    input_content=(),
    output_content=NODE_ANSWERED,
)
