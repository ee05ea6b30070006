"""Secrets by what is said before them: what stands behind a telling key in a text, whatever it looks like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from callspan.capture.patterns import lazily
from callspan.capture.secret_keys import is_denied, stems, words
from callspan.capture.secret_literals import Telling, is_literal, is_phrase, is_placeholder, may_hold

REDACTED = "[redacted]"  # stands for a secret

# Characters before a colon that tell whether it is worth a closer look; the key's quotes may be escaped often
_TAIL, _TAIL_ESCAPED = 10, 40

# A key as it is met from its end: a word, or one like `api key`
_KEY_BACKWARDS = lazily(r"(?:(?i:yek|nekot|terces|drowssap|rebmun|gnirts|edoc)[ ](?=\w))?[\w.\-]+")
_LONGEST_KEY = 128
_SIGNS = lazily(r"[:=>]+(?:\s{0,64}(?=[\"'`])|[ \t]{0,64}(?:\*{1,2}[ \t]{1,8})?)")


def values(text: str, among: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Return the places of what stands behind a telling key and a colon or an equals sign."""
    done = 0
    for at in _telling_signs(text, among):
        if at < done:
            continue
        all_before = text[max(at - _LONGEST_KEY, 0) : at].rstrip(" \t")
        before = all_before.rstrip("\"'`*\\])")
        found = _KEY_BACKWARDS.match(before[::-1])
        if found is None:
            continue
        key = found[0][::-1]
        outside = before[: -len(key)]
        in_url = outside.endswith(("?", "&"))
        if is_denied(key, among) or (in_url and words(key).endswith(("sig", "signature"))):
            sign = _SIGNS.match(text, at)
            began = at + 1 if sign is None else sign.end()
            line = outside.rpartition("\n")[2]
            if _ends_text(text, began, line, all_before):
                continue
            own = in_url or outside.endswith(";") or not is_denied(key)
            start, end = _value(text, began, Telling(key, text[at:began], outside[-1:], line, own))
            if start < end and text[start:end] != REDACTED:
                done = end
                yield start, end


def _ends_text(text: str, at: int, line: str, before: str) -> bool:
    """Return whether a text ends where a value might begin, as in `input("Password: ")`."""
    quote = text[at : at + 9].lstrip("\\")[:1]
    if quote not in ("'", '"', "`") or before.rstrip("])").endswith(quote):
        return False
    return _APOSTROPHE.sub("", line).count(quote) % 2 == 1


_APOSTROPHE = lazily(r"(?<=\w)'(?=\w)")


@lru_cache(maxsize=16)
def _pattern(among: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, stems(among))))


def _telling_signs(text: str, among: frozenset[str]) -> Iterator[int]:
    """Return the places of the colons and equals signs before which something like a denied key stands."""
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


# What stands between a key and its value in a program: a type, a call, a letter before the quotes
_CODE = lazily(r"""(?:[\w.\[\]|&<>? ]{1,64}=\s{0,8})?(?:([\w.:]{1,64})\(\s{0,8})?[bBfFrRuU]{0,2}(?=["'])""")
_TRIPLE = lazily(r"(\"{3}|'{3}).*?(?:\1|\Z)", re.DOTALL)
_QUOTED = lazily(r"""(["'`])(?:(?!\1)[^\\]|\\.)*+(?:\1|\Z)""", re.DOTALL)
_ESCAPED = lazily(r"""(\\+["'])(?:.*?(?<!\\)\1|.*\Z)""", re.DOTALL)
_END_OF_WORD = lazily(r"""[^\s"'`&,;)}\]<>\\]+""")
# A value without quotes: enough of it to tell what it is, as there may be many of them in one word
_WORD = lazily(r"""(?:(?i:bearer|basic|digest|token|negotiate)[ ]{1,4}(?=\S{0,64}[0-9]))?[^\s"'`&,;)}\]<>\\]{1,256}""")
# The rest of a header, by the quotes that it stands in
_LINE = {"": re.compile(r"[^\r\n]+"), **{one: re.compile(rf"[^\r\n\\{one}]+") for one in "\"'`"}}
_PLAIN = lazily(r"(?i:true|false|null|none|undefined|[0-9]{1,3}(?:\.[0-9]+)?)")
_SHORT_NUMBERS = ("cvv", "cvc", "otp", "pin", "passcode")  # keys under which a number of a few digits is a secret

