"""Secrets in a text, by their shape or by the key they stand behind: replaced before it leaves the process.

The patterns take far longer than the texts are worth: so each is preceded by a search for a sign of it which costs
next to nothing, and a long text without any sign is read at the speed of its encoding as JSON.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any

from callspan.capture.patterns import lazily
from callspan.capture.secret_keys import USUAL
from callspan.capture.secret_values import (
    REDACTED,
    elements,
    named_values,
    netrc,
    options,
    short_options,
    spoken,
    values,
)

_SHORTEST = 6
_IN_RUNS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+*~")
_RUNS = bytes(120 if byte in _IN_RUNS else 32 for byte in range(256))
_LONG = b"x" * 12  # a long word after `translate`, as keys are
_NUMBERS = bytes(48 if 48 <= byte < 58 else 32 for byte in range(256))  # noqa: PLR2004 - ASCII's digits
_CARDS = b"0" * 14


def without_secrets(text: str, among: frozenset[str] = USUAL) -> str:
    """Return the text with keys, tokens, passwords, addresses and cards of known shapes replaced."""
    if len(text) < _SHORTEST:
        return text
    data = text.encode("utf-8", "replace")
    text = _without_shapes(text, data)
    if b"@" in data:
        text = _replaced(text, _addresses)
    if b":" in data or b"=" in data:
        text = _replaced(text, values, among)
        if b"alue" in data:
            text = _replaced(text, named_values, among)
    if b"-" in data and (b" -" in data or b"--" in data):
        text = _replaced(_replaced(text, options, among), short_options)
    if b" is " in data and any(part in data for part in _SPOKEN):
        text = _replaced(text, spoken)
    if b"login " in data:
        text = _replaced(text, netrc)
    if b"<" in data and b"</" in data:
        text = _replaced(text, elements, among)
    if _CARDS in data.translate(_NUMBERS, b" -\xc2\xa0"):
        text = _replaced(text, _cards)
    return text


_SPOKEN = (b"assw", b"oken is ", b"ecret is ", b"key is ", b"assphrase", b"asscode")  # few sentences have one


def without_keys(text: str) -> str:
    """Return a text without keys, tokens and passwords in addresses, as far as their shape gives them away."""
    return _without_shapes(text, text.encode("utf-8", "replace")) if len(text) >= _SHORTEST else text


def _without_shapes(text: str, data: bytes) -> str:
    words = _long_words(data)
    if words and (b"PRIVATE KEY" in data or _holds_keys(words)):
        text = _BASIC.sub(_without_basic, _KEYS.sub(REDACTED, text))
    return _IN_URL.sub(REDACTED, text) if b"@" in data else text


def _holds_keys(words: str) -> bool:
    """Return whether there is a key among long words; only those with a sign of one are searched closely."""
    if "\\" in words or "%" in words:
        words = _ESCAPES.sub(" ", words)
    if not _has_sign(words):
        return False
    signed = "\n".join(filter(_has_sign, words.split("\n")))
    return "webhookb2" in signed or _KEYS.search(signed) is not None or _BASIC.search(signed) is not None


def _has_sign(words: str) -> bool:
    return _SIGN.search(words) is not None or any(sign in words for sign in _SIGNS_INSIDE)


def _long_words(data: bytes) -> str:
    """Return the long words, each with the few characters before it: they may be `Bearer`."""
    runs = data.translate(_RUNS)
    found: set[bytes] = set()
    at = runs.find(_LONG)
    while at >= 0:
        end = runs.find(b" ", at)
        end = len(runs) if end < 0 else end
        word = data[at:end].strip(b"./-*")
        if len(word) >= _LONGEST_WORD or not word.isalpha() or not (word[1:].islower() or word.isupper()):
            found.add(data[max(at - _BEFORE, 0) : end])
        at = runs.find(_LONG, end)
    return b"\n".join(found).decode("utf-8", "replace")


_BEFORE = 16  # characters before a word: `Bearer `, or the number of a bot
_LONGEST_WORD = 20  # letters of a word that may be one of a language


# Keys

# What the keys of providers begin with; a digit or great length tells them from words
_PREFIXES = r"""
    lsv2_[a-z]{2}_ | ls__ | gh[opsur]_ | github_pat_ | gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct|wt)-
  | GR1348941 | xox[a-z]- | xox[a-z]\.xox[a-z]- | xapp- | pypi- | dckr_[op]at_ | do[opr]_v1_
  | shp(?:at|ca|pa|ss)_ | sq0[a-z]{3}- | whsec_ | gl(?:sa|c)_ | lin_api_ | ntn_ | sbp_ | sb_secret_ | hv[brs]\.
  | GOCSPX- | ya29\. | PMAK- | ATATT | ATCTT | api_org_ | sntry[su]_ | pscale_(?:tkn|pw|oauth)_ | rubygems_
  | rdme_ | xkeysib- | xsmtpsib- | shippo_(?:live|test)_ | EZ[AT]K | NR(?:AK|JS|II|AA)- | dt0[a-z][0-9]{2}\.
  | dp\.(?:pt|st|ct|sa|scim|audit)\. | duffel_(?:test|live)_ | FLWSECK | fio-u- | fo1_ | fm[12][ar]?_ | HRKU-
  | CLOJARS_ | p8e- | pnu_ | tfp_ | figd_ | CCIPAT_ | bkua_ | CFPAT- | tskey- | napi_ | tgp_v1_
  | AGE-SECRET-KEY- | wandb_v1_ | bedrock-api-key- | ops_eyJ | sgp_ | phx_ | vercel_blob_rw_ | nfp_ | t1\.9e | AQVN
  | pat-(?:na|eu)[0-9]- | EAA[AMC][A-Za-z0-9]{40}
