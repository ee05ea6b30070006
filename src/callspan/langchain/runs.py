"""What LangChain reports when a run starts, and the attributes that every span has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from opentelemetry.context import (
    _SUPPRESS_INSTRUMENTATION_KEY,  # pyright: ignore[reportPrivateUsage] - as every instrumentation does
    Context,
)
from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.capture.secret_keys import is_denied, is_secret
from callspan.capture.secret_values import REDACTED
from callspan.capture.secrets import SMALLEST_CARD, is_card
from callspan.core import identity, state
from callspan.core.keys import BAGGAGE, IDENTITY, RUN
from callspan.core.registry import OWNER, find
from callspan.core.run import Run
from callspan.core.spans import attempt, attribute_texts, safe_attributes
from callspan.core.text import NAME_LIMIT, safe_id, safe_name, short_texts
from callspan.langchain.configurable import CONVERSATION, inherited

NO_DICT: Mapping[str, Any] = {}
"""Stands for a description, or metadata, of which LangChain says None."""

_CONVERSATION = frozenset(CONVERSATION)

_NUMBER = 10**30
"""A number that is larger is no id."""

_METADATA_LIMIT = 64
"""How many entries of a run's metadata are written at most."""

# Metadata that has attributes of its own, or is LangChain's bookkeeping.
_SAID_ELSEWHERE = frozenset(
    {
        *("langgraph_step", "langgraph_node", "langgraph_triggers", "langgraph_path", "langgraph_checkpoint_ns"),
        *("langgraph_request_id", "checkpoint_ns", "checkpoint_id", "checkpoint_map", "run_attempt"),
        *("ls_provider", "ls_model_name", "ls_model_type", "ls_temperature", "ls_max_tokens", "ls_stop"),
        *("ls_retriever_name", "ls_vector_store_provider", "ls_embedding_provider", "ls_integration", "ls_method"),
        *("ls_message_format", "ls_agent_type", "lc_agent_name", "lc_versions", "versions"),
        *("data_source_id", "agent_description"),
    }
)

_NEVER_WRITTEN = _SAID_ELSEWHERE - {"langgraph_step"}

# Where OpenTelemetry's `suppress_instrumentation()` asks for no spans.
SUPPRESSED, ALSO_SUPPRESSED = _SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation"


def suppressed(current: Context) -> bool:
    """Return whether the user asked for no spans here."""
    return bool(current.get(SUPPRESSED) or current.get(ALSO_SUPPRESSED))


def run_from_manager(
    manager: Any, run_manager: Any, serialized: Any, inputs: Any, extra: Mapping[str, Any], fallback: str
) -> Run:
    """Return the run that a callback manager announced."""
    if type(serialized) is not dict:
        serialized = serialized if serialized is not None and isinstance(serialized, Mapping) else NO_DICT
    name: Any = extra.get("name")
    if name is None:
        name = serialized.get("name")
    if name is None:
        path = serialized.get("id")
        name = path[-1] if isinstance(path, (list, tuple)) and path else None
    if not isinstance(name, str) or (not name and name is not extra.get("name")):
        name = fallback
    return Run(
        run_manager.run_id,
        manager.parent_run_id,
        name,
        run_manager.metadata or NO_DICT,
        run_manager.tags or (),
        inputs,
        serialized,
        extra,
    )


def run_of(run_manager: Any) -> Run | None:
    """Return the open run of a run manager; a sync copy of an async one does not own its run."""
    owner = run_manager.__dict__.get(OWNER)
    run: Run | None = None if owner is None else getattr(owner, "run", None)
    return find(run_manager.run_id) if run is None else run


def inherit(run: Run, above: Run | None, current: Context, parent: Context) -> None:
    """Copy session, agent and conversation id from the parent run or the current context."""
    if above is None:
        run.top = True
        if IDENTITY in current or BAGGAGE in current or parent is not current:
            run.who = identity.of(current) or (None if parent is current else identity.of(parent))
            if run.who is not None and state.foreign_identity.prepare is not None:
                state.foreign_identity.prepare()
    else:
        here: Any = current.get(IDENTITY)
        if here is not None and parent is not current and not _is_opened_for(here, above, current):
            here = None
        run.who, run.agent, run.conversation = here or above.who, above.agent, above.conversation
        if above.given is not None:
            run.given = inherited(run.given, run.metadata, above.given, above.metadata)
    if run.given or run.who is not None or not _CONVERSATION.isdisjoint(run.metadata):
        run.conversation = _conversation(run, above)


def _is_opened_for(here: identity.Identity, above: Run, current: Context) -> bool:
    """Return whether a block was opened around this call, and not around the worker that does it for somebody else."""
    beside: Any = current.get(RUN)
    return (beside is None or here is not beside.who) and here.since > above.started


