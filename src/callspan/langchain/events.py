"""What happens in the middle of a run: each becomes an event of its span and calls hooks. Payloads are content."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from callspan import semconv
from callspan.capture.content import ContentField, event_attributes
from callspan.core.dispatch import Notification, notification_of
from callspan.core.errors import error_type
from callspan.core.registry import find
from callspan.core.run import Run
from callspan.core.spans import attempt, attributes_of
from callspan.core.text import safe_name
from callspan.langchain.content import value_of
from callspan.langchain.runs import run_of

_Attributes = Mapping[str, Any]

_NO_KEYWORDS: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the event table.

    Args:
        hook: The hook to call.
        name: The name of the span's event.
        payload: The names of LangChain's arguments, in their order.
        attributes: Returns the attributes of the span's event, from the payload.
        content: Those it has with content on; they are read from the run and the last of the payload.
    """

    hook: str
    name: str
    payload: tuple[str, ...]
    attributes: Callable[..., _Attributes] = lambda *payload: {}
    content: tuple[ContentField, ...] = ()


def _retry(state: Any) -> _Attributes:
    outcome = getattr(state, "outcome", None)
    error = outcome.exception() if outcome is not None and outcome.failed else None
    sleep = getattr(getattr(state, "next_action", None), "sleep", None)
    return {
        semconv.RETRY_ATTEMPT: getattr(state, "attempt_number", None),
        semconv.RETRY_WAIT: float(sleep) if isinstance(sleep, (int, float)) else None,
        semconv.ERROR_TYPE: None if error is None else error_type(error),
    }


def _action(action: Any) -> _Attributes:
    return {semconv.TOOL_NAME: safe_name(getattr(action, "tool", None))}


_DATA = (ContentField(semconv.EVENT_DATA, "event", lambda run, payload: value_of(payload)),)

TEXT = Event("on_text", "langchain.text", ("text",), content=_DATA)
RETRY = Event("on_retry", "langchain.retry", ("retry_state",), _retry)
ACTION = Event("on_agent_action", "langchain.agent_action", ("action",), _action, _DATA)
FINISH = Event("on_agent_finish", "langchain.agent_finish", ("finish",), content=_DATA)
CUSTOM = Event("on_custom_event", "langchain.custom_event", ("name", "data"), content=_DATA)


def happened(event: Event, run: Run, *payload: Any, keywords: Mapping[str, Any] = _NO_KEYWORDS) -> Notification | None:
    """Write the event on the run's span; return the hooks to call."""
    if run.span.is_recording():
        attributes = attempt(f"the event {event.name}", event.attributes, *payload) or {}
        _write(run, event, event.name, attributes, payload[-1])
    return notification_of(run, event.hook, payload, keywords) if run.subscribers else None


def _write(run: Run, event: Event, name: str, attributes: _Attributes, payload: Any) -> None:
    content = event_attributes(run, event.content, payload)
    run.span.add_event(safe_name(name) or "event", {**attributes_of(attributes), **content})


def event_hook(event: Event) -> Callable[..., Notification | None]:
    """Return the hook of a run manager's method that reports the event."""

    def hook(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Notification | None:
        run = run_of(args[0])
        if run is None or run.ended:
            return None
        return happened(event, run, *payload_of(event, args, kwargs), keywords=kwargs)

    return hook


def payload_of(event: Event, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Return LangChain's arguments, given by position or by name."""
    given = args[1:]
    return [given[place] if len(given) > place else kwargs.get(name) for place, name in enumerate(event.payload)]


def custom_event(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Notification | None:
    """Write an event of the program's own under its own name, its data as content; return the hooks to call."""
    run = find(kwargs.get("run_id"))
    if run is None:
        return None
    name, data = payload_of(CUSTOM, args, kwargs)
    if run.span.is_recording():
        _write(run, CUSTOM, str(name), {semconv.EVENT_TYPE: "custom"}, data)
    if not run.subscribers:
        return None
    return notification_of(run, CUSTOM.hook, (name, data), {"tags": args[0].tags, "metadata": args[0].metadata})
