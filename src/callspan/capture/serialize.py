"""Any value as JSON can hold it, without binary data and without texts that only a provider can read."""

from __future__ import annotations

import base64
import binascii
import re
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from hashlib import sha256
from itertools import islice
from numbers import Integral, Real
from typing import Any

from callspan.capture.patterns import lazily
from callspan.core.signals import is_from_handler
from callspan.core.text import encodable

DEPTH = 32  # how deep a structure is written; what is deeper is named by its type
ITEMS = 4096  # how many items of one list or object are written
_NODES = 100_000  # how many values are read of one: fewer bytes than an attribute may have hold no more
_CHARACTERS = 8_000_000  # how many of them are read of all texts of one value; of further ones only the beginning
_KEPT = 100
_BITS = 1024  # of a number: Python itself refuses to print longer ones

# Takes an object that JSON does not have, or a dict or list; returns what stands for it, or `UNKNOWN`.
Known = Callable[[Any], Any]
UNKNOWN: Any = object()


class Message(dict[str, Any]):
    """A message in the conventions' words; a dict of the program's that looks like one is none."""

    __slots__ = ()


class AlreadyPlain:
    """A value that stands for an object and need not be read again."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class JsonText:
    """A plain value that a part holds as JSON text: keys reveal secrets, so it is encoded after redaction."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def plain(value: Any, known: Known | None = None) -> Any:
    """Return a value as JSON can hold it; this ends and does not raise, whatever the value is.

    Objects are named by their type, as their `repr` is the user's code. Binary data is its size and digest.
    """
    if type(value) is str:
        return value if value.isascii() else encodable(value)
    return _Reading(known).read(value, 0)


class _Reading:
    """Reads one value, which may hold itself, or one thing many times."""

    def __init__(self, known: Known | None) -> None:
        self.known = known
        self.left = _NODES
        self.room = _CHARACTERS
        self.around: set[int] = set()  # what holds the value that is read

    def read(self, value: Any, depth: int) -> Any:
        """Return one value in it."""
        self.left -= 1
        cls: Any = type(value)
        if cls is str:
            self.room -= len(value)
            return self._text(value) if self.room < 0 or not value.isascii() else value
        if value is None or cls is bool:
            return value
        try:
            return self._read(value, cls, depth)
        except Exception as error:  # the user's objects, or one that another thread changes: it costs this value
            if is_from_handler(error):
                raise
            return name_of(value)

    def _text(self, value: str) -> str:
        if self.room < 0 and len(value) > 2 * _KEPT:
            value = f"{value[:_KEPT]}{missing(len(value) - _KEPT)}"
        return encodable(value)

    def _read(self, value: Any, cls: Any, depth: int) -> Any:  # noqa: PLR0911 - one line for each type
        if issubclass(cls, Enum):
            return self.read(value._value_, depth + 1)
        if issubclass(cls, (int, float)):
            return _number(value)
        if depth >= DEPTH or self.left <= 0 or id(value) in self.around:
            return name_of(value)
        if issubclass(cls, str):
            self.room -= len(value)
            return self._text(value)
        if issubclass(cls, (bytes, bytearray, memoryview)):
            return binary(bytes(value))
        self.around.add(id(value))
        try:
            if self.known is not None and (found := self.known(value)) is not UNKNOWN:
                return found.value if type(found) is AlreadyPlain else self.read(found, depth + 1)
            return self._inside(value, cls, depth)
        finally:
            self.around.discard(id(value))

    def _inside(self, value: Any, cls: type, depth: int) -> Any:
        most = max(0, min(ITEMS, self.left))
        if issubclass(cls, Mapping):
            of_dict = issubclass(cls, dict)  # what a subclass defines is the user's code
            items = tuple(islice(dict.items(value) if of_dict else value.items(), most))
            found = {_key(key): self.read(one, depth + 1) for key, one in items}
            if (more := (dict.__len__(value) if of_dict else len(value)) - len(items)) > 0:
                found["…"] = f"{more} keys cut"
            return found if _SEALED_KEYS.isdisjoint(found) else _unsealed(found)
        if issubclass(cls, _LISTS) or (cls.__module__ == "numpy" and cls.__name__ == "ndarray" and value.ndim):
            every = tuple(islice(value, most))
            more = len(value) - len(every)
            return [*(self.read(one, depth + 1) for one in every), *([f"… [{more} cut]"] if more > 0 else ())]
        return _of_object(value)