"""

# The same, but names of models, tools and packages begin so too: what follows must look like nothing else
_SHORT_PREFIXES = r"""
    gsk_ | csk- | hf_ | xai- | pplx- | r8_ | tvly- | nvapi- | fw_ | jina_ | e2b_ | fc- | pa- | npm_ | pcsk_ | dapi
  | esecret_ | LTAI | AKCp
"""

# Keys that begin as words do: the whole of them is looked for
_WHOLE = r"""
    sess-[A-Za-z0-9]{40}
  | re_[A-Za-z0-9]{8,10}_[A-Za-z0-9]{20,32} | ico-[A-Za-z0-9]{32} | pul-[0-9a-f]{40} | sq[apu]_[A-Za-z0-9]{40}
  | secret_[A-Za-z0-9]{43} | key-[0-9a-f]{32} | pat[A-Za-z0-9]{14}\.[0-9a-f]{64}
"""

_KEY = rf"""
      sk[-_](?:proj|ant|or|svcacct|admin|lf|live|test|prod)[-_][\w\-*]{{6,}}
    | [prs]k[-_](?:live|test|prod|lf)[-_][\w\-*]{{6,}}
    | (?:sk[-_] | {_PREFIXES}) (?: (?=[\w\-*.]{{0,128}}[0-9*])[\w\-*]{{8,}} | [\w\-*]{{20,}} ) [\w\-*.]*
    | (?:{_SHORT_PREFIXES}) (?:dev-|prod-)? (?:
          (?=[\w\-]{{0,64}}[0-9])
          (?: [A-Za-z0-9]{{16,}} | (?=[\w\-]{{0,64}}[A-Z])(?=[\w\-]{{0,64}}[a-z])[\w\-]{{28,}} ) [\w\-]*
        | (?=[a-z]{{0,64}}[A-Z])(?=[A-Z]{{0,64}}[a-z])[A-Za-z]{{24,}}
      )
    | (?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{{16}}
    | ABSK[A-Za-z0-9+/]{{32,}}={{0,2}}
    | AIza[\w\-]{{20,}} | AQ\.[\w\-]{{36,}} | 1//0[\w\-]{{24,}} | SK[0-9a-f]{{32}} | {_WHOLE}
    | SG\.[\w\-]{{16,64}}\.[\w\-]{{16,64}}
    | eyJ[\w\-]{{6,1024}}+\.[\w\-]{{6,}}(?:\.[\w\-]*)*
    | hooks\.slack\.com/(?:services|workflows|triggers)/[\w/]{{8,}}
    | discord(?:app)?\.com/api/webhooks/[0-9]{{10,24}}/[\w\-]{{20,}}
    | [\w\-]{{1,64}}\.webhook\.office\.com/webhookb2/[\w@/\-]{{20,}}
    | [MNO][A-Za-z0-9_\-]{{22,27}}\.[\w\-]{{6}}\.[\w\-]{{27,40}}
    | (?:bot)?[0-9]{{8,10}}:AA[\w\-]{{32,36}}
    | [0-9a-f]{{32}}-us[0-9]{{1,2}}(?![A-Za-z0-9])
    | (?:pat|sat)\.[\w\-]{{22}}\.[0-9a-f]{{24}}\.[A-Za-z0-9]{{20}}
    | [A-Za-z0-9]{{14}}\.atlasv1\.[\w\-]{{60,70}}
    | [A-Za-z0-9]{{40,52}}JQQJ99[A-Za-z0-9]{{20,40}}
    | [\w.~]{{3}}[0-9]Q~[\w.~\-]{{31,34}}
    | sha256~[\w\-]{{43}} | oy2[a-z0-9]{{43}} | A3-[A-Z0-9]{{6}}-(?:[A-Z0-9]{{5,11}}-){{3,5}}[A-Z0-9]{{5}}
"""

_SCHEME = r"(?i:bearer)\s{1,64}(?=[^\s]{0,256}(?:[0-9]|[.~+=][A-Za-z])|[A-Za-z_]{24})[\w.~+/\-]{8,}=*"


def _by_first_letter(alternatives: str) -> str:
    """Return a pattern of alternatives that is six times as fast: `ab | ac | d` becomes `a(?:b|c)|d(?:)`."""
    groups: dict[str, list[str]] = {}
    for one in re.split(r"\s\|\s", alternatives):
        begin = one.strip()[:1]
        groups.setdefault(begin, []).append(one.strip()[1:])
    return "|".join(f"{begin}(?:{'|'.join(rest)})" for begin, rest in groups.items())


_SIGN = lazily(
    "(?<![A-Za-z0-9])(?:"
    + _by_first_letter(
        r"sk- | sk_ | pk- | pk_ | rk_ | rk- | AKIA | ASIA | ABIA | ACCA | A3T | ABSK | AIza | AQ\. | SG\. | SK[0-9a-f]"
        r" | eyJ | hooks\.slack | 1//0 | pat\. | sat\. | sha256~ | oy2 | A3- | api/webhooks | webhookb2"
        r" | M[\w-]{22,27}\. | N[\w-]{22,27}\. | O[\w-]{22,27}\."
        r" | Bearer\s | bearer\s | BEARER\s | Basic\s | basic\s | BASIC\s"
        f" | {_WHOLE} | {_PREFIXES} | {_SHORT_PREFIXES}"
    )
    + ")"
)
_SIGNS_INSIDE = (":AA", "-us", "JQQJ99", "Q~", ".atlasv1")  # these stand within a key
_ESCAPES = lazily(r"\\(?:[bfnrt]|u[0-9a-fA-F]{4})|%[0-9a-fA-F]{2}")

_KEYS = lazily(  # what precedes one may be escaped: `\n`, `<`, `%20`
    rf"""
      -----BEGIN\ [A-Z0-9\ ]*PRIVATE\ KEY[A-Z0-9\ ]*-----.*?(?:-----END\ [A-Z0-9\ ]*-----|\Z)
    | (?:(?<![A-Za-z0-9])|(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{{4}})|(?<=%[0-9a-fA-F]{{2}})) (?: {_KEY} | {_SCHEME} )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)

