"""Mistakes in a callback that would make it receive nothing: found when its class is made or it is registered."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import partialmethod
from types import FunctionType, MethodType
from typing import Any

from callspan import semconv
from callspan.core import state

_log = logging.getLogger("callspan")

KINDS = ("llm", "chain", "tool", "retriever", "embedding")

# The conventions' operations, each with its kind of run.
OPERATIONS = {
    semconv.CHAT: "llm",
    semconv.TEXT_COMPLETION: "llm",
    "generate_content": "llm",
    semconv.EMBEDDINGS: "embedding",
    semconv.EXECUTE_TOOL: "tool",
    semconv.RETRIEVAL: "retriever",
    semconv.INVOKE_AGENT: "chain",
    semconv.INVOKE_WORKFLOW: "chain",
}

_Hooks = Mapping[str, tuple[str, ...]]

_OPENTELEMETRYS = ("on_start", "on_end", "on_ending")

# Parameters that methods of LangChain's handlers have in the place of the run.
_LANGCHAINS = frozenset(
    (
        *("serialized", "prompts", "messages", "inputs", "input_str", "query"),
        *("response", "outputs", "output", "documents", "error", "run_id", "parent_run_id"),
    )
)
_FROM_LANGCHAIN = (
    ". It has the parameters of LangChain's handlers: a class of BaseCallbackHandler is registered as "
    "callspan.FromLangChain(handler)"
)

# What others call a kind of run, and an event of a run.
_KINDS = {
    "chat_model": "llm", "chat": "llm", "model": "llm", "agent": "chain", "graph": "chain", "node": "chain",
    "workflow": "chain", "prompt": "chain", "parser": "chain", "runnable": "chain", "retrieval": "retriever",
    "embeddings": "embedding", "function": "tool",
}  # fmt: skip
_EVENTS = {
    "begin": "start", "call": "start", "started": "start", "finish": "end", "stop": "end", "done": "end",
    "complete": "end", "ended": "end", "fail": "error", "failure": "error", "failed": "error", "exception": "error",
    "stream": "new_token", "token": "new_token", "chunk": "new_token",
}  # fmt: skip


def hooks_of(base: type) -> dict[str, tuple[str, ...]]:
    """Return the hooks that `Callback` (`base`) has, each with what it receives besides the run."""
    hooks = [(name, value.__code__) for name, value in vars(base).items() if name.startswith("on_")]
    return {name: code.co_varnames[2 : code.co_argcount] for name, code in hooks if name not in _OPENTELEMETRYS}


def check_class(cls: type, base: type) -> None:
    """Check the class of a callback when it is made: its methods, the order of its bases, its selection."""
    hooks = hooks_of(base)
    mixins = [one for one in cls.__mro__ if not issubclass(one, base) and one not in base.__mro__]
    inherited = {name for one in mixins for name in vars(one)}
    for name, value in vars(cls).items():
        if name not in inherited and _looks_like_hook(name, value, hooks):
            raise TypeError(_no_hook(cls, name, hooks))
    for mixin in mixins:
        _check_mixin(cls, mixin, base)
    for hook in hooks:
        if getattr(cls, hook) is not getattr(base, hook):
            _check_hook(cls, hook, _static(cls, hook), hooks[hook])
    _check_others(cls, base)
    check_selection(*(_static(cls, name) for name in ("kinds", "names", "tags")))


def overridden(cls: type, base: type) -> frozenset[str]:
    """Return the hooks that a class overrides; one that is None is switched off."""
    return frozenset(hook for hook in hooks_of(base) if getattr(cls, hook) not in (None, getattr(base, hook)))


def check_instance(callback: Any, base: type) -> None:
    """Check a callback when it is registered, and let it receive the hooks that were assigned to it or to its class."""
    if not callback.callspan_checked:
        cls: Any = type(callback)
        if cls.callspan_heard != (added := overridden(cls, base)) and "callspan_heard" not in vars(callback):
            for hook in added - cls.callspan_heard:
                _check_hook(cls, hook, _static(cls, hook), hooks_of(base)[hook])
            cls.callspan_heard = added
        check_selection(callback.kinds, callback.names, callback.tags)
    assigned = [(name, value) for name, value in vars(callback).items() if name.startswith("on_")]
    if assigned:  # each time: its own attributes may be new
        _check_assigned(callback, assigned, hooks_of(base))
    object.__setattr__(callback, "callspan_checked", True)  # it may be a frozen dataclass


def _check_assigned(callback: Any, assigned: Iterable[tuple[str, Any]], hooks: _Hooks) -> None:
    found: set[str] = set()
    for name, value in assigned:
        if name in hooks and _is_function(value):
            _check_hook(type(callback), name, value, hooks[name])
            found.add(name)
        elif _looks_like_hook(name, value, hooks) and _is_slip(name, hooks):
            raise TypeError(_no_hook(type(callback), name, hooks))
    if not found <= callback.callspan_heard:
        object.__setattr__(callback, "callspan_heard", callback.callspan_heard | found)


def check_late(base: type, callback: Any) -> None:
    """Check a callback that comes with a call: a mistake is logged, for the call is not to be broken."""
    try:
        check_instance(callback, base)
    except (TypeError, ValueError) as mistake:
        object.__setattr__(callback, "callspan_checked", True)
        _log.warning("%s", mistake)


def _looks_like_hook(name: str, value: Any, hooks: _Hooks) -> bool:
    return name.startswith("on_") and name not in hooks and name not in _OPENTELEMETRYS and _is_function(value)


def _is_slip(name: str, hooks: _Hooks) -> bool:
    """Return whether a name that may belong to somebody else's interface is meant as one of the hooks."""
    return name.startswith(("on_llm_", "on_chat_model_")) or bool(get_close_matches(name, hooks, 1, 0.85))


