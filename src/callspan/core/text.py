"""Text that may leave the process: no lone surrogates, no secrets, within a limit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from callspan.capture.patterns import lazily
from callspan.capture.secret_keys import USUAL
from callspan.capture.secrets import without_keys, without_secrets

NAME_LIMIT = 256  # characters of a span or event name; longer ones are data, not names
ERROR_LIMIT = 1024  # characters of an error's text
_CUT = "…"


def encodable(text: str) -> str:
    """Return the text as plain `str` that UTF-8 can carry.

    A lone surrogate in a span name, an event name or a status makes the OTLP encoder lose the whole batch.
    """
    plain = text if type(text) is str else str.__str__(text)
    if plain.isascii():
        return plain
    return plain.encode("utf-8", "replace").decode("utf-8")


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters of the text, with a sign where something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + _CUT


def safe_text(text: str, limit: int, among: frozenset[str] | None = None) -> str:
    """Return a text of the program's own, of at most so many characters, without secrets."""
    among = _SAFE.among if among is None else among
    if len(text) <= NAME_LIMIT:
        return (_SAFE[text] if among is _SAFE.among else encodable(without_secrets(text, among)))[:limit]
    return encodable(without_secrets(text[: limit + NAME_LIMIT], among)[:limit])


def safe_name(name: object) -> str | None:
    """Return a name fit for a span, without secrets, or None where there is none."""
    if type(name) is not str:
        if not isinstance(name, str):
            return None
        name = str.__str__(name)  # a subclass may have a hash of its own
    if len(name) <= NAME_LIMIT:
        return _SAFE[name] if name else None
    return encodable(cut(without_secrets(cut(name, 4 * NAME_LIMIT), _SAFE.among), NAME_LIMIT))


def name_without_ids(name: object) -> str | None:
    """Return a name fit for a span without the ids in it, or None where nothing is left.

    Some libraries name what they make by its id (Guardrails: `gr-` and a UUID), but a span's name must have few values.
    """
    if not isinstance(name, str):
        return None
    return safe_name(_without_ids(name) if len(name) <= NAME_LIMIT else name)


@lru_cache(maxsize=2048)
def _without_ids(name: str) -> str:
    return _IDS.sub("", name)


_UUID = "[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}"
_MIXED = "(?=[0-9a-f]*(?:[0-9][a-f]+[0-9]|[a-f][0-9]+[a-f]))"

# Behind a separator: a UUID, an address, a hash (its digits and letters are mixed), a number that is too long to count.
_IDS = lazily(
    rf"(?:^{_UUID}|[\s_:#./-](?:{_UUID}|0x[0-9a-f]{{6,}}|{_MIXED}[0-9a-f]{{8,}}|[0-9]{{10,}}))"
    r"(?![0-9a-z])",
    re.IGNORECASE,
)


def safe_id(text: str) -> str:
    """Return an id of the program's own without keys of known shapes; an e-mail address is an id like any other."""
    return _SAFE_IDS[text] if len(text) <= NAME_LIMIT else encodable(without_keys(text))


_LONG_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

# Ids of providers, LangChain and LangGraph: each comes once, so it is told by its shape and not kept.
_ID = lazily(
    r"(?:chatcmpl-|cmpl-|gen-|run-|lc_run--|call_|toolu_|toolu_vrtx_|toolu_bdrk_|msg_|msg_vrtx_|msg_bdrk_|resp_|fc_)?"
    rf"(?:{_LONG_UUID}|(?!A(?:[KSBC]IA|BSK|Iza)|eyJ|LTAI|(?:\d{{13}}))[A-Za-z0-9]{{0,40}})"
    rf"|(?:[A-Za-z_]{{1,20}}:{_LONG_UUID}(?:\||$))+",  # a checkpoint namespace, of names too short for a key
    re.ASCII,
)


class _Cleaned(dict[str, str]):
    """Short texts without secrets, by text: names come again with each run, so each is searched once.

    A subscript of a dict costs 20 ns for a known text, less than a call of `lru_cache`.
    """

    __slots__ = ("among", "clean")

    def __init__(self, clean: Callable[[str, frozenset[str]], str]) -> None:
        super().__init__()
        self.clean = clean
        self.among = USUAL

    def __missing__(self, text: str) -> str:
        if _ID.fullmatch(text) is None:
            safe = cut(encodable(self.clean(text, self.among)), NAME_LIMIT)
        elif text.isalpha():  # a name
            safe = text
        else:
            return text
        if len(self) >= _KEPT:
            self.clear()
        self[text] = safe
        return safe


_KEPT = 2048  # how many short texts are kept
_SAFE = _Cleaned(without_secrets)
_SAFE_IDS = _Cleaned(lambda text, among: without_keys(text))
short_ids: Mapping[str, str] = _SAFE_IDS  # the same for ids of the program's own

# The safe form of a text of at most `NAME_LIMIT`, for the hot path; elsewhere `safe_text`.
short_texts: Mapping[str, str] = _SAFE


def deny(among: frozenset[str] = USUAL) -> None:
    """Set the words of the keys whose values are secrets, and forget the texts of before."""
    _SAFE.clear()
    _SAFE_IDS.clear()
    _SAFE.among = among
