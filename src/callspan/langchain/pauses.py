"""Graphs that pause and go on: LangGraph tells of it since 1.2; before, what it raises and gets says the same."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from callspan import semconv
from callspan.capture.content import ContentField
from callspan.core.dispatch import HookCall, Notification, hook_calls
from callspan.core.lifecycle import stopped_at_start
from callspan.core.registry import find
from callspan.core.run import CANCELLED, CLOSED, PAUSED, Run
from callspan.langchain.callers import is_event_stream
from callspan.langchain.chains import AGENT, WORKFLOW, is_graph, is_resumed
from callspan.langchain.content import sort_of, value_of
from callspan.langchain.events import Event, happened, payload_of
from callspan.langchain.failures import outcome_of
from callspan.langchain.runs import checkpoint_ns


@dataclass(frozen=True, slots=True)
class GraphEvent:
    """LangGraph's own event of a pause or resumption, where LangGraph has none: the id of the graph's run, and why."""

    run_id: Any
    status: str = "pending"
    checkpoint_id: str | None = None
    checkpoint_ns: tuple[str, ...] = ()
    interrupts: tuple[Any, ...] = ()  # LangGraph's `Interrupt`s


def _attributes(event: Any) -> Mapping[str, Any]:
    return {
        semconv.GRAPH_CHECKPOINT_ID: getattr(event, "checkpoint_id", None),
        semconv.INTERRUPT_ID: [
            str(one.id) for one in getattr(event, "interrupts", ()) if getattr(one, "id", None) is not None
        ],
    }


def _asked_for(run: Run, event: Any) -> Any:
    """Return what a graph asks a person for: the value of its interrupt, or of each, if there are several."""
    values = [value_of(one.value) for one in getattr(event, "interrupts", ()) if hasattr(one, "value")]
    return values[0] if len(values) == 1 else values or None


def _resumed_with(run: Run, event: Any) -> Any:
    """Return what a graph is resumed with, or None."""
    given = run.inputs
    return value_of(given.resume) if sort_of(given) == "command" else None


_PAUSE_CONTENT = (ContentField(semconv.INTERRUPT_VALUE, "interrupt", _asked_for),)
_RESUME_CONTENT = (ContentField(semconv.RESUME_VALUE, "resume", _resumed_with),)

INTERRUPT = Event("on_interrupt", "langgraph.interrupt", ("event",), _attributes, _PAUSE_CONTENT)
RESUME = Event("on_resume", "langgraph.resume", ("event",), _attributes, _RESUME_CONTENT)


def graph_paused(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Notification | None:
    """Report that a graph pauses: at a breakpoint nothing in it raises, so only LangGraph's own event shows it."""
    (event,) = payload_of(INTERRUPT, args, kwargs)
    run = find(event.run_id)
    if run is None:
        return None
    run.paused = run.paused or ()
    run.seen_events = (*run.seen_events, INTERRUPT.hook)
    return happened(INTERRUPT, run, event)


def graph_resumed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Notification | None:
    """Report that a graph goes on."""
    (event,) = payload_of(RESUME, args, kwargs)
    run = find(event.run_id)
    return None if run is None else happened(RESUME, run, event)


def outcome_of_run(run: Run, error: BaseException | None) -> str:
    """Return how a run ended that reports this exception: one that is left or cancelled where it waits is paused.

    A reader leaves a stream at `__interrupt__`, where the graph has nothing left to do. So does `astream_events`, which
    cancels the stream. A graph whose other nodes were cancelled while one waited was cancelled.
    """
    outcome = outcome_of(error)
    if outcome not in (CLOSED, CANCELLED):
        return outcome
    if run.paused is not None and (outcome == CLOSED or not run.disturbed or is_event_stream()):
        return PAUSED
    if outcome == CANCELLED and (above := run.parent) is not None:
        above.disturbed = True
    return outcome


def add_resume_hooks(run: Run, hooks: Notification | None) -> Notification | None:
    """Write the resumption of a graph after its start, where LangGraph does not report it; return all hooks to call."""
    if not is_resumed(run) or not is_graph(run.subject) or "langgraph.callbacks" in sys.modules:
        return hooks
    event = GraphEvent(run.id)
    happened(RESUME, run, event)
    calls = hook_calls(run, run.subscribers, (RESUME.hook,), (event,))
    if hooks is None:
        return Notification(calls, partial(stopped_at_start, (run,))) if calls else None
    hooks.calls = chain(hooks.calls, calls)
    return hooks


def write_pause(run: Run, error: BaseException | None) -> GraphEvent | None:
    """Write that a graph pauses, where LangGraph did not report it; return the event for the hooks."""
    if run.row not in (WORKFLOW, AGENT) or INTERRUPT.hook in run.seen_events or outcome_of(error) == PAUSED:
        return None
    if error is not None and (not is_graph(run.subject) or checkpoint_ns(run)):
        return None  # left or cancelled: of nested graphs the outermost reports it
    groups = (group if isinstance(group, (tuple, list)) else () for group in run.paused or ())
    event = GraphEvent(run.id, interrupts=tuple(chain.from_iterable(groups)))
    happened(INTERRUPT, run, event)
    return event


def add_pause_hooks(run: Run, hooks: Notification | None, event: GraphEvent) -> Notification | None:
    """Put the hooks of a pause before those of the run's end."""
    calls = hook_calls(run, run.subscribers, (INTERRUPT.hook,), (event,))
    if hooks is not None and calls:
        hooks.calls = _stoppable(run, calls, hooks.calls) if run.error is None else chain(calls, hooks.calls)
    return hooks


def _stoppable(run: Run, calls: Iterable[HookCall], ends: Iterable[HookCall]) -> Iterator[HookCall]:
    """Yield the hooks of a pause, which can stop the run as its end has not come, and then those of the end."""
    run.outcome = None
    yield from calls
    run.outcome = PAUSED
    yield from ends