_NOTHING: dict[Any, Any] = {}
_VIEWS = (type(_NOTHING.keys()), type(_NOTHING.values()), type(_NOTHING.items()))
_LISTS = (list, tuple, set, frozenset, deque, range, *_VIEWS)
_NUMBERS = range(-(2**63), 2**63)  # those that OpenTelemetry can carry; others become texts


def _number(value: Any) -> Any:
    if isinstance(value, int):
        number = int.__int__(value)
        if number in _NUMBERS:
            return number
        return str(number) if number.bit_length() <= _BITS else f"<int of {number.bit_length()} bits>"
    real = float.__float__(value)
    return real if real - real == 0 else float.__repr__(real)  # JSON has no NaN


def name_of(value: Any) -> str:
    """Return the name of an object's type, which stands for it."""
    return encodable(f"<{type(value).__name__}>")


def _of_object(value: Any) -> Any:
    """Return another library's number as Python's own, the text of a standard value, or the type of anything else."""
    base: Any
    for base in type(value).__mro__:  # pandas' timestamps are datetimes
        if base.__module__.partition(".")[0] in _VALUES:
            return encodable(str(base.__str__(value)))
    number = _other_number(value)
    return name_of(value) if number is None else number


_VALUES = ("uuid", "datetime", "decimal", "fractions", "pathlib", "ipaddress")


def _other_number(value: Any) -> Any:
    """Return a scalar of numpy, or of a library that registers its numbers, as JSON can hold it; None if it is none."""
    if isinstance(value, Integral):
        return _number(int(value))
    if isinstance(value, Real):
        return _number(float(value))
    cls = type(value)
    if cls.__module__ != "numpy":
        return None
    if cls.__name__ == "ndarray":  # without dimensions: one value
        return _other_number(value[()]) if value.dtype.kind in "biuf" else None
    if cls.__name__ in ("bool", "bool_"):
        return bool(value)
    return encodable(str(value)) if cls.__name__ in ("datetime64", "timedelta64") else None


def _key(key: Any) -> str:
    if isinstance(key, str):
        return encodable(key)
    if isinstance(key, (int, float)):
        return str(_number(key))
    if isinstance(key, tuple):
        return f"({', '.join(map(_key, tuple.__iter__(key)))})"
    return str(None if key is None else _of_object(key))


# Texts cut


def missing(count: int) -> str:
    """Return the note that so many characters are missing."""
    return f"… [{count} characters cut]"


def split_note(text: str) -> tuple[str, int]:
    """Return a text without the note at its end, and how many characters that says are missing."""
    found = _NOTE.search(text, max(len(text) - 48, 0)) if text.endswith(" characters cut]") else None
    return (text, 0) if found is None else (text[: found.start()], int(found[1]))


_NOTE = lazily(r"… \[([0-9]{1,12}) characters cut\]\Z")


def cut_between_words(text: str, length: int) -> str:
    """Return a text of at least so many characters, cut behind a whole word, URL or block of base64."""
    if len(text) <= length:
        return text
    word = _WORD.match(text, length)
    end = length if word is None else word.end()
    return text if end == len(text) else f"{text[:end]}{missing(len(text) - end)}"


_WORD = lazily(
    r"[A-Za-z0-9+/=_.~%*()!:;,@-]{0,1000000}+(?:(?:\\r\\n|\\n|\r?\n)[A-Za-z0-9+/_-]{57,4096}+={0,2}){0,10000}+"
)


# Binary data

_RUNS = bytes(120 if (chr(byte).isalnum() and byte < 128) or byte in b"+/_-" else 32 for byte in range(256))  # noqa: PLR2004
_LINE = b"x" * 57  # the shortest line that encoders break data into

_URL = lazily(
    r"data:(?P<mime>[\w.+-]+/[\w.+-]+)?(?:;(?!base64,)[\w.+-]{1,64}=[^;,\s\"'<>]{0,256}){0,8}+(?P<base64>;base64)?,"
    r"(?P<data>(?:[A-Za-z0-9+/=_.!~*()%-]|\\/)*+)",
    re.IGNORECASE,
)
_DATA = lazily(r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{57,}+(?:\\r\\n|\\n|\r?\n)?+)++[A-Za-z0-9+/_-]*+={0,2}")
_SHORTEST = 200  # characters of base64 outside of a URL: what is shorter is a key, a hash or an id
_LONGEST = 1_000_000  # characters of one text that are read, whatever the limit is
_MIXED = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))