# How the value of a header begins, if it is one
_HEADER = lazily(
    r"(?i:[\w.-]+=|(?:bearer|basic|digest|token|negotiate|apikey|hmac|aws4-hmac-sha256)\s+\S|(?:[a-z][\w-]{2,20}\s)?\S*[0-9])"
)


def _value(text: str, at: int, telling: Telling) -> tuple[int, int]:
    """Return the place of a value: in quotes, in brackets, the rest of a header, or a word."""
    header = words(telling.key).endswith(("cookie", "authorization"))
    code = None if header else _CODE.match(text, at)
    at = at if code is None else code.end()
    quoted = _in_quotes(text, at)
    if quoted is not None:
        literal = text[quoted[0] : quoted[1]]
        held = code is None or code[1] is None or may_hold(code[1], literal)
        return quoted if telling.own or (held and not is_placeholder(literal, telling.key)) else (at, at)
    if text.startswith(("{", "[", "("), at):
        return at, _closed(text, at) if telling.own or _LITERALS.match(text, at) else at
    if header and not _PLACE.match(text, at) and _HEADER.match(text, at):
        line = _LINE.get(telling.opened, _LINE[""]).match(text, at)
        return at, at if line is None else line.end()
    return _bare(text, at, telling)


_PLACE = lazily(r"(?i:(?:bearer|basic|token)\s+)?(?:\$|\{|<|%s)")


def _in_quotes(text: str, at: int) -> tuple[int, int] | None:
    if triple := _TRIPLE.match(text, at):
        return at + 3, max(triple.end() - 3, at + 3)
    if quoted := _QUOTED.match(text, at):
        return at + 1, quoted.end() - text.startswith(quoted[1], quoted.end() - 1, quoted.end())
    if escaped := _ESCAPED.match(text, at):
        quote = escaped[1]
        closed = escaped.end() - at >= 2 * len(quote) and escaped[0].endswith(quote)
        return at + len(quote), escaped.end() - (len(quote) if closed else 0)
    return None


# How brackets begin that hold literals; others hold code, or the schema of a value
_LITERALS = lazily(r"""[\[({]\s{0,64}(?:\\*["'](?!type\\*["']\s*:)|[0-9])""")


def _bare(text: str, at: int, telling: Telling) -> tuple[int, int]:
    """Return the place of a value without quotes; what is plainly no secret has none."""
    plain = _WORD.match(text, at)
    key = words(telling.key)
    if plain is None or (key == "pwd" and plain[0].startswith(("/", "~"))):
        return at, at
    if key.endswith(_SHORT_NUMBERS) and plain[0].isdigit():
        return at, plain.end()
    is_count = key.endswith("token") and (plain[0].isdigit() or len(plain[0]) == 1)  # 8 a token, a token: a unit
    if is_count or _PLAIN.fullmatch(plain[0]) or _is_in_model(text, at):
        return at, at
    if (phrase := _PHRASE.match(text, at)) and is_phrase(phrase[0], telling):
        return at, phrase.end()
    rest = text[plain.end() : plain.end() + _REST].partition("\n")[0]
    if not is_literal(plain[0], rest, telling):
        return at, at
    whole = _END_OF_WORD.match(text, plain.end())
    return at, plain.end() if whole is None else whole.end()


_PHRASE = lazily(r"[a-z]{3,16}(?:[ -][a-z]{3,16}){2,7}(?=[ \t]*(?:\n|\Z))")


def _is_in_model(text: str, at: int) -> bool:
    """Return whether what stands here is the last part of a fine-tuned model's name."""
    start = max(at - _LONGEST_MODEL, 0)
    return text.find("ft:", start, at) >= 0 and _FINE_TUNED.search(text, start, at) is not None


_LONGEST_MODEL = 160
# What stands before the last part of a fine-tuned model's name: organization and suffix may be called anything
_FINE_TUNED = lazily(r"(?<![\w:-])ft:[\w.-]{2,64}:(?:[\w-]{0,32}:){1,2}\Z", re.ASCII)
_REST = 120  # characters behind a value that tell whether it is one of a sentence


