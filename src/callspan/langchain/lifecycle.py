"""Where runs start and end: LangChain's callback managers announce every one of them, in the caller's own context."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from opentelemetry.context import Context

from callspan.core import registry
from callspan.core.delivery import Telling
from callspan.core.frame import current as current_context
from callspan.core.frame import put
from callspan.core.keys import RUN, STARTING_RUN, WAITING_FRAME
from callspan.core.lifecycle import NOTHING, announce, end_interrupted, end_run, start_run, tell_of_span
from callspan.core.operations import Cause, Kind, Subscriber
from callspan.core.registry import find, parent_context
from callspan.core.run import CLOSED, ERROR, OK, PAUSED, SKIPPED, Run
from callspan.core.settling import Told
from callspan.core.spans import attempt
from callspan.core.subscription import lift
from callspan.langchain import answers, others, tokens
from callspan.langchain.announcement import announced, run_of, stand_in, suppressed
from callspan.langchain.callers import close_steps, half_read
from callspan.langchain.causes import causes_of, may_have_causes, remember
from callspan.langchain.chains import CHAIN, WORKFLOW, given_name, is_step, run_type
from callspan.langchain.configurable import given_to
from callspan.langchain.failures import UNKNOWN_TOOL, error_of, given_up
from callspan.langchain.graphs import AGENT, NODE, is_agent, is_graph, is_node, own_metadata
from callspan.langchain.models import CHAT, DECISION, TEXT_COMPLETION
from callspan.langchain.outcomes import outcome_of
from callspan.langchain.partial import note_failure
from callspan.langchain.pauses import after_start, before_end, outcome_of_run, unannounced
from callspan.langchain.responses import answer, explain_missing_usage
from callspan.langchain.retrievers import RETRIEVER
from callspan.langchain.structured import answered, concluded, verdict
from callspan.langchain.tools import TOOL

HIDDEN_TAG = "langsmith:hidden"

Hook = Callable[..., Told | None]


def kind_of_chain(said: Run) -> Kind:
    """Tell what kind of run this is among those that LangChain calls chains."""
    kind = run_type(said)
    if kind == "llm":
        return DECISION
    if said.subject is not None and is_graph(said.subject):
        return AGENT if is_agent(said.subject) else WORKFLOW
    if is_node(said):
        return NODE
    return WORKFLOW if said.top and kind == "chain" else CHAIN


def begin(
    run: Run, manager: Any, run_manager: Any, current: Context, classify: Callable[[Run], Kind], config: Any
) -> tuple[Run, list[Subscriber] | None]:
    """Start the run that was announced, or give the one that was announced before.

    LangGraph's TracePolicy announces one run twice, on two managers that share one list of handlers.

    Returns:
        The run, and who hears its start, if not everybody does.
    """
    if "langgraph_node" in run.metadata:
        run.key = id(manager.inheritable_handlers)
        before = find(run.id)
        if before is not None and before.key == run.key:
            before.inputs = run.inputs  # what the policy lets others see
            return before, _lift(before, run_manager, manager, current)
    parent = current if run.parent_id is None else parent_context(run.parent_id, current)
    above: Any = parent.get(RUN)
    if above is None:
        others.warn_of_others(type(manager))
    run.given = given_to(manager, run.metadata, config, is_root=above is None)
    stand_in(run, above, current, parent)
    kind = classify(run)
    if kind is AGENT:
        run.agent = given_name(run)
    causes: Sequence[Cause] = ()
    if may_have_causes(run, kind, above):
        causes = attempt("the causes of a run", causes_of, run, kind, above, parent) or ()
    run_manager.__dict__[registry.OWNER] = registry.RunOwner(
        run
    )  # first: whatever interrupts us from here on, somebody owns it
    start_run(run, kind, parent, above=above, hidden=HIDDEN_TAG in run.tags, causes=causes, current=current)
    if above is not None and type(run.inputs) is dict and _is_deferred(run.inputs):
        registry.note_stream(run, above, is_step=is_step(run, above))
    if manager.handlers:
        _lift(run, run_manager, manager, parent)
    return run, None


def _is_deferred(inputs: dict[Any, Any]) -> bool:
    """Return whether this is what LangChain announces the run of a stream with, before it has any input."""
    given = inputs.get("input") if len(inputs) == 1 else None
    return type(given) is str and not given


def _lift(run: Run, run_manager: Any, manager: Any, parent: Context) -> list[Subscriber]:
    """Let the callbacks in LangChain's lists hear the run."""
    others.warn_of_handlers(manager.handlers, type(manager))
    lifted = lift(run, run_manager, manager.handlers)
    if any(subscriber.callspan_spans for subscriber in lifted):
        tell_of_span(run, lifted, Context({**parent, STARTING_RUN: run}))
    return lifted


def one_started(name: str, classify: Callable[[Run], Kind]) -> Hook:
    """Make the hook of a start method that announces one run."""
    inputs_name = _INPUTS[name]

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any], run_manager: Any) -> Told | None:
        current = current_context()
        if current and suppressed(current):
            return None
        manager = args[0]
        serialized = args[1] if len(args) > 1 else kwargs.get("serialized")
        inputs = args[2] if len(args) > 2 else kwargs.get(inputs_name)  # noqa: PLR2004 - manager, serialized, inputs
        run = announced(manager, run_manager, serialized, inputs, kwargs, name)
        waiting: Any = current.get(WAITING_FRAME)
        config = None
        if waiting is not None and not waiting.expects(name):
            config = waiting.config_of(inputs)
            waiting = None
        if waiting is not None:
            run.subject, run.arguments, config = waiting.subject, waiting.arguments, waiting.config
            if config is not None and "langgraph_node" in run.metadata:
                run.metadata = own_metadata(run, config)
        run, heard_by = begin(run, manager, run_manager, current, classify, config)
        if waiting is not None:
            waiting.adopt(run, run_manager)
        told = announce((run,), of=heard_by) if run.subscribers else None
        if told is not None and waiting is not None:
            answers.offer(told, (run,), unwinds=waiting.unwinds)
        return told if run.subject is None else after_start(run, told)

    return hook


