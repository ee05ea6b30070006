"""How many arguments a function takes: read when it is handed over, so that a slip is found before the first call."""

from __future__ import annotations

import inspect
from functools import partialmethod
from types import FunctionType, MethodType
from typing import Any


def accepts(function: Any, count: int) -> bool:
    """Return whether a callable takes this many positional arguments; True where its signature cannot be read.

    Args:
        function: A function, a bound method or any other callable.
        count: How many arguments it is called with.
    """
    # By their very types: a mock can pass for an instance of any.
    if type(function) is MethodType:
        return accepts(function.__func__, count + 1)
    if type(function) is FunctionType:
        return _function_accepts(function, count)
    return binds(function, *[None] * count)


def binds(function: Any, *args: Any, **kwargs: Any) -> bool:
    """Return whether a callable takes these arguments; True where its signature cannot be read."""
    try:
        # What is called is the outermost function: a decorator may pass on more than it is given.
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _function_accepts(function: FunctionType, count: int) -> bool:
    # Read from the code: `__signature__` and `__wrapped__` are those of the function inside of a decorator.
    code, named = function.__code__, function.__kwdefaults__ or {}
    required = code.co_argcount - len(function.__defaults__ or ())
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    several = bool(code.co_flags & inspect.CO_VARARGS)
    return required <= count and (several or count <= code.co_argcount) and all(name in named for name in keywords)


def as_found(owner: type, name: str) -> Any:
    """Return a class attribute as an instance of the class finds it; None where only an instance can tell."""
    value = inspect.getattr_static(owner, name, None)
    if type(value) is FunctionType:
        return MethodType(value, owner)
    if isinstance(value, staticmethod):
        return value.__func__
    if isinstance(value, classmethod):
        return MethodType(value.__func__, owner)
    if isinstance(value, partialmethod):
        return value.__get__(owner, owner)
    return None if hasattr(type(value), "__get__") else value


def is_function(value: Any) -> bool:
    """Return whether a class or instance attribute is a function or a method, in whatever wrapping."""
    return isinstance(value, (classmethod, partialmethod)) or (callable(value) and not isinstance(value, type))


def parameters(function: Any) -> tuple[str, ...]:
    """Return the names of the parameters of a plain function or method; none of any other callable."""
    plain = _plain(function)
    if plain is None:
        return ()
    code = plain.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def is_kind(function: Any, *flags: int) -> bool:
    """Return whether a plain function or method has one of these flags, `inspect.CO_GENERATOR` and its likes."""
    plain = _plain(function)
    return plain is not None and any(plain.__code__.co_flags & flag for flag in flags)


def _plain(function: Any) -> FunctionType | None:
    plain = function.__func__ if type(function) is MethodType else function
    return plain if type(plain) is FunctionType else None


def written(function: Any) -> str:
    """Return the parameters as they stand in the source, `(self, run)`; empty where they cannot be read."""
    try:
        signature = inspect.signature(getattr(function, "__func__", function), follow_wrapped=False)
    except (TypeError, ValueError):
        return ""
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    return str(inspect.Signature(bare))