_BASIC = lazily(r"(?i:basic)\s+([A-Za-z0-9+/_-]{8,}={0,2})")


def _without_basic(found: re.Match[str]) -> str:
    """Replace a name and password: what is said of basic understanding is none."""
    padded = found[1].rstrip("=") + "=" * (-len(found[1].rstrip("=")) % 4)
    try:
        decoded = base64.b64decode(padded, altchars=b"-_" if set("-_") & set(padded) else None, validate=True)
    except (binascii.Error, ValueError):
        return found[0]
    return REDACTED if b":" in decoded else found[0]


# Addresses

_IN_URL = lazily(r"(?<=://)(?:[^\s/?#\"'<>\\]*:[^\s/?#\"'<>\\]*|[^\s/?#\"'<>\\:@]{16,})(?=@)")
_DOMAIN = lazily(r"@(?:[\w-]+\.)+[^\W\d_]{2,}")
_LOCAL = lazily(r"[\w.+%*-][\w.+%'*-]*\Z")
_LONGEST_LOCAL = 128


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    for found in _DOMAIN.finditer(text):
        at = found.start()
        local = _LOCAL.search(text, max(at - _LONGEST_LOCAL, 0), at)
        if local is None or local[0] == "git":  # git@github.com:owner/repository
            continue
        if text.startswith("$", local.start() - 1):  # https://$TOKEN@github.com
            continue
        if not _LOGIN.search(text, max(local.start() - _LONGEST_LOCAL, 0), local.start()):
            yield local.start(), found.end()


