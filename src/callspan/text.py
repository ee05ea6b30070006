"""Text that may leave the process: no lone surrogates, no secrets, no more than is asked for."""

from __future__ import annotations

from functools import lru_cache

from callspan.secret_keys import USUAL
from callspan.secret_texts import without_secrets

NAME_LIMIT = 256
"""Characters of a span or event name; longer ones are data, not names."""

ERROR_LIMIT = 1024
"""Characters of an error's text (interface.md, Errors)."""

_CUT = "…"


def encodable(text: str) -> str:
    """Give the text as plain `str` that UTF-8 can carry.

    A lone surrogate in a span name, an event name or a status makes the OTLP encoder lose the whole batch.
    """
    plain = text if type(text) is str else str.__str__(text)
    if plain.isascii():
        return plain
    return plain.encode("utf-8", "replace").decode("utf-8")


def cut(text: str, limit: int) -> str:
    """Give at most `limit` characters of the text, with a sign where something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + _CUT


def safe_text(text: str, limit: int, among: frozenset[str] = USUAL) -> str:
    """Give a text of the program's own, of at most so many characters, without secrets.

    Args:
        text: The text.
        limit: Its characters.
        among: The words of the keys whose values are secrets.
    """
    if len(text) <= _SHORT:
        return encodable(_without_secrets(text, among)[:limit])
    return encodable(without_secrets(text[: limit + _SHORT], among)[:limit])


_SHORT = 256
"""Characters of a text that is likely to come again, in the next run of the same program."""

_without_secrets = lru_cache(maxsize=4096)(without_secrets)


def safe_name(name: object) -> str | None:
    """Give a name fit for a span, or None where there is none; a secret in it does not get out."""
    return _safe_name(name) if isinstance(name, str) and name else None


@lru_cache(maxsize=2048)
def _safe_name(name: str) -> str:
    return encodable(cut(without_secrets(cut(name, 4 * NAME_LIMIT)), NAME_LIMIT))


def forget() -> None:
    """Forget what programs called things."""
    _without_secrets.cache_clear()
    _safe_name.cache_clear()
