"""Where runs start and end: LangChain's callback managers announce every one of them, in the caller's own context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.context import (
    _SUPPRESS_INSTRUMENTATION_KEY,  # pyright: ignore[reportPrivateUsage] - as every instrumentation does
    Context,
    attach,
    get_current,
)

from callspan import lease
from callspan.kinds import Kind
from callspan.langchain import others
from callspan.langchain.announcement import Announcement
from callspan.langchain.callers import is_closed_early
from callspan.langchain.chains import CHAIN, WORKFLOW, run_type
from callspan.langchain.graphs import AGENT, NODE, is_agent, is_graph, is_node
from callspan.langchain.models import CHAT, DECISION, TEXT_COMPLETION
from callspan.langchain.outcomes import outcome_of
from callspan.langchain.retrievers import RETRIEVER
from callspan.langchain.tools import TOOL
from callspan.run import CLOSED, PAUSED, RUN, WAITING, Run, find, place, start

HIDDEN_TAG = "langsmith:hidden"

Hook = Callable[..., None]


def suppressed(current: Context) -> bool:
    """Tell whether the user asked for no spans here (`suppress_instrumentation()`, by its two keys)."""
    return bool(current.get(_SUPPRESS_INSTRUMENTATION_KEY) or current.get("suppress_instrumentation"))


def kind_of_chain(said: Announcement) -> Kind:
    """Tell what kind of run this is among those that LangChain calls chains."""
    kind = run_type(said)
    if kind == "llm":
        return DECISION
    if said.subject is not None and is_graph(said.subject):
        return AGENT if is_agent(said.subject) else WORKFLOW
    if is_node(said):
        return NODE
    return WORKFLOW if said.top and kind == "chain" else CHAIN


def begin(said: Announcement, run_manager: Any, current: Context, classify: Callable[[Announcement], Kind]) -> Run:
    """Start the run that was announced, or give the one that was announced before.

    LangGraph's TracePolicy announces one run twice, on two managers that share one list of handlers.
    """
    if "langgraph_node" in said.metadata:
        before = find(said.run_id)
        if before is not None and before.announcement_key == said.key:
            return before
    parent = place(said.parent_id, current)
    said.top = RUN not in parent
    run = start(classify(said), said, parent, hidden=HIDDEN_TAG in said.tags)
    lease.take(run_manager, run)
    return run


def one_started(name: str, classify: Callable[[Announcement], Kind]) -> Hook:
    """Make the hook of a start method that announces one run."""

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any], run_manager: Any) -> None:
        current = get_current()
        if suppressed(current):
            return
        others.warn_of_others(type(args[0]))
        serialized, inputs = (
            _argument(args, kwargs, 1, "serialized"),
            _argument(args, kwargs, 2, _INPUTS[name]),
        )
        said = Announcement(args[0], run_manager, serialized, inputs, kwargs, name)
        waiting: Any = current.get(WAITING)
        if waiting is None or not waiting.expects(name):
            begin(said, run_manager, current, classify)
            return
        said.subject = waiting.subject
        waiting.adopt(begin(said, run_manager, current, classify), run_manager)

    return hook


def many_started(kind: Kind, inputs_name: str) -> Hook:
    """Make the hook of a start method that announces a run for each prompt: siblings, none inside another."""

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any], run_managers: Any) -> None:
        current = get_current()
        if suppressed(current):
            return
        others.warn_of_others(type(args[0]))
        serialized, inputs = _argument(args, kwargs, 1, "serialized"), _argument(args, kwargs, 2, inputs_name)
        waiting: Any = current.get(WAITING)
        if waiting is not None and not waiting.expects("llm"):
            waiting = None
        for run_manager, given in zip(run_managers, inputs, strict=False):
            said = Announcement(args[0], run_manager, serialized, given, kwargs, "llm")
            said.subject = None if waiting is None else waiting.subject
            run = begin(said, run_manager, current, lambda said: kind)
            if waiting is not None:
                waiting.adopt(run, run_manager)

    return hook


def ended(outputs_name: str) -> Hook:
    """Make the hook of an end method: it ends the run whose manager is told of its result."""

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        run = run_of(args[0])
        if run is not None:
            _finish(run, outputs=_argument(args, kwargs, 1, outputs_name), outcome=_outcome_of_result(run))

    return hook


def _finish(run: Run, **how: Any) -> None:
    """End the run, and leave its body where its frame goes on: users' handlers of the end are no part of it."""
    outside = run.outside
    run.end(**how)
    if outside is not None and get_current().get(RUN) is run:
        attach(outside)


def _outcome_of_result(run: Run) -> str | None:
    """Tell what a result means; None for what it says."""
    if run.paused and run.kind in (WORKFLOW, AGENT):
        return PAUSED  # an interrupt ends the nodes and subgraphs with an exception, the root graph with a result
    return CLOSED if run.kind.name == "chain" and is_closed_early() else None


def failed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """End the run whose manager is told of an exception, whether or not it is a failure."""
    run = run_of(args[0])
    if run is not None:
        error = _argument(args, kwargs, 1, "error")
        _finish(run, error=error, outcome=outcome_of(error))


def interrupted(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Note that a graph pauses: at a breakpoint nothing in it raises, so only LangGraph's own event tells."""
    run = find(_argument(args, kwargs, 1, "event").run_id)
    if run is not None:
        run.paused = True


def run_of(run_manager: Any) -> Run | None:
    """Give the open run of a run manager; a sync copy of an async one has no lease of its own."""
    return lease.leased(run_manager) or find(run_manager.run_id)


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str) -> Any:
    return args[position] if len(args) > position else kwargs.get(name)


_INPUTS = {"chain": "inputs", "tool": "input_str", "retriever": "query"}

STARTS: tuple[tuple[str, Hook], ...] = (
    ("on_chat_model_start", many_started(CHAT, "messages")),
    ("on_llm_start", many_started(TEXT_COMPLETION, "prompts")),
    ("on_chain_start", one_started("chain", kind_of_chain)),
    ("on_tool_start", one_started("tool", lambda said: TOOL)),
    ("on_retriever_start", one_started("retriever", lambda said: RETRIEVER)),
)
"""The methods of the callback managers that announce runs."""

ENDS = (
    ("LLM", "llm", "response"),
    ("Chain", "chain", "outputs"),
    ("Tool", "tool", "output"),
    ("Retriever", "retriever", "documents"),
)
"""The run managers, `CallbackManagerFor…Run`, the word in their methods, and the name of what ends report."""
