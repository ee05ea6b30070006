"""Mistakes in a callback that would make it receive nothing: found when its class is made or it is registered."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from callspan.callback.selection import check_selection
from callspan.callback.signatures import accepts, as_found, binds, is_function, is_kind, parameters, written
from callspan.core import state

_log = logging.getLogger("callspan")

_PAYLOADS = {
    "on_llm_new_token": ("token", "chunk"),
    "on_stream_event": ("event",),
    "on_text": ("text",),
    "on_retry": ("state",),
    "on_agent_action": ("action",),
    "on_agent_finish": ("finish",),
    "on_custom_event": ("name", "data"),
    "on_interrupt": ("event",),
    "on_resume": ("event",),
}
"""What hooks in the middle of a run get besides the run."""

_OPENTELEMETRYS = ("on_start", "on_end", "on_ending")

_LANGCHAINS = frozenset(
    (
        *("serialized", "prompts", "messages", "inputs", "input_str", "query"),
        *("response", "outputs", "output", "documents", "error", "run_id", "parent_run_id"),
    )
)
"""Parameters that methods of LangChain's handlers have in the place of the run."""

_KINDS = {
    "chat_model": "llm", "chat": "llm", "model": "llm", "agent": "chain", "graph": "chain", "node": "chain",
    "workflow": "chain", "prompt": "chain", "parser": "chain", "runnable": "chain", "retrieval": "retriever",
    "embeddings": "embedding", "function": "tool",
}  # fmt: skip
"""What others call a kind of run."""

_EVENTS = {
    "begin": "start", "call": "start", "started": "start", "finish": "end", "stop": "end", "done": "end",
    "complete": "end", "ended": "end", "fail": "error", "failure": "error", "failed": "error", "exception": "error",
    "stream": "new_token", "token": "new_token", "chunk": "new_token",
}  # fmt: skip
"""What others call an event of a run."""


def check_class(cls: type, base: type, hooks: Iterable[str]) -> None:
    """Check the class of a callback when it is made.

    Args:
        cls: The class.
        base: `Callback`.
        hooks: The names of all hooks.

    Raises:
        TypeError: It has a method that looks like a hook and is none, a hook that cannot be called as hooks are, or one
            that Python does not find because `Callback` comes first among the bases.
        ValueError: It selects a kind of runs that there is not.
    """
    known = tuple(hooks)
    mixins = [one for one in cls.__mro__ if not issubclass(one, base) and one not in base.__mro__]
    inherited = {name for one in mixins for name in vars(one)}
    for name, value in vars(cls).items():
        if _is_unknown(name, value, known) and name not in inherited:
            raise TypeError(_no_hook(cls, name, known))
    for mixin in mixins:
        if not _is_handler(mixin):
            _check_mixin(cls, mixin, known)
        _check_order(cls, mixin, base, known)
    for hook in known:
        if getattr(cls, hook) is not getattr(base, hook):
            _check_hook(cls, hook, as_found(cls, hook))
    _check_others(cls, base)
    check_selection(*(as_found(cls, name) for name in ("kinds", "names", "tags")))


def overridden(cls: type, base: type, hooks: Iterable[str]) -> frozenset[str]:
    """Return the hooks that a class overrides; one that is None is switched off."""
    found = {hook: getattr(cls, hook) for hook in hooks}
    return frozenset(hook for hook, own in found.items() if own is not None and own is not getattr(base, hook))


def check_instance(callback: Any, base: type, hooks: Iterable[str]) -> None:
    """Check a callback when it is registered, and let it receive the hooks that were assigned to it or to its class.

    The class and the selection are looked at the first time only.

    Raises:
        TypeError: A hook was assigned to it that is none, or cannot be called as hooks are.
        ValueError: It selects a kind of runs that there is not.
    """
    if callback.callspan_checked:  # a block is often entered; its own attributes may be new all the same
        if any(name.startswith("on_") for name in vars(callback)):
            _check_assigned(callback, tuple(hooks))
        return
    known: tuple[str, ...] = tuple(hooks)
    cls: Any = type(callback)
    if cls.callspan_heard != (added := overridden(cls, base, known)) and "callspan_heard" not in vars(callback):
        for hook in added - cls.callspan_heard:
            _check_hook(cls, hook, as_found(cls, hook))
        cls.callspan_heard = added
    check_selection(callback.kinds, callback.names, callback.tags)
    _check_assigned(callback, known)
    object.__setattr__(callback, "callspan_checked", True)  # it may be a frozen dataclass


def _check_assigned(callback: Any, known: tuple[str, ...]) -> None:
    """Check the hooks that were assigned to an instance, and let it receive them."""
    found: set[str] = set()
    for name, value in vars(callback).items():
        if not name.startswith("on_") or not is_function(value):
            continue
        if name in known:
            _check_hook(type(callback), name, value)
            found.add(name)
        elif name not in _OPENTELEMETRYS and _is_slip(name, known):
            raise TypeError(_no_hook(type(callback), name, known))
    if not found <= callback.callspan_heard:
        object.__setattr__(callback, "callspan_heard", callback.callspan_heard | found)


def check_late(base: type, hooks: Iterable[str], callback: Any) -> None:
    """Check a callback that comes with a call: a mistake is logged, for the call is not to be broken."""
    try:
        check_instance(callback, base, hooks)
    except (TypeError, ValueError) as mistake:
        object.__setattr__(callback, "callspan_checked", True)
        _log.warning("%s", mistake)


