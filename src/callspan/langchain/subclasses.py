"""Methods that are abstract, or overridden: each subclass is patched as it is made."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from callspan.core.patching import Undo, is_patched, try_wrap, unwrap
from callspan.core.shapes import Weave


def watch(base: Any, methods: Sequence[str], weave: Weave) -> Undo:
    """Patch the subclasses there are, and those to come.

    Args:
        base: The base class; its own methods are left alone.
        methods: The methods.
        weave: What stands around each of them.

    Returns:
        What restores them all.
    """

    def init_subclass(cls: type[Any], /, **kwargs: Any) -> None:
        super(base, cls).__init_subclass__(**kwargs)
        _patch(cls, methods, weave)

    made_by: Any = classmethod(init_subclass)
    base.__init_subclass__ = made_by
    for cls in _subclasses(base):
        _patch(cls, methods, weave)

    def undo() -> None:
        if vars(base).get("__init_subclass__") is made_by:
            del base.__init_subclass__
        for cls in _subclasses(base):
            for name in methods:
                unwrap(cls, name)

    return undo


def _patch(cls: type, methods: Sequence[str], weave: Weave) -> None:
    for name in methods:
        method = vars(cls).get(name)
        if inspect.isfunction(method) and not is_patched(method) and not getattr(method, "__isabstractmethod__", False):
            try_wrap(cls, name, weave)


def _subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    """Give the subclasses, found anew each time: a list would keep classes alive that nobody uses."""
    subclass: type[Any]
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
