"""Callbacks by name: `module:Class`, as a variable or a configuration file says it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from callspan.callback.callback import Callback
from callspan.callback.forward import as_callback

_log = logging.getLogger("callspan")

ALLOWED = "module:Class, several separated by commas; each a class of span processors that is made without arguments"


def load(given: Any) -> list[Callback]:
    """Give the callbacks that were given: span processors, or texts that name their classes.

    Args:
        given: One, or an iterable; a text may name several, separated by commas.

    Raises:
        ValueError: One cannot be found, cannot be made, or is no span processor.
    """
    return [_named(one) if isinstance(one, str) else _made(one, one) for one in _each(given)]


def load_named(given: Any, source: str) -> list[Callback]:
    """Give the callbacks that are named outside of the program; one that cannot be had is warned of, and left out.

    Args:
        given: As for `load`.
        source: The variable that has the names, or the file's.
    """
    found: list[Callback] = []
    for one in _each(given):
        try:
            found += load([one])
        except ValueError as wrong:
            _log.warning("%s: %s; it is left out", source, wrong)
    return found


def _each(given: Any) -> Iterator[Any]:
    for one in [given] if isinstance(given, str) or not isinstance(given, Iterable) else given:
        if isinstance(one, str):
            yield from _names(one)
        else:
            yield one


def _names(text: str) -> list[str]:
    return [name for name in map(str.strip, text.split(",")) if name]


def _named(name: str) -> Callback:
    module, colon, path = name.partition(":")
    try:
        if not colon or not module or not path:
            raise ValueError("it has no `:` between module and class")
        value: Any = import_module(module)
        for part in path.split("."):
            value = getattr(value, part)
        if isinstance(value, type):
            value = value()
    except Exception as error:
        raise ValueError(f"callbacks={name!r} is not allowed ({type(error).__name__}: {error}): {ALLOWED}") from error
    return _made(value, name)


def _made(value: Any, said: Any) -> Callback:
    try:
        return as_callback(value)
    except TypeError as mistake:
        if isinstance(value, Callback):
            raise ValueError(f"callbacks={said!r} is not allowed: {mistake}") from mistake
        raise ValueError(
            f"callbacks={said!r} is not allowed, it is no span processor{_hint(value)}: {ALLOWED}"
        ) from None


def _hint(value: Any) -> str:
    if isinstance(value, type):
        return " but a class, of which an instance is given"
    is_handler = any(cls.__name__ == "BaseCallbackHandler" for cls in type(value).__mro__)
    return " but a handler of LangChain's, which is given as callspan.FromLangChain(handler)" if is_handler else ""