def many_started(kind: Kind, inputs_name: str) -> Hook:
    """Make the hook of a start method that announces a run for each prompt: siblings, none inside another."""

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any], run_managers: Any) -> Told | None:
        current = current_context()
        if current and suppressed(current):
            return None
        serialized, inputs = _argument(args, kwargs, 1, "serialized"), _argument(args, kwargs, 2, inputs_name)
        waiting: Any = current.get(WAITING_FRAME)
        if waiting is not None and not waiting.expects("llm"):
            waiting = None
        runs: list[Run] = []
        config = None if waiting is None else waiting.config
        for run_manager, given in zip(run_managers, inputs, strict=False):
            run = announced(args[0], run_manager, serialized, given, kwargs, "llm")
            if waiting is not None:
                run.subject = waiting.subject
            # A completion model's batch has a config for each.
            own = (config.pop(0) if config else None) if type(config) is list else config
            run, _ = begin(run, args[0], run_manager, current, lambda run: kind, own)
            tokens.watch(run, run_manager)
            if waiting is not None:
                run.streamed = waiting.streams
                waiting.adopt(run, run_manager)
            runs.append(run)
        told = announce(runs)
        if told is not None and waiting is not None:
            answers.offer(told, runs, unwinds=waiting.unwinds)
        return told

    return hook


def also_told(args: tuple[Any, ...], kwargs: dict[str, Any], run_manager: Any) -> None:
    """Hear of tokens on the sync copy of an async run manager too: a sync model under an async run tells it."""
    run = registry.owned_run(args[0])
    if run is not None and not run.ended:
        tokens.watch(run, run_manager)


def interrupted(managers: Any, error: BaseException) -> None:
    """End the runs of a run manager, or of several, whose start or end was interrupted: nobody else will.

    Args:
        managers: The run manager, or a list of them.
        error: The exception, which is on its way to the caller.
    """
    for manager in managers if isinstance(managers, list) else (managers,):
        run = run_of(manager)
        if run is not None and not run.closed:
            end_interrupted(run, error, outcome_of(error))


def ended(outputs_name: str) -> Hook:
    """Make the hook of an end method: it ends the run whose manager is told of its result."""

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Told | None:
        run = run_of(args[0])
        if run is None or run.ended:
            return None
        run.extra_at_end = kwargs
        outputs = args[1] if len(args) > 1 else kwargs.get(outputs_name)
        if run.row is TOOL and (type(outputs) is not str or run.error is not None or run.name == UNKNOWN_TOOL):
            run.error = attempt("whether a tool failed", error_of, run, outputs)
            if run.error is not None:
                return _finish(run, outputs, run.error, ERROR)
        if "inputs" in kwargs:  # of a stream, which is announced before it has any
            run.inputs = kwargs["inputs"]
        if run.error is not None and (time_out := given_up(run)) is not None:
            return _finish(run, outputs, time_out, ERROR)  # its graph does not wait for it any longer
        outcome = OK if run.skipped is None else SKIPPED
        if run.paused is not None and run.row in (WORKFLOW, AGENT):
            outcome = PAUSED  # an interrupt ends nodes and subgraphs with an exception, the root with a result
        elif "inputs" in kwargs and run.row.name == "chain" and (steps := half_read()) is not None:
            outcome = CLOSED  # a stream reports its inputs with its result
            if run.streams:
                close_steps(steps)
        return _finish(run, outputs, None, outcome)

    return hook


def _finish(run: Run, outputs: Any, error: BaseException | None, outcome: str) -> Telling | None:
    """End the run, and leave its body where its frame goes on: LangChain's handlers of the end are no part of it."""
    outside = run.outside
    if outcome != OK or run.row.calls is not None:
        attempt("what later runs may answer to", remember, run, outcome, outputs)
    if run.row is CHAIN and run.span.is_recording():
        attempt("whether an answer was parsed", verdict, run, None if outputs is NOTHING else outputs, outcome)
    elif run.row is AGENT:
        attempt("whether an agent's answer was parsed", concluded, run, outputs, error)
    elif run.row.name == "llm" and outcome in (OK, SKIPPED):
        attempt("what is to be parsed", answered, run)
    if run.streamed and outcome == OK and run.subject is not None:
        attempt("the usage of a stream", _explain_usage, run.subject, outputs)
    pause = unannounced(run, error) if outcome == PAUSED else None
    told = end_run(run, outputs, error, outcome)
    if pause is not None:
        told = before_end(run, told, pause)
    if told is not None:
        told.afterwards(partial(_leave, run, outside))
    else:
        _leave(run, outside)
    return told


def _explain_usage(model: Any, outputs: Any) -> None:
    explain_missing_usage(model, answer(outputs))


def _leave(run: Run, outside: Context | None) -> None:
    if outside is not None and current_context().get(RUN) is run:
        put(outside)


def failed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Told | None:
    """End the run whose manager is told of an exception, whether or not it is a failure."""
    run = run_of(args[0])
    if run is None or run.ended:
        return None
    run.extra_at_end = kwargs
    if run.error is not None and (time_out := given_up(run)) is not None:
        return _finish(run, NOTHING, time_out, ERROR)
    error = _argument(args, kwargs, 1, "error")
    if run.row.name == "llm":
        note_failure(run, error, kwargs.get("response"))
    return _finish(run, NOTHING, error, outcome_of_run(run, error))


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
