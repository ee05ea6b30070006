"""Graphs that pause and go on: LangGraph tells of it since 1.2; before, what it raises and gets says the same."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from callspan import semconv
from callspan.capture import content
from callspan.core.dispatch import HookCall, Notification, hook_calls
from callspan.core.lifecycle import stopped_at_start
from callspan.core.registry import find
from callspan.core.run import CANCELLED, CLOSED, PAUSED, Run
from callspan.langchain.announcement import checkpoint_ns
from callspan.langchain.callers import is_event_stream
from callspan.langchain.chains import AGENT, WORKFLOW, is_graph, is_resumed
from callspan.langchain.events import Event, happened, payload_of
from callspan.langchain.failures import outcome_of
from callspan.langchain.values import sort_of, value_of


@dataclass(frozen=True, slots=True)
class GraphEvent:
    """What LangGraph's own events hold, where it has none.

    Args:
        run_id: The id of the graph's run.
        status: Always `pending`.
        checkpoint_id: The checkpoint that the graph pauses at, if that is known.
        checkpoint_ns: The namespace of the graph.
        interrupts: LangGraph's `Interrupt`s.
    """

    run_id: Any
    status: str = "pending"
    checkpoint_id: str | None = None
    checkpoint_ns: tuple[str, ...] = ()
    interrupts: tuple[Any, ...] = ()


def _said(event: Any) -> Mapping[str, Any]:
    return {
        semconv.GRAPH_CHECKPOINT_ID: getattr(event, "checkpoint_id", None),
        semconv.INTERRUPT_ID: [
            str(one.id) for one in getattr(event, "interrupts", ()) if getattr(one, "id", None) is not None
        ],
    }


def _asked_for(run: Run, event: Any) -> Any:
    """Give what a graph asks a person for: the value of its interrupt, or of each, if there are several."""
    values = [value_of(one.value) for one in getattr(event, "interrupts", ()) if hasattr(one, "value")]
    return values[0] if len(values) == 1 else values or None


def _resumed_with(run: Run, event: Any) -> Any:
    """Give what a graph is told to go on with, if it is told anything."""
    given = run.inputs
    return value_of(given.resume) if sort_of(given) == "command" else None


_ABOUT_PAUSE = (content.ContentField(semconv.INTERRUPT_VALUE, "interrupt", _asked_for),)
_ABOUT_RESUMING = (content.ContentField(semconv.RESUME_VALUE, "resume", _resumed_with),)

INTERRUPT = Event("on_interrupt", "langgraph.interrupt", ("event",), _said, _ABOUT_PAUSE)
RESUME = Event("on_resume", "langgraph.resume", ("event",), _said, _ABOUT_RESUMING)


def paused(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Notification | None:
    """Tell that a graph pauses: at a breakpoint nothing in it raises, so only LangGraph's own event tells."""
    (event,) = payload_of(INTERRUPT, args, kwargs)
    run = find(event.run_id)
    if run is None:
        return None
    run.paused = run.paused or ()
    run.told = (*run.told, INTERRUPT.hook)
    return happened(INTERRUPT, run, event)


def resumed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Notification | None:
    """Tell that a graph goes on."""
    (event,) = payload_of(RESUME, args, kwargs)
    run = find(event.run_id)
    return None if run is None else happened(RESUME, run, event)


def outcome_of_run(run: Run, error: BaseException | None) -> str:
    """Return how a run ended that reports this exception: one that is left or cancelled where it waits is paused.

    A reader leaves a stream at `__interrupt__`, where the graph has nothing left to do. So does `astream_events`, which
    cancels the stream. A graph whose other nodes were cancelled while one waited was cancelled.

    Args:
        run: The run.
        error: What ended it.
    """
    outcome = outcome_of(error)
    if outcome not in (CLOSED, CANCELLED):
        return outcome
    if run.paused is not None and (outcome == CLOSED or not run.disturbed or is_event_stream()):
        return PAUSED
    if outcome == CANCELLED and (above := run.parent) is not None:
        above.disturbed = True
    return outcome


def after_start(run: Run, told: Notification | None) -> Notification | None:
    """Let the resumption of a graph be heard after its start, where LangGraph does not tell of it.

    Args:
        run: The run that starts.
        told: Who hears its start.
    """
    if run.row not in (WORKFLOW, AGENT) or not is_resumed(run) or not is_graph(run.subject):
        return told
    if "langgraph.callbacks" in sys.modules:
        return told
    event = GraphEvent(run.id)
    happened(RESUME, run, event)
    calls = hook_calls(run, run.subscribers, (RESUME.hook,), (event,))
    if told is None:
        return Notification(calls, partial(stopped_at_start, (run,))) if calls else None
    told.calls = chain(told.calls, calls)
    return told


def unannounced(run: Run, error: BaseException | None) -> GraphEvent | None:
    """Write that a graph pauses, where LangGraph did not tell of it, and give what there is to hear.

    Args:
        run: The run that is about to end, as paused.
        error: What ended it: graphs inside of others raise their interrupt.
    """
    if run.row not in (WORKFLOW, AGENT) or INTERRUPT.hook in run.told or outcome_of(error) == PAUSED:
        return None
    if error is not None and (not is_graph(run.subject) or checkpoint_ns(run)):
        return None  # left or cancelled: of nested graphs the outermost tells
    groups = (group if isinstance(group, (tuple, list)) else () for group in run.paused or ())
    event = GraphEvent(run.id, interrupts=tuple(chain.from_iterable(groups)))
    happened(INTERRUPT, run, event)
    return event


def before_end(run: Run, told: Notification | None, event: GraphEvent) -> Notification | None:
    """Let the pause be heard before the end.

    Args:
        run: The run that ends.
        told: Who hears its end.
        event: What there is to hear.
    """
    calls = hook_calls(run, run.subscribers, (INTERRUPT.hook,), (event,))
    if told is not None and calls:
        told.calls = _stoppable(run, calls, told.calls) if run.error is None else chain(calls, told.calls)
    return told


def _stoppable(run: Run, calls: Iterable[HookCall], ends: Iterable[HookCall]) -> Iterator[HookCall]:
    """Give the hooks of a pause and then those of the end; the former can stop the run, as its end has not come."""
    run.outcome = None
    yield from calls
    run.outcome = PAUSED
    yield from ends