def binary(data: bytes) -> dict[str, Any]:
    """Return what stands for binary data: its size and digest."""
    return {"size": len(data), "sha256": sha256(data).hexdigest()}


def without_blobs(text: str) -> str:
    """Return a text with descriptions of its `data:` URLs and long base64, and without what only providers can read."""
    text = _unsealed_text(cut_between_words(text, _LONGEST))
    if "data:" in text or "DATA:" in text:
        text = _URL.sub(_without_url, text)
    if len(text) >= _SHORTEST and _LINE in text.encode("utf-8", "replace").translate(_RUNS):
        text = _DATA.sub(_without_data, text)
    return text


def _without_url(found: re.Match[str]) -> str:
    if found["mime"] is None and found["base64"] is None:  # `data:,` and the like: a word and a comma
        return found[0]
    return _described(found["mime"] or "text/plain", found["data"])


def _without_data(found: re.Match[str]) -> str:
    text = found[0]
    if len(text) < _SHORTEST or not all(kind.search(text) for kind in _MIXED):
        return text
    return _described("base64", text)


def _described(kind: str, text: str) -> str:
    about = binary(decoded(text))
    return f"[{kind}, {about['size']} bytes, sha256 {about['sha256']}]"


def decoded(text: str) -> bytes:
    """Return the data that a text holds as base64, or the text's own bytes if it holds none."""
    packed = re.sub(r"\\[rn/]|\s", lambda found: "/" if found[0] == "\\/" else "", text).rstrip("=")
    packed = packed.replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "replace")


# Sealed texts: encrypted results and signatures of reasoning, which providers want back and nobody else can read

# Keys under which nothing else stands.
_SEALED = frozenset(
    {
        *("encrypted_content", "encrypted_index", "encrypted_stdout", "encrypted_stderr", "encryptedContent"),
        *("thought_signature", "thoughtSignature", "thought_signatures", "redactedContent", "redacted_content"),
        "__gemini_function_call_thought_signatures__",
    }
)
# Types of blocks whose `signature` or `data` is such a text; a program's own signature is none.
_REASONING = frozenset({"thinking", "reasoning", "redacted_thinking", "reasoning_content", "signature_delta"})
# Keys of objects in which `signature` is one.
_HOLDERS = frozenset({"extras", "thinking", "reasoning", "reasoning_content", "reasoningContent", "reasoningText"})
_SEALED_KEYS = _SEALED | _HOLDERS | {"signature", "data"}


def _unsealed(found: dict[str, Any]) -> dict[str, Any]:
    """Remove sealed texts from an object whose inner objects have none any more; what stands beside them stays."""
    for holder in _HOLDERS & found.keys():
        for inner in found[holder] if isinstance(found[holder], list) else (found[holder],):
            if isinstance(inner, dict):
                inner.pop("signature", None)
    for name in _SEALED & found.keys():
        del found[name]
    kind = found.get("type")
    if found.get("thought") is True or (isinstance(kind, str) and _is_reasoning(kind)):
        found.pop("signature", None)
        if kind in ("redacted_thinking", "reasoning.encrypted"):
            found.pop("data", None)
    return found


def _is_reasoning(kind: str) -> bool:
    return kind in _REASONING or kind.startswith("reasoning.") or kind.endswith("_signature")


_IN_TEXT = lazily(
    r"""
    ((?:encrypted_(?:content|index|stdout|stderr)|encryptedContent|thought_?[sS]ignatures?|redacted_?[cC]ontent)
     \\*["']\s*:\s*\\*["'])
    [^"'\\\s]+
    """,
    re.VERBOSE,
)
_OF_REASONING = lazily(r"""((?:signature|data)\\*["']\s*:\s*\\*["'])[A-Za-z0-9+/=_-]{32,}""")


def _unsealed_text(text: str) -> str:
    """Replace sealed texts in another one: the answer of a tool is often JSON of a model's answer."""
    if "encrypted" in text or "ignature" in text or "edacted" in text:
        text = _IN_TEXT.sub(r"\1[encrypted]", text)
        if "thinking" in text or "reasoning" in text or "extras" in text:
            text = _OF_REASONING.sub(r"\1[encrypted]", text)
    return text
