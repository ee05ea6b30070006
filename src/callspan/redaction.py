"""What must not leave the process: secrets in what was said, by their shape or by the key they stand under."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from callspan.text import PRINTED, without_secrets

Redact = Callable[[Any, "Place"], Any]
"""Takes a part of what was said and its place; gives it back, changed or not, or None to drop it."""

FAILED = "[redaction failed]"
"""Stands for what a redactor failed on: it is lost, not leaked."""

DENIED_KEYS = (
    *("password", "passwd", "passphrase", "pwd", "secret", "client_secret", "secret_key", "private_key"),
    *("api_key", "apikey", "access_key", "access_token", "refresh_token", "id_token", "auth_token", "session_token"),
    *("bearer_token", "csrf_token", "token", "auth", "authorization", "proxy_authorization", "credential"),
    *("credentials", "cookie", "set_cookie", "connection_string", "card_number", "credit_card", "cvv", "cvc", "ssn"),
)
"""What stands under such a key is replaced: alone, or as the last words of a longer one (`openai_api_key`)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of what was said stands.

    Args:
        kind: What it belongs to: `input_messages`, `output_messages`, `system_instructions`, `tool_definitions`,
            `tool_arguments`, `tool_result`, `query`, `documents`, `inputs` or `outputs`.
        role: The role of its message, if it is part of one.
        key: The key it stands under, if it is part of an object.
    """

    kind: str
    role: str | None = None
    key: str | None = None


def redactor(setting: str | Redact, keys: Iterable[str]) -> Redact | None:
    """Give the redactor that a setting asks for; None: nothing is redacted.

    Args:
        setting: `secrets`, `all`, `none`, or a function.
        keys: Keys whose values are secrets, besides the usual ones.
    """
    if not isinstance(setting, str):
        return setting
    return {"none": None, "all": everything}.get(setting) if setting != "secrets" else secrets(keys)


def secrets(keys: Iterable[str] = ()) -> Redact:
    """Make the redactor that replaces secrets.

    Args:
        keys: Keys whose values are replaced, besides the usual ones.
    """
    denied = frozenset(map(_words, (*DENIED_KEYS, *keys)))

    def redact(part: Any, place: Place) -> Any:
        if place.key is not None and _is_denied(place.key, denied) and _may_be_secret(part):
            return PRINTED
        return _clean(part, denied)

    return redact


def everything(part: Any, place: Place) -> Any:
    """Redact all that was said; how much was said, by whom and in what shape stays."""
    if isinstance(part, str):
        return PRINTED if part else part
    if isinstance(part, Mapping):
        return {key: value if key in _SHAPE else everything(value, place) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return [everything(one, place) for one in part]
    return part if part is None or isinstance(part, bool) else PRINTED


_SHAPE = frozenset({"type", "role", "id", "name", "modality", "mime_type", "finish_reason", "size"})
"""Keys of a part that say what it is, not what was said."""


def _clean(part: Any, denied: frozenset[str]) -> Any:
    if isinstance(part, str):
        return without_secrets(part)
    if isinstance(part, Mapping):
        return {
            without_secrets(key) if isinstance(key, str) else key: PRINTED
            if isinstance(key, str) and _is_denied(key, denied) and _may_be_secret(value)
            else _clean(value, denied)
            for key, value in part.items()
        }
    if isinstance(part, (list, tuple)):
        return [_clean(one, denied) for one in part]
    return part


def _may_be_secret(value: Any) -> bool:
    """Tell whether a value under a telling key is one: a count of tokens, a switch or nothing is none."""
    return value is not None and value != "" and not isinstance(value, (bool, float))


@lru_cache(maxsize=2048)
def _is_denied(key: str, denied: frozenset[str]) -> bool:
    words = _words(key)
    return any(words == one or words.endswith(f"_{one}") for one in denied)


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s\-.]+")


def _words(key: str) -> str:
    return _CAMEL.sub("_", key.strip()).lower()


def is_denied(key: str) -> bool:
    """Tell whether what stands under this key is a secret by the usual list."""
    return _is_denied(key, _USUAL)


_USUAL = frozenset(map(_words, DENIED_KEYS))