def options(text: str, among: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Return the places of what is given to the options of commands: `--password x`, `mysql -px`."""
    for found in _OPTION.finditer(text):
        if not is_denied(found[1], among):
            continue
        start, end = _value(text, found.end(), Telling(found[1], " ", "", "", not is_denied(found[1])))
        if start < end and not text.startswith("-", start):
            yield start, end


# Begins with the sign itself: then the search is a fast one
_OPTION = lazily(
    r"""-(?<![^\s"'`(\[,]-)-?([A-Za-z][\w-]{2,40})(?:[ ]{1,4}|\\*["'],\s?(?=\\*["']))(?=[^\s-])""", re.ASCII
)


def short_options(text: str) -> Iterator[tuple[int, int]]:
    """Return the places of what is given to the short options of some commands: `mysql -px`, `curl -u ada:x`."""
    if any(command in text for command in _COMMANDS):
        for found in _SHORT_OPTION.finditer(text):
            yield next(found.span(group) for group in (1, 2, 3) if found[group] is not None)


_COMMANDS = ("mysql", "mariadb", "sshpass", " login", "curl", "wget", "redis-cli")

_SHORT_OPTION = lazily(
    r"""
    (?:mysql(?:dump|admin)?|mariadb(?:-dump)?|sshpass|(?:docker|podman|helm\ registry)\ login)
      [ ][^\n|;&]{0,200}?(?<=[ ])-p[ ]?([^\s$<{-][^\s]{2,128})
  | (?:curl|wget)[ ][^\n|;&]{0,200}?(?<=[ ])(?:-u|--user)[ =]["']?([^\s:"'$<{]{1,64}:[^\s"'$<{]{1,128})
  | redis-cli[ ][^\n|;&]{0,200}?(?<=[ ])-a[ ]([^\s$<{-][^\s]{2,128})
    """,
    re.VERBOSE,
)

_SPOKEN = lazily(r"""["'`]?(?=[^\s"'`]{0,64}[0-9])(?=[^\s"'`]{0,64}[A-Za-z])([^\s"'`,;]{6,128})""")
_KEYS_SPOKEN = ("password", "passphrase", "passcode", "passwd", "secret", "token", "api key", "access key")


def spoken(text: str) -> Iterator[tuple[int, int]]:
    """Return the places of what a sentence says that a password is: `the password is hunter2`."""
    at = 0
    for part in text.split(_IS)[:-1]:
        at += len(part) + len(_IS)
        if part[-12:].lower().endswith(_KEYS_SPOKEN) and (found := _SPOKEN.match(text, at)):
            yield found.start(1), found.start(1) + len(found[1].rstrip(".!?)"))


_IS = " is "


def netrc(text: str) -> Iterator[tuple[int, int]]:
    """Return the places of passwords as `.netrc` has them."""
    return (found.span(1) for found in _NETRC.finditer(text))


_NETRC = lazily(r"\blogin\s{1,8}\S{1,128}\s{1,8}password\s{1,8}(\S{2,128})")


_ELEMENT = lazily(r"<([\w:.-]{1,64})(?:\s[^<>]{0,256})?>([^<>]{1,4096})</\1>")


def elements(text: str, among: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Return the places of what stands in an element with a telling name."""
    return (
        found.span(2)
        for found in _ELEMENT.finditer(text)
        if is_denied(found[1], among) and (not is_denied(found[1]) or not is_placeholder(found[2], found[1]))
    )


_VALUE = lazily(r"""[vV]alue\\*["']?\s?[:=]\s?""")
_NAMED = lazily(r"""(?:[nN]ame|[kK]ey)\\*["']?\s?[:=]\s?\\*["']?([\w.-]{3,64})\\*["']?,?\s{0,64}\\*["']?\Z""")


def named_values(text: str, among: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Return the places of values behind their name: `{"name": "DB_PASSWORD", "value": "x"}`, in YAML too."""
    for found in _VALUE.finditer(text):
        named = _NAMED.search(text, max(found.start() - _LONGEST_KEY, 0), found.start())
        if named is not None and is_denied(named[1], among):
            start, end = _value(text, found.end(), Telling(named[1], ":", "", "", not is_denied(named[1])))
            if start < end:
                yield start, end


_BRACKET = lazily(r"""[\[\]{}()]|"(?:[^"\\]|\\.)*+(?:"|\Z)""", re.DOTALL)


def _closed(text: str, at: int) -> int:
    """Return where the bracket that opens here is closed."""
    depth = 0
    for found in _BRACKET.finditer(text, at):
        depth += 1 if found[0] in "[{(" else -1 if found[0] in "]})" else 0
        if depth == 0:
            return found.end()
    return len(text)