# Before the address of a computer: `ssh deploy@host.example`.
_LOGIN = lazily(r"\b(?:ssh|scp|sftp|rsync|mosh)[ ][^\n|;&]*\Z")


# Cards

_CARD = lazily(
    r"""
    (?:(?<![\w\-])|(?<=\\[bfnrt])) (?<![0-9]\.)
    (?=(
        [3-6][0-9]{13,15} | 2[2-7][0-9]{14}
      | (?:[4-6][0-9]{3}|35[2-8][0-9]|2[2-7][0-9]{2})([ \u00a0-])[0-9]{4}\2[0-9]{4}\2[0-9]{4}
      | 3[0-9]{3}([ \u00a0-])[0-9]{6}\3[0-9]{4,5}
    )(?![\w\-]|\.(?!0+(?![0-9]))[0-9]))
    """,
    re.VERBOSE,
)

# Whose cards begin how, and how long they are: ids are numbers too.
_ISSUED = lazily(
    r"""
      4[0-9]{15} | 5[1-5][0-9]{14} | 2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}
    | 3[47][0-9]{13} | 3(?:0[0-5]|[689][0-9])[0-9]{11} | 35(?:2[89]|[3-8][0-9])[0-9]{12}
    | 6(?:011|5[0-9]{2}|4[4-9][0-9])[0-9]{12} | 62[0-9]{14} | (?:50|5[6-9]|6[0-9])[0-9]{14}
    """,
    re.VERBOSE,
)


def _cards(text: str) -> Iterator[tuple[int, int]]:
    return (found.span(1) for found in _CARD.finditer(text) if is_card(found[1]))


_NO_SIGNS = str.maketrans("", "", " -\u00a0")
SMALLEST_CARD = 10**13  # the number of a card is larger


def is_card(number: str) -> bool:
    """Return whether a number is that of a card: an issuer's, and right by its check digit."""
    digits = number.translate(_NO_SIGNS)
    if _ISSUED.fullmatch(digits) is None:
        return False
    doubled = (sum(divmod(2 * int(one), 10)) if place % 2 else int(one) for place, one in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0


def _replaced(text: str, find: Callable[..., Iterator[tuple[int, int]]], *given: Any) -> str:
    """Return the text with what stands in the places that are found replaced; they come in order."""
    kept: list[str] = []
    done = 0
    for start, end in find(text, *given):
        if start >= done:
            kept += (text[done:start], REDACTED)
        done = max(done, end)
    return "".join((*kept, text[done:])) if kept else text
