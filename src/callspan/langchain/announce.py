"""Where runs start and end: LangChain's callback managers announce every one of them, in the caller's own context."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from opentelemetry.context import Context

from callspan.core import state
from callspan.core.context import current as current_context
from callspan.core.context import put
from callspan.core.dispatch import Notification, notify_of_span, take_over_handlers
from callspan.core.keys import RUN, STARTING_RUN, WAITING_FRAME
from callspan.core.lifecycle import NOTHING, announce, end_interrupted, end_run, start_run
from callspan.core.operations import Operation, SpanLink, Subscriber
from callspan.core.registry import OWNER, RunOwner, find, note_stream, owned_run, parent_context
from callspan.core.run import CLOSED, ERROR, OK, PAUSED, SKIPPED, Run
from callspan.core.spans import attempt
from callspan.core.usage import MODEL_CALLS
from callspan.langchain import others, skip, streaming
from callspan.langchain.callers import close_steps, half_read
from callspan.langchain.chains import (
    AGENT,
    CHAIN,
    NODE,
    WORKFLOW,
    given_name,
    is_agent,
    is_graph,
    is_node,
    is_step,
    own_metadata,
)
from callspan.langchain.configurable import GIVEN, given_to
from callspan.langchain.failures import UNKNOWN_TOOL, error_of, given_up, outcome_of
from callspan.langchain.links import links_of, paused_graphs, remember_for_links
from callspan.langchain.models import CHAT, DECISION, TEXT_COMPLETION
from callspan.langchain.partial import note_failure
from callspan.langchain.pauses import add_pause_hooks, add_resume_hooks, outcome_of_run, write_pause
from callspan.langchain.requests import expect_schema, write_agent_parsed, write_parsed
from callspan.langchain.responses import answer, explain_missing_usage
from callspan.langchain.retrievers import RETRIEVER
from callspan.langchain.runs import ALSO_SUPPRESSED, SUPPRESSED, inherit, run_from_manager, run_of, suppressed
from callspan.langchain.tools import TOOL

HIDDEN_TAG = "langsmith:hidden"

Hook = Callable[..., Notification | None]


def kind_of_chain(run: Run) -> Operation:
    """Return the operation of a run among those that LangChain calls chains."""
    run_type = run.extra.get("run_type")
    if run_type == "llm":
        return DECISION
    if run.subject is not None and is_graph(run.subject):
        return AGENT if is_agent(run.subject) else WORKFLOW
    if "langgraph_node" in run.metadata and is_node(run):
        return NODE
    return WORKFLOW if run.top and (not run_type or run_type == "chain") else CHAIN


def _begin(
    run: Run, manager: Any, run_manager: Any, current: Context, kind: Operation | None, config: Any
) -> tuple[Run, list[Subscriber] | None]:
    """Start the run that was announced, or return the one that was announced before.

    LangGraph's TracePolicy announces one run twice, on two managers that share one list of handlers.

    Returns:
        The run, and whose hooks to call if not those of all subscribers.
    """
    if "langgraph_node" in run.metadata:
        run.key = id(manager.inheritable_handlers)
        before = find(run.id)
        if before is not None and before.key == run.key:
            before.inputs = run.inputs  # what the policy lets others see
            return before, _take_over(before, run_manager, manager, current)
    parent = current if run.parent_id is None else parent_context(run.parent_id, current)
    above: Any = parent.get(RUN)
    active = run.active = state.active()
    if above is None and not active.roots.are_checked:
        active.roots.are_checked = True
        others.warn_of_others(type(manager))
    known = manager.__dict__
    run.given = known[GIVEN] if GIVEN in known else given_to(run.metadata, config, is_root=above is None)
    if above is None and not current and not run.metadata and run.given is None:
        run.top = True
    else:
        inherit(run, above, current, parent)
    kind = kind_of_chain(run) if kind is None else kind
    if kind is AGENT:
        run.agent = given_name(run)
    causes: Sequence[SpanLink] = ()
    if (above is not None and above.rare is not None) or (
        run.subject is not None and (kind is TOOL or (paused_graphs and kind.calls is None))
    ):
        causes = attempt("the causes of a run", links_of, run, kind, above, parent) or ()
    owner = run_manager.__dict__[OWNER] = RunOwner()  # first, so that an interrupted run has an owner
    owner.run = run
    start_run(run, kind, parent, above=above, hidden=HIDDEN_TAG in run.tags, causes=causes, current=current)
    inputs = run.inputs
    if above is not None and type(inputs) is dict and len(inputs) == 1:
        given = inputs.get("input")
        if type(given) is str and not given:  # a stream is announced before it has any input
            note_stream(run, above, is_step=is_step(run, above))
    if manager.handlers:
        _take_over(run, run_manager, manager, parent)
    return run, None


def _take_over(run: Run, run_manager: Any, manager: Any, parent: Context) -> list[Subscriber]:
    """Subscribe the callbacks in LangChain's lists to the run; return those who were not subscribed before."""
    others.warn_of_handlers(manager.handlers, type(manager))
    lifted = take_over_handlers(run, run_manager, manager.handlers)
    if any(subscriber.callspan_spans for subscriber in lifted):
        notify_of_span(run, lifted, Context({**parent, STARTING_RUN: run}))
    return lifted


