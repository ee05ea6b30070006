"""The settings, in one table: read at start from keywords or the configuration file, else from the environment."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from inspect import iscoroutinefunction, signature
from typing import Any, NamedTuple

from callspan.core.prices import Price, price_from

_log = logging.getLogger("callspan")

CALLBACKS = "CALLSPAN_CALLBACKS"
CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
FILE = "OTEL_CONFIG_FILE"  # names OpenTelemetry's declarative configuration, whose options reach us as keywords

DETAILS = ("all", "steps", "calls")

COMPAT = ("openinference", "langsmith", "legacy")  # the dialects that `compat` has a table for

CONTENTS = ("no_content", "span_only", "event_only", "span_and_event")
EVENT_CONTENTS = CONTENTS[2:]  # where a log event has the content

_SMALLEST = 1024  # bytes of one attribute: less is of no use


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force.

    Args:
        detail: Which runs get a span: `all`, `steps` (no plain chains) or `calls` (no graph nodes either).
        metadata: Which keys of a run's metadata are written; None: all; empty: none.
        content: Where message content is written: a value of `CONTENTS`.
        content_limit: The most bytes of content in one attribute.
        redact: How content is redacted: `secrets`, `all`, `none`, or a function.
        redact_keys: Keys whose values are secrets, besides the usual ones.
        compat: The tools whose attribute names are written as well.
        prices: Returns the cost of a model's call; None: no cost is written.
        emit_event: Whether models' calls are log events too; None: if events have content.
        strict: Whether our own failures raise instead of being logged; for our tests.
    """

    detail: str = "all"
    metadata: tuple[str, ...] | None = None
    content: str = "no_content"
    content_limit: int = 65536
    redact: str | Callable[[Any, Any], Any] = "secrets"
    redact_keys: tuple[str, ...] = ()
    compat: tuple[str, ...] = ()
    prices: Price | None = None
    emit_event: bool | None = None
    strict: bool = False


class _Setting(NamedTuple):
    """One setting: `read` returns its value or raises ValueError; a warning names `default` as what is used instead."""

    keyword: str
    variable: str
    allowed: str
    read: Callable[[Any], Any]
    default: str
    is_public: bool = True  # whether `instrument()` has it as a keyword