def _conversation(run: Run, above: Run | None) -> str | None:
    """Return the thread's id, else that of the session, else what the metadata says, else that of the run above."""
    inherited = None if above is None else above.conversation
    metadata = run.given.beside(run.metadata) if run.given else run.metadata
    if metadata and (thread := conversation_in(metadata, CONVERSATION[:1])) is not None:
        return thread
    if run.who is not None and run.who.session is not None:
        same = above is not None and above.who is run.who
        return inherited if same and inherited is not None else run.who.session
    return (conversation_in(metadata) if metadata else None) or inherited


def conversation_in(metadata: Mapping[str, Any], keys: Sequence[str] = CONVERSATION) -> str | None:
    """Return the id of the conversation, if the program says one; none is ever made up."""
    for key in keys:
        value = metadata.get(key)
        if isinstance(value, str) and value:
            return value
        if type(value) is int and abs(value) < _NUMBER:
            return str(value)
    return None


def checkpoint_ns(run: Run) -> Any:
    """Return the graph's checkpoint namespace around the run: `node:task|node:task`."""
    return run.metadata.get("langgraph_checkpoint_ns")


def task_id(run: Run) -> str | None:
    """Return the graph's task around the run, as in its checkpoints."""
    ns = checkpoint_ns(run)
    return ns.rpartition("|")[2].rpartition(":")[2] or None if isinstance(ns, str) else None


def tool_call_id(run: Run) -> str | None:
    """Return the id of the call that a tool answers; before core 1.2 only the tool's own frame has it."""
    call = run.extra.get("tool_call_id") or (run.arguments or NO_DICT).get("tool_call_id")
    return call if isinstance(call, str) and call else None


def _metadata_attributes(run: Run) -> dict[str, AttributeValue]:
    """Return where in a graph the run is, and the program's own metadata: single values only.

    Left out is what has attributes of its own, what is private, and what the settings leave out.
    """
    metadata, conversation = run.metadata, run.conversation
    private = run.given.private if run.given else ()
    wanted, denied = run.active.settings.metadata, run.active.denied
    found: dict[str, Any] = {}
    for key, value in metadata.items():
        if key in _SAID_ELSEWHERE or type(key) is not str or not isinstance(value, (str, bool, int, float)):
            continue
        if key in private or (wanted is not None and key not in wanted) or key.startswith("__"):
            continue
        if key in CONVERSATION and type(value) in (str, int) and str(value) == conversation:
            continue
        if len(found) < _METADATA_LIMIT:
            found[metadata_attribute(key)] = _safe(key, value, denied)
    if "langgraph_step" in metadata:
        found[semconv.GRAPH_STEP] = metadata["langgraph_step"]
        found[semconv.GRAPH_CHECKPOINT_NS] = checkpoint_ns(run)
        found[semconv.GRAPH_TASK_ID] = task_id(run)
    return safe_attributes(found) if found else found


def _safe(key: str, value: Any, denied: frozenset[str]) -> Any:
    """Return a value that is no secret by its key, nor a card; texts lose theirs when they are written."""
    if is_denied(key, denied) and is_secret(key, value):
        return REDACTED
    return REDACTED if type(value) is int and value > SMALLEST_CARD and is_card(str(value)) else value


def metadata_attribute(key: str) -> str:
    """Return the name of the attribute for a key of the metadata."""
    return f"{_METADATA}{safe_name(key) or ''}"


_METADATA = semconv.METADATA.removesuffix("{key}")


def base_attributes(run: Run) -> dict[str, AttributeValue]:
    """Return what a span says whatever its kind: id, name, tags, conversation, place in a graph, metadata."""
    name = run.name
    found: dict[str, AttributeValue] = {}
    if type(run.id) is UUID:
        found[semconv.RUN_ID] = str(run.id)
    elif (run_id := attempt("a run id", _text_id, run.id)) is not None:
        found[semconv.RUN_ID] = run_id
    if name:
        found[semconv.RUN_NAME] = short_texts[name] if len(name) <= NAME_LIMIT else safe_name(name) or ""
    if run.tags and (tags := attempt("the tags of a run", attribute_texts, run.tags)) is not None:
        found[semconv.RUN_TAGS] = tags
    if run.conversation is not None:
        found[semconv.CONVERSATION_ID] = safe_id(run.conversation)
    if run.metadata and not _NEVER_WRITTEN.issuperset(run.metadata):
        found.update(attempt("the metadata of a run", _metadata_attributes, run) or {})
    return found


def _text_id(run_id: Any) -> str | None:
    return safe_name(str(run_id))
