"""Secrets by what is said before them: what stands behind a telling key in a text, whatever it looks like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from callspan.secret_keys import is_denied, stems, words

PRINTED = "[redacted]"
"""Stands for a secret."""

_TAIL, _TAIL_ESCAPED = 10, 40
"""Characters before a colon that tell whether it is worth a closer look; the key's quotes may be escaped often."""

_KEY_BACKWARDS = re.compile(r"(?:(?i:yek|nekot|terces|drowssap|rebmun|gnirts|edoc)[ ](?=\w))?[\w.\-]+")
"""A key as it is met from its end: a word, or one like `api key`."""

_LONGEST_KEY = 128
_SIGNS = re.compile(r"[:=>]+(?:\s{0,64}(?=[\"'`])|[ \t]*)")


def values(text: str, among: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Give the places of what stands behind a telling key and a colon or an equals sign.

    Args:
        text: The text.
        among: The words of the keys whose values are secrets.
    """
    done = 0
    for at in _telling_signs(text, among):
        if at < done:
            continue
        before = text[max(at - _LONGEST_KEY, 0) : at].rstrip(" \t").rstrip("\"'`\\])")
        found = _KEY_BACKWARDS.match(before[::-1])
        if found is None:
            continue
        key = found[0][::-1]
        in_url = before[: -len(key)].endswith(("?", "&")) and words(key).endswith(("sig", "signature"))
        if in_url or is_denied(key, among):
            sign = _SIGNS.match(text, at)
            opened = before[: -len(key)][-1:]
            start, end = _value(text, at + 1 if sign is None else sign.end(), key, opened)
            if start < end and text[start:end] != PRINTED:
                done = end
                yield start, end


@lru_cache(maxsize=16)
def _pattern(among: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, stems(among))))


def _telling_signs(text: str, among: frozenset[str]) -> Iterator[int]:
    """Give the places of the colons and equals signs before which something like a denied key stands."""
    parts = text.replace("=", ":").split(":")
    tail = _TAIL if '\\"' not in text else _TAIL_ESCAPED
    ends = {part[-tail:] for part in parts}
    telling = _pattern(among)
    if telling.search("\n".join(ends).lower()) is None:
        return
    ends = {end for end in ends if telling.search(end.lower())}
    at = -1
    for part in parts[:-1]:
        at += len(part) + 1
        if part[-tail:] in ends:
            yield at


_CODE = re.compile(r"""(?:[\w.\[\]| ]{1,64}=\s{0,8})?(?:[\w.]{1,64}\(\s{0,8})?[bBfFrRuU]{0,2}(?=["'])""")
"""What stands between a key and its value in a program: a type, a call, a letter before the quotes."""

_TRIPLE = re.compile(r"(\"{3}|'{3}).*?(?:\1|\Z)", re.DOTALL)
_QUOTED = re.compile(r"""(["'`])(?:(?!\1)[^\\]|\\.)*+(?:\1|\Z)""", re.DOTALL)
_ESCAPED = re.compile(r"""(\\+["'])(?:.*?(?<!\\)\1|.*\Z)""", re.DOTALL)
_WORD = re.compile(r"""(?:(?i:bearer|basic|digest|token|negotiate)\s+)?[^\s"'`&,;)}\]<>\\]+""")
_LINE = {"": re.compile(r"[^\r\n]+"), **{one: re.compile(rf"[^\r\n\\{one}]+") for one in "\"'`"}}
"""The rest of a header, by the quotes that it stands in."""

_SHORT_NUMBERS = ("cvv", "cvc", "otp", "pin", "passcode")
"""Keys under which a number of a few digits is a secret."""

_PLAIN = re.compile(r"(?i:true|false|null|none|undefined|[0-9]{1,3}(?:\.[0-9]+)?)")


def _value(text: str, at: int, key: str, opened: str) -> tuple[int, int]:
    """Give the place of a value: in quotes, in brackets, the rest of a header, or a word."""
    header = words(key).endswith(("cookie", "authorization"))
    if not header and (code := _CODE.match(text, at)):
        at = code.end()
    if triple := _TRIPLE.match(text, at):
        return at + 3, max(triple.end() - 3, at + 3)
    if quoted := _QUOTED.match(text, at):
        return at + 1, quoted.end() - text.startswith(quoted[1], quoted.end() - 1, quoted.end())
    if escaped := _ESCAPED.match(text, at):
        quote = escaped[1]
        closed = escaped.end() - at >= 2 * len(quote) and escaped[0].endswith(quote)
        return at + len(quote), escaped.end() - (len(quote) if closed else 0)
    if text.startswith(("{", "[", "("), at):
        return at, _closed(text, at)
    if header:
        line = _LINE.get(opened, _LINE[""]).match(text, at)
        return at, at if line is None else line.end()
    return _bare(text, at, words(key))


def _bare(text: str, at: int, key: str) -> tuple[int, int]:
    """Give the place of a value without quotes; what is plainly no secret has none."""
    plain = _WORD.match(text, at)
    if plain is None or (key == "pwd" and plain[0].startswith(("/", "~"))):
        return at, at
    if key.endswith(_SHORT_NUMBERS):
        return at, plain.end()
    is_count = key.endswith("token") and (plain[0].isdigit() or len(plain[0]) == 1)  # 8 a token, a token: a unit
    if is_count or _PLAIN.fullmatch(plain[0]):
        return at, at
    return at, plain.end()


_ELEMENT = re.compile(r"<([\w:.-]{1,64})>([^<>]{1,4096})</\1>")


def elements(text: str, among: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Give the places of what stands in an element with a telling name.

    Args:
        text: The text.
        among: The words of the keys whose values are secrets.
    """
    return (found.span(2) for found in _ELEMENT.finditer(text) if is_denied(found[1], among))


_BRACKET = re.compile(r"""[\[\]{}()]|"(?:[^"\\]|\\.)*+(?:"|\Z)""", re.DOTALL)


def _closed(text: str, at: int) -> int:
    """Give where the bracket that opens here is closed."""
    depth = 0
    for found in _BRACKET.finditer(text, at):
        depth += 1 if found[0] in "[{(" else -1 if found[0] in "]})" else 0
        if depth == 0:
            return found.end()
    return len(text)
