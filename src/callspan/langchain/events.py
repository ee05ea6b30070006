"""What happens in the middle of a run, rarely: each becomes an event of its span, and is heard by callbacks.

An event of a span says that something happened, and what the program calls it. Payloads are content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from callspan import semconv
from callspan.capture import content
from callspan.core.dispatch import Notification, notification_of
from callspan.core.errors import error_type
from callspan.core.registry import find
from callspan.core.run import Run
from callspan.core.spans import attempt, attributes_of
from callspan.core.text import safe_name
from callspan.langchain.announcement import run_of
from callspan.langchain.values import value_of

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
        about: What it says with content on; its readers get the run and the last of the payload.
    """

    hook: str
    name: str
    payload: tuple[str, ...]
    said: Callable[..., Said] = lambda *payload: {}
    about: tuple[content.ContentField, ...] = ()


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


_DATA = (content.ContentField(semconv.EVENT_DATA, "event", lambda run, payload: value_of(payload)),)

TEXT = Event("on_text", "langchain.text", ("text",), about=_DATA)
RETRY = Event("on_retry", "langchain.retry", ("retry_state",), _retry)
ACTION = Event("on_agent_action", "langchain.agent_action", ("action",), _action, _DATA)
FINISH = Event("on_agent_finish", "langchain.agent_finish", ("finish",), about=_DATA)
CUSTOM = Event("on_custom_event", "langchain.custom_event", ("name", "data"), about=_DATA)


def happened(event: Event, run: Run, *payload: Any, keywords: Said = _NO_KEYWORDS) -> Notification | None:
    """Write the event on the run's span, and give who hears it."""
    if run.span.is_recording():
        said = attempt(f"the event {event.name}", event.said, *payload) or {}
        _write(run, event.name, said, event.about, payload[-1])
    return notification_of(run, event.hook, payload, keywords) if run.subscribers else None


def _write(run: Run, name: str, said: Said, about: tuple[content.ContentField, ...], payload: Any) -> None:
    """Write an event, and what it is about if content is on: that has its own limit."""
    what = content.event_attributes(run, about, payload)
    run.span.add_event(safe_name(name) or "event", {**attributes_of(said), **what})


def told(event: Event) -> Callable[..., Notification | None]:
    """Make the hook of a run manager's method that tells of the event."""

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Notification | None:
        run = run_of(args[0])
        if run is None or run.ended:
            return None
        return happened(event, run, *payload_of(event, args, kwargs), keywords=kwargs)

    return hook


def payload_of(event: Event, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Give what LangChain tells, by position or by name."""
    given = args[1:]
    return [given[place] if len(given) > place else kwargs.get(name) for place, name in enumerate(event.payload)]


def custom(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Notification | None:
    """Tell of an event of the program's own: its name is the name of the span's event, its data is content."""
    run = find(kwargs.get("run_id"))
    if run is None:
        return None
    name, data = payload_of(CUSTOM, args, kwargs)
    if run.span.is_recording():
        _write(run, str(name), {semconv.EVENT_TYPE: "custom"}, CUSTOM.about, data)
    if not run.subscribers:
        return None
    return notification_of(run, CUSTOM.hook, (name, data), {"tags": args[0].tags, "metadata": args[0].metadata})