def one_started(name: str, inputs_name: str, kind: Operation | None) -> Hook:
    """Return the hook of a start method that announces one run; of chains each has its own operation."""

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any], run_manager: Any) -> Notification | None:
        current = current_context()
        if current and (SUPPRESSED in current or ALSO_SUPPRESSED in current) and suppressed(current):
            return None
        manager = args[0]
        serialized = args[1] if len(args) > 1 else kwargs.get("serialized")
        inputs = args[2] if len(args) > 2 else kwargs.get(inputs_name)  # noqa: PLR2004 - manager, serialized, inputs
        run = run_from_manager(manager, run_manager, serialized, inputs, kwargs, name)
        waiting: Any = current.get(WAITING_FRAME)
        config = None
        if waiting is not None and not waiting.expects(name):
            config = waiting.config_of(inputs)
            waiting = None
        if waiting is not None:
            run.subject, run.arguments, config = waiting.subject, waiting.arguments, waiting.config
            if config is not None and "langgraph_node" in run.metadata:
                run.metadata = own_metadata(run, config)
        run, subscribers = _begin(run, manager, run_manager, current, kind, config)
        if waiting is not None:
            waiting.adopt(run, run_manager)
        hooks = announce((run,), of=subscribers) if run.subscribers else None
        if hooks is not None and waiting is not None:
            skip.offer(hooks, (run,), unwinds=waiting.unwinds)
        return hooks if run.subject is None or run.row not in (WORKFLOW, AGENT) else add_resume_hooks(run, hooks)

    return hook


def many_started(kind: Operation, inputs_name: str) -> Hook:
    """Return the hook of a start method that announces a run for each prompt: siblings, none inside another."""

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any], run_managers: Any) -> Notification | None:
        current = current_context()
        if current and (SUPPRESSED in current or ALSO_SUPPRESSED in current) and suppressed(current):
            return None
        manager = args[0]
        serialized = args[1] if len(args) > 1 else kwargs.get("serialized")
        inputs: Any = args[2] if len(args) > 2 else kwargs.get(inputs_name)  # noqa: PLR2004 - as above
        waiting: Any = current.get(WAITING_FRAME)
        if waiting is not None and not waiting.expects("llm"):
            waiting = None
        runs: list[Run] = []
        listens = False
        config = None if waiting is None else waiting.config
        for run_manager, given in zip(run_managers, inputs, strict=False):
            run = run_from_manager(manager, run_manager, serialized, given, kwargs, "llm")
            if waiting is not None:
                run.subject = waiting.subject
            # A completion model's batch has a config for each.
            own = (config.pop(0) if config else None) if type(config) is list else config
            run, _ = _begin(run, manager, run_manager, current, kind, own)
            streaming.watch(run, run_manager)
            if waiting is not None:
                run.streamed = waiting.streams
                waiting.adopt(run, run_manager)
            runs.append(run)
            listens = listens or bool(run.subscribers)
        hooks = announce(runs) if listens else None
        if hooks is not None and waiting is not None:
            skip.offer(hooks, runs, unwinds=waiting.unwinds)
        return hooks

    return hook


def watch_sync_copy(args: tuple[Any, ...], kwargs: dict[str, Any], run_manager: Any) -> None:
    """Watch the tokens on the sync copy of an async run manager: a sync model under an async run reports there."""
    run = owned_run(args[0])
    if run is not None and not run.ended:
        streaming.watch(run, run_manager)


def interrupted(managers: Any, error: BaseException) -> None:
    """End the runs of a run manager, or of several, whose start or end was interrupted: nobody else will."""
    for manager in managers if isinstance(managers, list) else (managers,):
        run = run_of(manager)
        if run is not None and not run.closed:
            end_interrupted(run, error, outcome_of(error))


