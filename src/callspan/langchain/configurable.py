"""What a run's config has under `configurable`: the ids of its conversation, and values that are the program's own.

LangChain announces neither. Cores before 1.3 copy all single values of `configurable` into the metadata, newer ones
nearly none. So the config is read where LangChain makes a callback manager of it, and where our frames are given it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from callspan.langchain.callers import calling_config

# Where a program says which conversation this is, in the order of the conventions' own package.
CONVERSATION = ("thread_id", "session_id", "conversation_id")

GIVEN = "_callspan_configurable"  # the key in a callback manager's `__dict__`; None there: nothing was given

_SINGLE = (str, int, float, bool)
_NO_IDS: Mapping[str, Any] = {}
_NO_KEYS: frozenset[str] = frozenset()


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


def _read(values: Mapping[str, Any], metadata: Mapping[str, Any]) -> Given | None:
    """Return what is given in `configurable` and copied into the metadata, or None where that is nothing to us."""
    ids: dict[str, Any] = {}
    for key in CONVERSATION:
        if key in values:
            ids[key] = values[key]
    shared = metadata.keys() & values.keys() if metadata else None
    private = _same(shared, metadata, values) if shared else _NO_KEYS
    return Given(ids, private) if ids or private else None


def _same(keys: AbstractSet[str], one: Mapping[str, Any], other: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys whose values are the same in both; single values only are compared."""
    found: list[str] = []
    for key in keys:
        here = one[key]
        there = other.get(key, here)
        if here is there or (type(here) is type(there) and isinstance(here, _SINGLE) and here == there):
            found.append(key)
    return frozenset(found) if found else _NO_KEYS


def inherited(
    given: Given | None, metadata: Mapping[str, Any], above: Given, metadata_above: Mapping[str, Any]
) -> Given | None:
    """Return what is given to a run inside another one, where the metadata has copies of the outer config too."""
    if not above.private or (given is not None and given.private >= above.private):
        return given
    private = _same(above.private & metadata.keys(), metadata, metadata_above)
    if given is None:
        return Given(_NO_IDS, private) if private else None
    return Given(given.ids, given.private | private)


def configured(args: tuple[Any, ...], kwargs: dict[str, Any], manager: Any) -> None:
    """Note on a callback manager what the config gives that it is made of."""
    config = args[0] if args else kwargs["config"]
    values = config.get("configurable")
    manager.__dict__[GIVEN] = _read(values, manager.metadata) if values else None


def given_to(metadata: Mapping[str, Any], config: Any, *, is_root: bool) -> Given | None:
    """Return what is given to a run whose callback manager was made of no config that we know of, or None."""
    if config is None and (is_root or metadata):  # a `RunnableParallel` makes its manager itself
        config = calling_config()
    if config is None:
        return None
    own = config.get("configurable") if type(config) is dict or isinstance(config, Mapping) else None
    module = sys.modules.get("langchain_core.runnables.config")
    around = None if module is None else module.var_child_runnable_config.get()
    outer = around.get("configurable") if around else None
    values = {**outer, **own} if own and outer else own or outer
    return _read(values, metadata) if values else None


def config_among(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return the config among the arguments of a LangChain method: after the object and the input, or by its name."""
    config = args[2] if len(args) > 2 else None  # noqa: PLR2004 - self, input, config
    return config if type(config) in (dict, list) else kwargs.get("config")