def _no_hook(cls: type, name: str, hooks: _Hooks) -> str:
    meant = _nearest(name, hooks)
    advice = f"did you mean {meant}?" if meant else f"hooks are {', '.join(hooks)}."
    return (
        f"{cls.__name__}.{name} is no hook of callspan and would never be called: {advice} "
        f"If it is a method of your own, give it a name that does not begin with on_."
    )


def _nearest(name: str, hooks: _Hooks) -> str | None:
    """Return the hook that a wrong name most likely stands for, or None."""
    bare = name.lower()
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


def _check_mixin(cls: type, mixin: type, base: type) -> None:
    """Check a base beside `Callback`: for slips, and that `Callback`, which has every hook, hides none of its own."""
    hooks = hooks_of(base)
    is_handler = any(one.__name__ == "BaseCallbackHandler" for one in mixin.__mro__)
    for name, value in () if is_handler else vars(mixin).items():
        if _looks_like_hook(name, value, hooks) and _is_slip(name, hooks):
            raise TypeError(_no_hook(cls, name, hooks))
    if getattr(mixin, "_is_protocol", False):
        return
    for name in (*hooks, "wants"):
        value = vars(mixin).get(name)
        hidden = value is not None and getattr(cls, name) is getattr(base, name)
        if not hidden or getattr(value, "__isabstractmethod__", False):
            continue
        if not is_handler:
            raise TypeError(
                f"{mixin.__name__}.{name} would never be called, for Callback comes before {mixin.__name__} in the "
                f"bases of {cls.__name__}: write class {cls.__name__}({mixin.__name__}, Callback)"
            )
        if state.first_time(f"hidden {cls.__module__}.{cls.__qualname__}"):
            _log.warning(
                "%s.%s of LangChain's handler is never called in %s, for Callback comes before it: "
                "register callspan.FromLangChain(handler), or write the hooks of callspan",
                mixin.__name__, name, cls.__name__,
            )  # fmt: skip
        return


