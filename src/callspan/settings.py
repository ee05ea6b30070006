"""What a user can set: read once, at start, from keywords first and from the environment next."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_log = logging.getLogger("callspan")

DETAILS = ("all", "steps", "calls")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force.

    Args:
        detail: Which runs get a span: `all`, `steps` (no plain chains) or `calls` (no graph nodes either).
        metadata: Which keys of a run's metadata are written; None: all; empty: none.
        strict: Whether our own failures raise instead of being logged; for our tests.
    """

    detail: str = "all"
    metadata: tuple[str, ...] | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting: its keyword, its variable, and how a value is read (ValueError: the value is wrong)."""

    keyword: str
    variable: str
    allowed: str
    read: Callable[[Any], Any]


def _one_of(values: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value.strip().lower() not in values:
            raise ValueError(value)
        return value.strip().lower()

    return read


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return _one_of(("0", "1"))(value) == "1"


def _keys(value: Any) -> tuple[str, ...] | None:
    """Read `*` (all), `none`, or keys: separated by commas, or as a list."""
    keys = value.split(",") if isinstance(value, str) else list(value) if isinstance(value, (list, tuple)) else None
    if keys is None or not all(isinstance(key, str) and key.strip() for key in keys):
        raise ValueError(value)
    keys = [key.strip() for key in keys]
    if keys == ["*"]:
        return None
    if keys in ([], ["none"]):
        return ()
    if "none" in keys or any("*" in key for key in keys):  # neither stands beside keys, and there are no patterns
        raise ValueError(value)
    return tuple(keys)


_SETTINGS = (
    _Setting("detail", "CALLSPAN_DETAIL", " | ".join(DETAILS), _one_of(DETAILS)),
    _Setting("metadata", "CALLSPAN_METADATA", "* | none | keys, exact and separated by commas", _keys),
    _Setting("strict", "CALLSPAN_STRICT", "0 | 1", _switch),
)


def read_settings(**keywords: Any) -> Settings:
    """Read the settings; a keyword that is None was not given.

    Raises:
        ValueError: A keyword has a value that is not allowed. A variable with such a value only warns, and its
            default is used: the environment is not the program's to fail on.
    """
    values: dict[str, Any] = {}
    for setting in _SETTINGS:
        given = keywords.get(setting.keyword)
        if given is not None:
            values[setting.keyword] = _from_keyword(setting, given)
        elif (text := os.environ.get(setting.variable)) not in (None, ""):
            _from_variable(setting, text, values)
    return Settings(**values)


def check_keywords(**keywords: Any) -> None:
    """Check keywords alone, whatever the environment says; one that is None was not given.

    Raises:
        ValueError: A keyword has a value that is not allowed.
    """
    for setting in _SETTINGS:
        if keywords.get(setting.keyword) is not None:
            _from_keyword(setting, keywords[setting.keyword])


def _from_keyword(setting: _Setting, value: Any) -> Any:
    try:
        return setting.read(value)
    except ValueError:
        raise ValueError(f"{setting.keyword}={value!r} is not allowed: {setting.allowed}") from None


def _from_variable(setting: _Setting, text: str | None, values: dict[str, Any]) -> None:
    try:
        values[setting.keyword] = setting.read(text)
    except ValueError:
        _log.warning("%s=%r is not allowed, the default is used; allowed: %s", setting.variable, text, setting.allowed)
