"""What happens in the middle of a run, rarely: each becomes an event of its span, and is heard by callbacks.

Payloads are content: an event of a span says that something happened, and what the program calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from callspan import semconv
from callspan.delivery import emit
from callspan.errors import error_type
from callspan.langchain.announcement import run_of
from callspan.registry import find
from callspan.run import Run
from callspan.settling import Told
from callspan.spans import attempt
from callspan.text import safe_name

Said = Mapping[str, Any]

_NO_KEYWORDS: Said = {}


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the event table.

    Args:
        hook: The hook that hears it.
        name: The name of the span's event.
        payload: The names of what LangChain tells, in their order.
        said: What the span's event says, from the payload.
    """

    hook: str
    name: str
    payload: tuple[str, ...]
    said: Callable[..., Said] = lambda *payload: {}


def _retry(state: Any) -> Said:
    outcome = getattr(state, "outcome", None)
    error = outcome.exception() if outcome is not None and outcome.failed else None
    sleep = getattr(getattr(state, "next_action", None), "sleep", None)
    return {
        semconv.RETRY_ATTEMPT: getattr(state, "attempt_number", None),
        semconv.RETRY_WAIT: float(sleep) if isinstance(sleep, (int, float)) else None,
        semconv.ERROR_TYPE: None if error is None else error_type(error),
    }


def _action(action: Any) -> Said:
    return {semconv.TOOL_NAME: safe_name(getattr(action, "tool", None))}


TEXT = Event("on_text", "langchain.text", ("text",))
RETRY = Event("on_retry", "langchain.retry", ("retry_state",), _retry)
ACTION = Event("on_agent_action", "langchain.agent_action", ("action",), _action)
FINISH = Event("on_agent_finish", "langchain.agent_finish", ("finish",))
CUSTOM = Event("on_custom_event", "langchain.custom_event", ("name", "data"))


def happened(event: Event, run: Run, *payload: Any, keywords: Said = _NO_KEYWORDS) -> Told | None:
    """Write the event on the run's span, and give who hears it."""
    if run.span.is_recording():
        run.add_event(event.name, attempt(f"the event {event.name}", event.said, *payload) or {})
    return emit(run, event.hook, payload, keywords) if run.subscribers else None


def told(event: Event) -> Callable[..., Told | None]:
    """Make the hook of a run manager's method that tells of the event."""

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Told | None:
        run = run_of(args[0])
        if run is None or run.ended:
            return None
        return happened(event, run, *payload_of(event, args, kwargs), keywords=kwargs)

    return hook


def payload_of(event: Event, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Give what LangChain tells, by position or by name."""
    given = args[1:]
    return [given[place] if len(given) > place else kwargs.get(name) for place, name in enumerate(event.payload)]


def custom(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Told | None:
    """Tell of an event of the program's own: its name is the name of the span's event, its data is content."""
    run = find(kwargs.get("run_id"))
    if run is None:
        return None
    name, data = payload_of(CUSTOM, args, kwargs)
    run.add_event(str(name), {semconv.EVENT_TYPE: "custom"})
    if not run.subscribers:
        return None
    return emit(run, CUSTOM.hook, (name, data), {"tags": args[0].tags, "metadata": args[0].metadata})