def ended(outputs_name: str) -> Hook:
    """Return the hook of an end method: it ends the run whose manager reports its result."""

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Notification | None:
        owner = args[0].__dict__.get(OWNER)
        run: Run | None = getattr(owner, "run", None) or find(args[0].run_id)  # a sync copy owns none
        if run is None or run.ended:
            return None
        if run.subscribers:
            run.extra_at_end = kwargs
        row = run.row
        outputs = args[1] if len(args) > 1 else kwargs.get(outputs_name)
        if row is TOOL and (type(outputs) is not str or run.error is not None or run.name == UNKNOWN_TOOL):
            run.error = attempt("whether a tool failed", error_of, run, outputs)
            if run.error is not None:
                return _finish(run, outputs, run.error, ERROR)
        if "inputs" in kwargs:  # of a stream, which is announced before it has any
            run.inputs = kwargs["inputs"]
        if run.error is not None and (time_out := given_up(run)) is not None:
            return _finish(run, outputs, time_out, ERROR)  # its graph does not wait for it any longer
        outcome = OK if run.rare is None or run.skipped is None else SKIPPED
        if run.rare is not None and run.paused is not None and row in (WORKFLOW, AGENT):
            outcome = PAUSED  # an interrupt ends nodes and subgraphs with an exception, the root with a result
        elif "inputs" in kwargs and row.name == "chain" and (steps := half_read()) is not None:
            outcome = CLOSED  # a stream reports its inputs with its result
            if run.streams:
                close_steps(steps)
        return _finish(run, outputs, None, outcome)

    return hook


def failed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Notification | None:
    """End the run whose manager reports an exception, whether or not it is a failure."""
    run = run_of(args[0])
    if run is None or run.ended:
        return None
    if run.subscribers:
        run.extra_at_end = kwargs
    if run.error is not None and (time_out := given_up(run)) is not None:
        return _finish(run, NOTHING, time_out, ERROR)
    error = args[1] if len(args) > 1 else kwargs.get("error")
    if run.row.name == "llm" and error is not None:
        note_failure(run, error, kwargs.get("response"))
    return _finish(run, NOTHING, error, outcome_of_run(run, error))


def _finish(run: Run, outputs: Any, error: BaseException | None, outcome: str) -> Notification | None:
    """End the run, and leave its body where its frame goes on: LangChain's handlers of the end are no part of it."""
    outside, row, recording = run.outside, run.row, run.span.is_recording()
    if outcome != OK or (recording and row.calls == MODEL_CALLS):
        attempt("what later runs may answer to", remember_for_links, run, outcome, outputs)
    if row is CHAIN:
        if run.parent_ref is not None and recording:
            attempt("whether an answer was parsed", write_parsed, run, None if outputs is NOTHING else outputs, outcome)
    elif row is AGENT:
        attempt("whether an agent's answer was parsed", write_agent_parsed, run, outputs, error)
    elif row.name == "llm" and run.parent_ref is not None and outcome in (OK, SKIPPED):
        attempt("what is to be parsed", expect_schema, run)
    if run.streamed and outcome == OK and run.subject is not None:
        attempt("the usage of a stream", _explain_usage, run.subject, outputs)
    pause = write_pause(run, error) if outcome == PAUSED else None
    hooks = end_run(run, outputs, error, outcome)
    if pause is not None:
        hooks = add_pause_hooks(run, hooks, pause)
    if outside is not None:
        if hooks is not None:
            hooks.then(partial(_leave, run, outside))
        else:
            _leave(run, outside)
    return hooks


def _explain_usage(model: Any, outputs: Any) -> None:
    explain_missing_usage(model, answer(outputs))


def _leave(run: Run, outside: Context) -> None:
    if current_context().get(RUN) is run:
        put(outside)


STARTS: tuple[tuple[str, Hook], ...] = (
    ("on_chat_model_start", many_started(CHAT, "messages")),
    ("on_llm_start", many_started(TEXT_COMPLETION, "prompts")),
    ("on_chain_start", one_started("chain", "inputs", None)),
    ("on_tool_start", one_started("tool", "input_str", TOOL)),
    ("on_retriever_start", one_started("retriever", "query", RETRIEVER)),
)
"""The methods of the callback managers that announce runs."""

ENDS = (
    ("LLM", "llm", "response"),
    ("Chain", "chain", "outputs"),
    ("Tool", "tool", "output"),
    ("Retriever", "retriever", "documents"),
)
"""The run managers, `CallbackManagerFor…Run`, the word in their methods, and the name of what ends report."""