def _one_of(values: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value.strip().lower() not in values:
            raise ValueError(value)
        return value.strip().lower()

    return read


def _switch(off: str, on: str) -> Callable[[Any], bool]:
    read = _one_of((off, on))
    return lambda value: value if isinstance(value, bool) else read(value) == on


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


def _only_keys(value: Any) -> tuple[str, ...]:
    """Read keys, or `none`; not `*`."""
    keys = _keys(value)
    if keys is None:
        raise ValueError(value)
    return keys


def _dialects(value: Any) -> tuple[str, ...]:
    """Read `none`, or names of dialects: separated by commas, or as a list."""
    words = _keys(value.lower() if isinstance(value, str) else value)
    if words is None or not all(word in COMPAT for word in words):
        raise ValueError(value)
    return tuple(dict.fromkeys(words))


def _prices(value: Any) -> Price | None:
    """Read `off`, `builtin` or the name of a file with prices."""
    word = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(word, str) or not word.strip():
        raise ValueError(value)
    word = word.strip()
    try:
        return price_from(word.lower() if word.lower() in ("off", "builtin") else word)
    except ValueError as wrong:
        raise ValueError(value, str(wrong)) from wrong


def _bytes(value: Any) -> int:
    number = int(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int) or number < _SMALLEST:
        raise ValueError(value)
    return number


def _redactor(value: Any) -> Any:
    """Read one of the words, or a function: itself, or `module:function`."""
    if isinstance(value, str) and value.strip().lower() in ("secrets", "all", "none"):
        return value.strip().lower()
    if not isinstance(value, str):
        return _fit(value, ValueError)
    module, colon, path = value.strip().partition(":")
    if not colon:
        raise ValueError(value)
    try:
        found: Any = import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
    except Exception as error:
        raise _NoRedactor(value, f"{type(error).__name__}: {error}") from error
    return _fit(found, _NoRedactor)


class _NoRedactor(ValueError):
    """A function is named that cannot be imported or used."""


def _fit(given: Any, refuse: type[ValueError]) -> Any:
    """Return a redactor, if it is one: a function of a part and its place."""
    if not callable(given):
        raise refuse(given, "it cannot be called")
    if iscoroutinefunction(given) or iscoroutinefunction(getattr(given, "__call__", None)):  # noqa: B004 - an object
        raise refuse(given, "it is async")
    try:
        signature(given).bind(None, None)
    except TypeError:
        raise refuse(given, "it does not take (part, place)") from None
    except ValueError:  # of a function that has none to show
        return given
    return given


_TABLE = (
    _Setting("detail", "CALLSPAN_DETAIL", " | ".join(DETAILS), _one_of(DETAILS), "all"),
    _Setting("metadata", "CALLSPAN_METADATA", "* | none | keys, exact and separated by commas", _keys, "*"),
    _Setting("content", CONTENT, " | ".join(CONTENTS), _one_of(CONTENTS), "no_content"),
    _Setting("content_limit", "CALLSPAN_CONTENT_LIMIT", f"a number of bytes, at least {_SMALLEST}", _bytes, "65536"),
    _Setting("redact", "CALLSPAN_REDACT", "secrets | all | none | module:function", _redactor, "secrets"),
    _Setting("redact_keys", "CALLSPAN_REDACT_KEYS", "keys, separated by commas", _only_keys, "none"),
    _Setting("compat", "CALLSPAN_COMPAT", f"none | {' | '.join(COMPAT)}, separated by commas", _dialects, "none"),
    _Setting("prices", "CALLSPAN_PRICES", "off | builtin | a JSON file", _prices, "off"),
    _Setting("emit_event", "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "true | false", _switch("false", "true"),
             "the default", is_public=False),
    _Setting("strict", "CALLSPAN_STRICT", "0 | 1", _switch("0", "1"), "0", is_public=False),
)  # fmt: skip

_SETTINGS = {setting.keyword: setting for setting in _TABLE}
KEYWORDS = tuple(setting.keyword for setting in _TABLE if setting.is_public)
VARIABLES = tuple(setting.variable for setting in _TABLE)


def has_file() -> bool:
    """Return whether the process is configured by a file."""
    return bool(os.environ.get(FILE))


def read_settings(**keywords: Any) -> Settings:
    """Return the settings; a keyword that is None was not given.

    Raises:
        ValueError: A keyword has a value that is not allowed. A variable with such a value, or a file, only warns, and
            the default is used: they are not the program's to fail on.
    """
    values: dict[str, Any] = {}
    for setting in _SETTINGS.values():
        given = keywords.get(setting.keyword)
        if given is not None and not has_file():
            values[setting.keyword] = read_keyword(setting.keyword, given)
        elif given is not None:
            _from_outside(setting, given, f"{FILE}: {setting.keyword}", values)
        elif (text := os.environ.get(setting.variable)) not in (None, ""):
            _from_outside(setting, text, setting.variable, values)
    return Settings(**values)


def check_keywords(**keywords: Any) -> None:
    """Check keywords; one that is None was not given.

    Raises:
        ValueError: A keyword has a value that is not allowed.
    """
    for name, value in keywords.items():
        if value is not None:
            read_keyword(name, value)


def read_keyword(name: str, value: Any) -> Any:
    """Return the value of a keyword; the environment does not count.

    Raises:
        ValueError: The value is not allowed.
    """
    setting = _SETTINGS[name]
    try:
        return setting.read(value)
    except ValueError as wrong:
        raise ValueError(f"{setting.keyword}={value!r} is not allowed{_why(wrong)}: {setting.allowed}") from None


def _from_outside(setting: _Setting, value: Any, name: str, values: dict[str, Any]) -> None:
    used = setting.default
    try:
        values[setting.keyword] = setting.read(value)
        return
    except _NoRedactor as wrong:
        values[setting.keyword] = used = "all"  # whoever wants a redactor of their own does not want less
        why = _why(wrong)
    except ValueError as wrong:
        why = _why(wrong)
    _log.warning("%s", wrong_value(name, value, setting.allowed, used, why))


def wrong_value(name: str, value: object, allowed: str, used: str, why: str = "") -> str:
    """Return the warning of a value from outside the program that is not allowed; `allowed` is "all | steps"."""
    shown = f'"{value}"' if isinstance(value, str) else repr(value)
    choice = " or ".join(allowed.rsplit(" | ", 1)).replace(" | ", ", ")
    return f"callspan: {name} is {shown}{why}; use {choice}. Using {used}."


def _why(wrong: ValueError) -> str:
    """Return what is wrong with a value, where that is not plain from what is allowed."""
    return f" ({wrong.args[1]})" if len(wrong.args) > 1 else ""
