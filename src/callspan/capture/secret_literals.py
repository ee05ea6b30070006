"""Whether what stands behind a telling key is a secret, or only code, a type, a placeholder or a sentence.

`password = "x"` and `DB_PASSWORD=x` are secrets whatever they say. `token: str`, `self.token = token` and
`password: required` are none, and whoever reads the trace wants to read them. What looks like a key is found by its
shape, whatever is decided here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from callspan.capture.patterns import lazily
from callspan.capture.secret_keys import PASSWORDS, is_denied, word_list, words

# Types, keywords, states and ways to log in: what stands behind a telling key in code, schemas and logs
PLAIN = frozenset(
    word_list(
        """
    str string text txt int integer number numeric num float double decimal bool boolean byte bytes bytea char
    varchar nvarchar uuid guid blob json jsonb object array list dict map set tuple record any unknown never void
    none null nil undefined nan true false yes no on off y n optional required mandatory nullable readonly
    writeonly sensitive secretstr option maybe result self cls this that it new await async return returns
    function func fn fun lambda def class const let var val final static public private protected internal
    abstract virtual enum interface type struct range loop yield raise raises throw throws typeof instanceof in is
    not and or if else elif for while with from import as pass passed fail failed valid invalid missing expired
    incorrect correct wrong unset empty blank present absent ok okay error success successful failure denied
    granted rejected accepted revoked active inactive enabled disabled visible default auto automatic manual basic
    digest bearer oauth oauth2 oauth1 openid oidc saml sso ldap kerberos ntlm negotiate jwt cookie cookies session
    token tokens password passwords secret secrets key keys credential credentials include omit same-origin plain
    plaintext encrypted hashed hash bcrypt scrypt argon2 sha1 sha256 sha512 md5 base64 hex changed updated created
    deleted reset stored saved loaded rotated refreshed generated issued sent received verified unverified pending
    user username admin anonymous guest keyword identifier literal operator punctuation eof eol newline comment
    whitespace vault env environment file config settings inherit inherited mocked mock patch placeholder example
    sample demo
    """
    )
)

# Words that begin a sentence, or are in one
COMMON = frozenset(
    word_list(
        """
    too very quite rather still already
    a an the this that these those my your his her its our their some any all each every no not only also just
    never always please must should shall can could may might will would is are was were be been being has have
    had do does did to of for from by with without within at in on into onto under over about between through
    after before until since during as than then when where which who whom whose what why how if or and but so
    because see use uses used using enter type choose pick create make generate get give given add put send store
    save keep keeps read reads write check checks ask asks need needs requires allow allows contains containing
    include includes including change click press go open try let lets note minimum maximum min max least most
    more less length long short strong weak new old same one two three both either neither there here it they we
    you he she i via per instead required optional leave left copy paste provide provided provides specify
    specified set sets returns rotate rotated
    """
    )
)

# Those of the former that people take for a password
WEAK = word_list(
    "secret secrets password passwords admin anonymous guest user username example sample demo default pass"
)


class Telling(NamedTuple):
    """A telling key in a text, and how its value is joined to it."""

    key: str
    sign: str
    opened: str
    line: str
    own: bool = False

    @property
    def sort(self) -> str:
        """What kind of secret it is: `password`, `number`, or `key`."""
        return _sort(self.key)


@lru_cache(maxsize=1024)
def _sort(key: str) -> str:
    found = words(key)
    if found.endswith(_NUMBERS):
        return "number"
    squeezed = found.replace("_", "")
    made_up = any(found == one or found.endswith(f"_{one}") for one in PASSWORDS)
    return "password" if made_up or squeezed.endswith(_ENDINGS) else "key"


_ENDINGS = ("password", "passwords", "passwd", "passphrase", "passcode", "passwort", "pass")
_NUMBERS = ("cvv", "cvc", "otp", "passcode", "ssn", "card_number", "credit_card")

_PLACE = r"""
    <[^<>\n]{1,80}> | \{\{\{?[^{}\n]{0,80}\}\}\}? | \{[\w.\[\]()!:]{0,80}\} | \$\{[^\n]{0,200} | \$\([^\n]{0,200}
  | \$\$?[A-Z_][A-Z0-9_]* | \$[0-9@*#] | %[A-Za-z_]\w*% | %[sdrq@v] | %\(\w{1,64}\)s | \?{1,3}
  | \[[A-Z][A-Z _-]{2,40}\] | \[[a-z_ -]{3,40}\] | @[A-Za-z_]{1,64} | \.{3} | …
  | \#\{[^{}\n]{0,80}\} | :[a-z_]\w{0,64} | ~
"""

# What documents and templates have in the place of a secret
_PLACEHOLDER = lazily(
    rf"""
    (?: (?i:bearer|basic|token|digest)\s+ )? (?: {_PLACE} ) [.:@/]{{0,2}}
  | [*x•.…_#-]{{3,}} | [*•…] | X{{3,}}
  | (?i: (?: your | insert | replace | enter | put | paste | dummy | fake ) [-_ ] [\w' -]{{0,80}}
      | (?:redacted|masked|hidden|filtered|removed|omitted|censored|scrubbed|placeholder|n/a|tbd|todo|none\ given)
      | .{{0,40}} (?:_here|-here|\ here) | <[^>]{{0,80}} )
    """,
    re.VERBOSE,
)


_PATH = lazily(r"[*&$@]{0,2}[A-Za-z_$]+[0-9]{0,2}(?:(?:\.|->|::|\?\.|!\.)[A-Za-z_$]+[0-9]{0,2})+[!?]?")
_REFERENCE = lazily(r"\$[A-Za-z_]+[0-9]?|![A-Za-z:]+|@\{.*")
_CALL = lazily(r"[*&!]{0,2}(?:await\s+|new\s+)?[A-Za-z_][\w$.:?>!-]{0,128}[(\[{<]")
_NAME = lazily(r"[*&$@]{0,2}[A-Za-z_]+[0-9]?[!?]?")
_CLASS = lazily(r"(?:[A-Z][a-z]+){2,}|[A-Z]{2,}[a-z]+(?:[A-Z][a-z]+)*")
_DATE = lazily(r"[v~^]?[0-9][0-9.,:/_%+T-]{0,40}(?:ms|s|m|h|d|k|kb|mb|px|z|Z)?")
_HYPHENS = lazily(r"[A-Za-z]{2,}(?:[-_/.][A-Za-z]{2,})+(?:[-_/.]?v?[0-9]{1,4})?")

_CODE_LINE = lazily(
    r"\s*(?:let|const|var|val|final|return|if|elif|while|for|def|fn|func|my|our|local|private|public)\b|.*[({]$|.*\.$"
)

# Characters of a word with digits, of one without, and of a number, that may be a key
_OPAQUE, _MIXED, _COUNT = 6, 20, 9


def is_placeholder(literal: str, key: str) -> bool:
    """Return whether a quoted value only stands for a secret, names a type, or is a sentence."""
    if len(literal) > _LONGEST:
        return False
    text = literal.strip()
    if not text or _is_plain(text, key, quoted=True) or _PLACEHOLDER.fullmatch(text) or _SIGNS.fullmatch(text):
        return True
    if _VARIABLE.fullmatch(text) and is_denied(text):
        return True
    parts = text.lower().replace(",", " ").replace(".", " ").split()
    return len(parts) >= 3 and sum(part.strip("':;!?()") in COMMON for part in parts) >= 2  # noqa: PLR2004 - a sentence


def _is_plain(word: str, key: str, *, quoted: bool) -> bool:
    """Return whether a word is one of code, schemas or logs; some are weak passwords."""
    lower = word.lower()
    return lower in PLAIN and not (quoted and lower in WEAK and _sort(key) == "password")


_VARIABLE = lazily(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_SIGNS = lazily(r"[\W_]{1,3}")
_LONGEST = 400  # characters of a value that may be a sentence

# Functions that take a name, a label or a message
_LOOKUP = lazily(
    r"(?i:get|find|fetch|read|load|lookup|query|select|require|prompt|input|ask|print|log|format|pop|open|has|is|use|expect)"
    r"(?:(?=[A-Z_])\w*)?|getenv|env|environ|getpass|getattr|config|headers?|t|_|gettext|cast|isinstance|fixture|describe|it|test"
    r"|\w*(?:Error|Exception|Header|Field|Column|Depends|Query|Form|Option|Argument|argument|Label\w*)"
)


def may_hold(call: str, literal: str) -> bool:
    """Return whether a call is given a secret: `SecretStr("x")` is, `state.push("x")` is if that looks like one."""
    name = call.replace("::", ".").rpartition(".")[2]
    if _LOOKUP.fullmatch(name):
        return False
    return name[:1].isupper() or _WRAPPER.search(name) is not None or _looks_like_key(literal)


_WRAPPER = lazily(r"(?i)pass|secret|key|token|hash|crypt|encode|decode|quote|^(?:str|bytes|string|of|from|new)$")


def is_literal(word: str, rest: str, telling: Telling) -> bool:
    """Return whether a value without quotes is a secret."""
    bare = word.rstrip(".,;:!?*") or word
    if telling.own or not any(map(str.isalnum, bare)):
        return telling.own
    if telling.sort == "number":
        return any(map(str.isdigit, bare))
    set_here = _is_setting(rest, telling)
    if _is_plain(bare, telling.key, quoted=set_here) or _PLACEHOLDER.fullmatch(bare) or _REFERENCE.fullmatch(bare):
        return False
    if set_here:
        return not (_CALL.match(word) or (telling.sort == "key" and len(bare) < _COUNT and _DATE.fullmatch(bare)))
    if _is_code(bare, word, rest, telling):
        return False
    return _is_password(bare, rest, telling) if telling.sort == "password" else _is_key(bare, rest, telling)


def is_phrase(text: str, telling: Telling) -> bool:
    """Return whether several words to the end of a line are a pass phrase: those of a sentence have other words."""
    if telling.sort != "password" or telling.sign == " ":
        return False
    found = text.replace("-", " ").split()
    return COMMON.isdisjoint(found) and sum(word in PLAIN for word in found) < 2  # noqa: PLR2004 - `invalid user name`


def _is_setting(rest: str, telling: Telling) -> bool:
    """Return whether this sets a variable, is a line of settings or a field of a form: `DB_KEY=x`, `token=x&n=3`."""
    if telling.sign != "=":
        return False
    if telling.key.isupper():
        return True
    return (rest.startswith("&") and not rest.startswith("&&")) or (not rest.strip() and not telling.line.strip())


def _is_code(bare: str, word: str, rest: str, telling: Telling) -> bool:
    """Return whether this is a reference: an attribute, a call, a type, or a variable that is called as the key is."""
    arrow = word.endswith("-") and rest.startswith(">")
    if arrow or _PATH.fullmatch(bare) or _CALL.match(word) or rest.startswith(("(", "[", "<")):
        return True
    named = bare.strip("*&$@!?")
    if _NAME.fullmatch(bare) and is_denied(named):
        return True
    if _CLASS.fullmatch(named) and (telling.sort == "key" or named.endswith(_TYPES)):
        return True
    return telling.sign.startswith("::")


_TYPES = (
    *("Str", "String", "Type", "Field", "Input", "Config", "Options", "Props", "State", "Hash", "Hasher", "Encoder"),
    *("Policy", "Context", "Validator", "Service", "Manager", "Provider", "Handler", "Model", "Schema", "Bytes"),
)


def _is_password(bare: str, rest: str, telling: Telling) -> bool:
    if bare.lower() in COMMON:
        return False
    if not bare.isalpha():
        named = _NAME.fullmatch(bare)
        return named is None or "_" not in bare or telling.sign == " "
    after = rest.split()
    if len(after) > 1 and ":" in telling.sign:  # a sentence, or a pass phrase
        return not any(one.lower().strip(".,;:!?") in COMMON for one in after[:6])
    if "=" in telling.sign and (
        _CODE_LINE.match(telling.line) or "." in telling.key or rest.lstrip().startswith((",", ")", ";"))
    ):
        return False
    return not (bare[0].islower() and not bare.islower() and "=" in telling.sign)  # a variable: `inputValue`


def _is_key(bare: str, rest: str, telling: Telling) -> bool:
    if _looks_like_key(bare):
        return True
    alone = not rest.strip() or rest.lstrip().startswith(("#", "//", "&"))
    in_line = bare.isalpha() and bare.islower() and bare not in COMMON
    in_code = "=" in telling.sign and (" " in telling.sign or rest.startswith((",", ")", ";")))
    is_qualified = "_" in words(telling.key)  # a `client_secret` is a secret more often than a `secret` is
    return is_qualified and in_line and alone and not in_code


def _looks_like_key(bare: str) -> bool:
    """Return whether a word is none of a language or a program: digits among its letters, or random letters."""
    if bare.isdigit():
        return len(bare) >= _COUNT
    if _DATE.fullmatch(bare) or _HYPHENS.fullmatch(bare) or bare.startswith(("/", "./", "../", "~/")):
        return False
    letters = sum(sign.isalpha() for sign in bare)
    if letters and any(sign.isdigit() for sign in bare):
        return len(bare) >= _OPAQUE and not _NUMBERED.fullmatch(bare)
    if not letters or len(bare) < _MIXED or not bare.isascii():
        return False
    changes = sum(one.islower() and other.isupper() for one, other in pairwise(bare))
    return changes * 5 > len(bare) or any(sign in "+/=" for sign in bare)


_NUMBERED = lazily(
    r"(?i:user|step|item|part|page|test|case|line|node|task|row|col|index|level|phase|version|type|field)s?[-_]?[0-9]{1,6}"
)