def _check_hook(cls: type, hook: str, function: Any, payload: tuple[str, ...]) -> None:
    """Check that a hook can be called with its run and this payload."""
    if function is None:
        return
    where = f"{cls.__name__}.{hook}"
    if not callable(function):
        raise TypeError(f"{where} is {function!r}, which cannot be called: write a method")
    if _has_flag(function, inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
        raise TypeError(f"{where} is a generator function, whose body would never run: leave out its `yield`")
    count = 1 + len(payload) + (bool(payload) and bool(getattr(cls, "callspan_keywords", False)))
    wanted = f"write def {hook}({', '.join(('self', 'run', *payload))})"
    code = None if (plain := _plain(function)) is None else plain.__code__
    named = () if code is None else code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    theirs = bool(_LANGCHAINS.intersection(named[:2])) or "run_id" in named or named[1:2] == payload[:1] != ()
    if not accepts(function, count):
        hint = _FROM_LANGCHAIN if theirs else ""
        raise TypeError(f"{where}{_written(function)} cannot be called with its run: {wanted}{hint}")
    if theirs and state.first_time(f"signature {cls.__module__}.{cls.__qualname__}.{hook}"):
        _log.warning("%s%s gets the run: %s%s", where, _written(function), wanted, _FROM_LANGCHAIN)


def _check_others(cls: type, base: type) -> None:
    """Check the methods that are no hooks and that nobody awaits."""
    given = {"wants": "run", "on_start": "span, parent_context=None", "on_end": "span"}
    for name, parameters in given.items():
        function = _static(cls, name)
        if getattr(cls, name) is getattr(base, name) or function is None:
            continue
        if _has_flag(function, inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
            raise TypeError(f"{cls.__name__}.{name} is async, and nobody awaits it: write a plain def")
        if not (_binds(function, None, parent_context=None) if name == "on_start" else accepts(function, 1)):
            wanted = f"write def {name}(self, {parameters})"
            raise TypeError(f"{cls.__name__}.{name}{_written(function)} cannot be called: {wanted}")


# Selections ------------------------------------------------------------------------------------------------------


def check_kinds(kinds: Iterable[str]) -> None:
    """Check the names of kinds.

    Raises:
        TypeError: They are no texts.
        ValueError: One is neither a kind nor an operation.
    """
    for kind in texts("kinds", kinds):
        if kind not in KINDS and kind not in OPERATIONS:
            raise ValueError(f"kinds={kind!r} is not allowed: {' | '.join((*KINDS, *OPERATIONS))}")


def check_selection(kinds: Iterable[str] | None, names: Iterable[str] | None, tags: Iterable[str] | None) -> None:
    """Check what selects runs, as `check_kinds` and `texts` do; None selects all."""
    check_kinds(kinds or ())
    texts("names", names or ())
    texts("tags", tags or ())


def texts(keyword: str, given: Any) -> tuple[str, ...]:
    """Return the texts that a keyword was given, one or several.

    Raises:
        TypeError: It is neither a text nor several.
    """
    found: tuple[Any, ...] = (given,)
    if isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping)):
        found = tuple(given)
    for one in found:
        if not isinstance(one, str):
            raise TypeError(f"{keyword}={given!r} is not allowed: a text, or several")
    return found


# Signatures ------------------------------------------------------------------------------------------------------


def accepts(function: Any, count: int) -> bool:
    """Return whether a callable takes this many positional arguments; True where its signature cannot be read."""
    if type(function) is MethodType:  # by its very type: a mock can pass for an instance of any
        return accepts(function.__func__, count + 1)
    return _binds(function, *[None] * count)


def _binds(function: Any, *args: Any, **kwargs: Any) -> bool:
    signature = _signature(function)
    if signature is not None:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            return False
    return True


def _signature(function: Any) -> inspect.Signature | None:
    try:
        # What is called is the outermost function: a decorator may pass on more than it is given.
        return inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return None


def _static(owner: type, name: str) -> Any:
    """Return a class attribute as an instance of the class finds it; None where only an instance can tell."""
    value = inspect.getattr_static(owner, name, None)
    if isinstance(value, staticmethod):
        return value.__func__
    if type(value) is FunctionType:
        return MethodType(value, owner)
    if isinstance(value, classmethod):
        return MethodType(value.__func__, owner)
    if isinstance(value, partialmethod):
        return value.__get__(owner, owner)
    return None if hasattr(type(value), "__get__") else value


def _is_function(value: Any) -> bool:
    """Return whether a class or instance attribute is a function or a method, in whatever wrapping."""
    return isinstance(value, (classmethod, partialmethod)) or (callable(value) and not isinstance(value, type))


def _plain(function: Any) -> FunctionType | None:
    plain = function.__func__ if type(function) is MethodType else function
    return plain if type(plain) is FunctionType else None


def _has_flag(function: Any, flags: int) -> bool:
    plain = _plain(function)
    return plain is not None and bool(plain.__code__.co_flags & flags)


def _written(function: Any) -> str:
    """Return the parameters as they stand in the source, `(self, run)`; empty where they cannot be read."""
    signature = _signature(getattr(function, "__func__", function))
    if signature is None:
        return ""
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    return str(inspect.Signature(bare))
