"""What a run's config has under `configurable`: the ids of its conversation, and values that are the program's own.

LangChain announces neither. Cores before 1.3 copy all single values of `configurable` into the metadata, newer ones
nearly none. So the config is read where LangChain makes a callback manager of it, and where our frames are given it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from callspan.langchain.callers import calling_config

CONVERSATION = ("thread_id", "session_id", "conversation_id")
"""Where a program says which conversation this is, in the order of the conventions' own package."""

_SLOT = "_callspan_configurable"
"""The key in the callback manager's `__dict__`."""

_SINGLE = (str, int, float, bool)


class Given(NamedTuple):
    """What `configurable` says of a run.

    Args:
        ids: The ids of its conversation, by their keys.
        private: The keys of its metadata that were copied from there: values of the program's own.
    """

    ids: Mapping[str, Any]
    private: frozenset[str]

    def beside(self, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the metadata with the ids; what is only a copy of another config's id does not count."""
        own = {key: value for key, value in self.ids.items() if key in self.private or key not in metadata}
        return {**metadata, **own} if own else metadata


_NO_IDS: Mapping[str, Any] = {}
_NO_KEYS: frozenset[str] = frozenset()


def read(values: Mapping[str, Any], metadata: Mapping[str, Any]) -> Given | None:
    """Return what is given in `configurable`, or None where that is nothing to us.

    Args:
        values: The `configurable` of the run's config.
        metadata: The metadata of the run, which may have copies of them.
    """
    ids = {key: values[key] for key in CONVERSATION if key in values}
    shared = metadata.keys() & values.keys() if metadata else None
    copied = frozenset(key for key in shared if _is_same(metadata[key], values[key])) if shared else _NO_KEYS
    return Given(ids, copied) if ids or copied else None


def _is_same(one: object, other: object) -> bool:
    return one is other or (type(one) is type(other) and isinstance(one, _SINGLE) and one == other)


def inherited(
    given: Given | None, metadata: Mapping[str, Any], above: Given, metadata_above: Mapping[str, Any]
) -> Given | None:
    """Return what is given to a run inside another one, where the metadata has copies of the outer config too.

    Args:
        given: What its own config says.
        metadata: Its metadata.
        above: What the config of the run above says.
        metadata_above: The metadata of that.
    """
    if not above.private or (given is not None and given.private >= above.private):
        return given
    copied = frozenset(
        key
        for key in above.private & metadata.keys()
        if _is_same(metadata[key], metadata_above.get(key, metadata[key]))
    )
    if given is None:
        return Given(_NO_IDS, copied) if copied else None
    return Given(given.ids, given.private | copied)


def configured(args: tuple[Any, ...], kwargs: dict[str, Any], manager: Any) -> None:
    """Note on a callback manager what the config says that it is made of."""
    config = args[0] if args else kwargs["config"]
    values = config.get("configurable")
    manager.__dict__[_SLOT] = read(values, manager.metadata) if values else None  # also if nothing: it is known now


def given_to(manager: Any, metadata: Mapping[str, Any], config: Any, *, is_root: bool) -> Given | None:
    """Return what is given to a run that is being announced, or None.

    Args:
        manager: Its callback manager.
        metadata: Its metadata.
        config: The config that its frame was called with, if that is known.
        is_root: Whether there is no run above it, from which it would inherit.
    """
    if _SLOT in manager.__dict__:
        found: Given | None = manager.__dict__[_SLOT]
        return found
    if config is None and (is_root or metadata):  # a `RunnableParallel` makes its manager itself
        config = calling_config(1)
    if config is None:
        return None
    values = configurable_of(config)
    return read(values, metadata) if values else None


def configurable_of(config: Any) -> Mapping[str, Any]:
    """Return the `configurable` of a config, with what it inherits from the one around.

    Args:
        config: The config, or anything that stands in its place.
    """
    own = config.get("configurable") if type(config) is dict or isinstance(config, Mapping) else None
    module = sys.modules.get("langchain_core.runnables.config")
    around = None if module is None else module.var_child_runnable_config.get()
    inherited = around.get("configurable") if around else None
    return {**(inherited or {}), **own} if own else inherited or {}


def config_among(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return the config among the arguments of a method of LangChain's: behind the input, or by its name.

    Args:
        args: The arguments, the object first.
        kwargs: The keywords.
    """
    config = args[2] if len(args) > 2 else None  # noqa: PLR2004 - self, input, config
    return config if type(config) in (dict, list) else kwargs.get("config")