def _is_unknown(name: str, value: Any, known: tuple[str, ...]) -> bool:
    return name.startswith("on_") and name not in known and name not in _OPENTELEMETRYS and is_function(value)


def _is_slip(name: str, known: tuple[str, ...]) -> bool:
    """Return whether a name that may belong to somebody else's interface is meant as one of the hooks."""
    return name.startswith(("on_llm_", "on_chat_model_")) or bool(get_close_matches(name, known, 1, 0.85))


def _is_handler(cls: type) -> bool:
    return any(one.__name__ == "BaseCallbackHandler" for one in cls.__mro__)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the hook that a wrong name most likely stands for, or None."""
    hooks, bare = tuple(known), name.lower()
    kind, _, event = bare.removeprefix("on_").rpartition("_")
    translated = f"on_{_KINDS.get(kind, kind) or 'run'}_{_EVENTS.get(event, event)}"
    if "token" in bare or translated.endswith("new_token"):
        translated = "on_llm_new_token"
    words = set(bare.split("_"))
    candidates = (
        [translated] if translated in hooks else [],
        [hook for hook in hooks if set(hook.split("_")) == words],
        [hook for hook in hooks if hook.startswith(f"{bare}_")],
        get_close_matches(bare, hooks, 1, 0.75),
        get_close_matches(translated, hooks, 1, 0.75),
    )
    return next((found[0] for found in candidates if found), None)


def _no_hook(cls: type, name: str, known: tuple[str, ...]) -> str:
    meant = nearest(name, known)
    advice = f"did you mean {meant}?" if meant else f"hooks are {', '.join(known)}."
    return (
        f"{cls.__name__}.{name} is no hook of callspan and would never be called: {advice} "
        f"If it is a method of your own, give it a name that does not begin with on_."
    )


def _check_mixin(cls: type, mixin: type, known: tuple[str, ...]) -> None:
    for name, value in vars(mixin).items():
        if _is_unknown(name, value, known) and _is_slip(name, known):
            raise TypeError(_no_hook(cls, name, known))


def _check_order(cls: type, mixin: type, base: type, known: tuple[str, ...]) -> None:
    """Check that what a mixin has is not hidden by `Callback`, which has a method for each hook."""
    if getattr(mixin, "_is_protocol", False):
        return
    for name in (*known, "wants"):
        value = vars(mixin).get(name)
        hidden = value is not None and getattr(cls, name) is getattr(base, name)
        if not hidden or getattr(value, "__isabstractmethod__", False):
            continue
        if not _is_handler(mixin):
            raise TypeError(
                f"{mixin.__name__}.{name} would never be called, for Callback comes before {mixin.__name__} in the "
                f"bases of {cls.__name__}: write class {cls.__name__}({mixin.__name__}, Callback)"
            )
        if state.once(f"hidden {cls.__module__}.{cls.__qualname__}"):
            _log.warning(
                "%s.%s of LangChain's handler is never called in %s, for Callback comes before it: "
                "register callspan.FromLangChain(handler), or write the hooks of callspan",
                mixin.__name__, name, cls.__name__,
            )  # fmt: skip
        return


def _check_hook(cls: type, hook: str, function: Any) -> None:
    """Check that a hook can be called with what hooks get."""
    if function is None:
        return
    where = f"{cls.__name__}.{hook}"
    if not callable(function):
        raise TypeError(f"{where} is {function!r}, which cannot be called: write a method")
    if is_kind(function, inspect.CO_GENERATOR, inspect.CO_ASYNC_GENERATOR):
        raise TypeError(f"{where} is a generator function, whose body would never run: leave out its `yield`")
    payload = _PAYLOADS.get(hook, ())
    count = 1 + len(payload) + (bool(payload) and bool(getattr(cls, "callspan_keywords", False)))
    wanted = f"write def {hook}({', '.join(('self', 'run', *payload))})"
    named = parameters(function)
    theirs = bool(_LANGCHAINS.intersection(named[:2])) or "run_id" in named or named[1:2] == payload[:1] != ()
    if not accepts(function, count):
        hint = _OF_LANGCHAIN if theirs else ""
        raise TypeError(f"{where}{written(function)} cannot be called with its run: {wanted}{hint}")
    if theirs and state.once(f"signature {cls.__module__}.{cls.__qualname__}.{hook}"):
        _log.warning("%s%s gets the run: %s%s", where, written(function), wanted, _OF_LANGCHAIN)


_OF_LANGCHAIN = (
    ". It has the parameters of LangChain's handlers: a class of BaseCallbackHandler is registered as "
    "callspan.FromLangChain(handler)"
)


def _check_others(cls: type, base: type) -> None:
    """Check the methods that are no hooks and that nobody awaits."""
    for name in ("wants", "on_start", "on_end"):
        function = as_found(cls, name)
        if getattr(cls, name) is getattr(base, name) or function is None:
            continue
        if is_kind(function, inspect.CO_COROUTINE, inspect.CO_ASYNC_GENERATOR):
            raise TypeError(f"{cls.__name__}.{name} is async, and nobody awaits it: write a plain def")
        takes = binds(function, None, parent_context=None) if name == "on_start" else accepts(function, 1)
        if not takes:
            given = {"wants": "run", "on_start": "span, parent_context=None", "on_end": "span"}[name]
            raise TypeError(
                f"{cls.__name__}.{name}{written(function)} cannot be called: write def {name}(self, {given})"
            )
