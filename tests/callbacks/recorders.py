"""Handlers of LangChain's that write down all that they are told, and what two of them were told compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManager

from callspan import FromLangChain
from callspan.testing import record

EVENTS = (
    *(f"on_{kind}_{how}" for kind in ("llm", "chain", "tool", "retriever") for how in ("start", "end", "error")),
    *("on_chat_model_start", "on_llm_new_token", "on_stream_event", "on_text", "on_retry", "on_agent_action"),
    *("on_agent_finish", "on_custom_event"),
)

Heard = tuple[str, tuple[Any, ...], dict[str, Any]]
"""One event: the method, and what it got by position and by name."""


def recorder(base: type = BaseCallbackHandler, *, events: tuple[str, ...] = EVENTS, **more: Any) -> Any:
    """Make a handler that writes down these events, in `heard`.

    Args:
        base: The class of LangChain's that it is of; methods of an `AsyncCallbackHandler` are coroutine functions.
        events: Its methods.
        **more: Other attributes of its class.
    """
    methods = {event: _method(event, is_async=base is AsyncCallbackHandler) for event in events}
    handler = type("Recorder", (base,), {"run_inline": True, **methods, **more})()
    handler.heard = []
    return handler


def _method(event: str, *, is_async: bool) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> None:
        if "token" in kwargs:  # LangChain gives it by name or by position
            args = (*args, kwargs.pop("token"))
        self.heard.append((event, args, kwargs))

    async def coroutine(self: Any, *args: Any, **kwargs: Any) -> None:
        method(self, *args, **kwargs)

    return coroutine if is_async else method


def outline(heard: list[Heard]) -> str:
    """Give what was heard in short: `chat+` starts, `llm-` ends, `llm!` fails; tokens that follow another are left out.

    Args:
        heard: What a recorder has heard.
    """
    signs: list[str] = []
    for event, *_ in heard:
        word = event.removeprefix("on_").replace("chat_model", "chat").replace("llm_new_token", "token")
        for how, sign in (("_start", "+"), ("_end", "-"), ("_error", "!")):
            word = word.removesuffix(how) + sign if word.endswith(how) else word
        if not signs or signs[-1] != word or word != "token":
            signs.append(word)
    return " ".join(signs)


def by_run(heard: list[Heard]) -> dict[Any, list[Heard]]:
    """Sort what was heard by run: those that run beside each other are told in any order."""
    runs: dict[Any, list[Heard]] = {}
    for one in heard:
        runs.setdefault(one[2].get("run_id"), []).append(one)
    return runs


def stories(heard: list[Heard]) -> list[tuple[Any, ...]]:
    """Give what can be compared of two calls: for each run its name, that of its parent, its tags and its outline."""
    runs = by_run(heard)
    names: dict[Any, str] = {}
    for run_id, told in runs.items():
        _, args, kwargs = told[0]
        names[run_id] = kwargs.get("name") or ((args[0] or {}).get("name") if args else None) or told[0][0]
    return sorted(
        (names[run_id], str(names.get(told[0][2].get("parent_run_id"))), str(told[0][2].get("tags")), outline(told))
        for run_id, told in runs.items()
    )


def told_alike(call: Callable[[Any], Any], base: type = BaseCallbackHandler, *, ordered: bool = True) -> str:
    """Check that a handler is told by us what LangChain tells the same: beside each other in one call, and alone.

    Args:
        call: What is called, with the config.
        base: The class of the handlers.
        ordered: Whether also the runs follow each other in the same order.

    Returns:
        The outline of what LangChain told.
    """
    theirs, ours, alone = recorder(base), recorder(base), recorder(base)
    with record(callbacks=[FromLangChain(ours)]):
        call({"callbacks": [theirs]})
    with record(callbacks=[FromLangChain(alone)]):
        call({"callbacks": CallbackManager([])})  # explicit, as above: LangChain then inherits nothing beside it
    assert by_run(ours.heard) == by_run(theirs.heard)
    assert stories(alone.heard) == stories(theirs.heard)
    if ordered:
        assert ours.heard == theirs.heard
        assert outline(alone.heard) == outline(theirs.heard)
    return outline(theirs.heard)
