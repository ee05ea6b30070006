"""Binary data in what was said: its size and digest stand for it, wherever it turns up and however it is written."""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import sha256
from typing import Any

from callspan.capture.shortening import missing
from callspan.core.sealed import unsealed_text

_RUNS = bytes(120 if (chr(byte).isalnum() and byte < 128) or byte in b"+/_-" else 32 for byte in range(256))  # noqa: PLR2004
_LINE = b"x" * 57
"""The shortest line that encoders break data into."""

_URL = re.compile(
    r"data:(?P<mime>[\w.+-]+/[\w.+-]+)?(?:;(?!base64,)[\w.+-]{1,64}=[^;,\s\"'<>]{0,256}){0,8}+(?P<base64>;base64)?,"
    r"(?P<data>(?:[A-Za-z0-9+/=_.!~*()%-]|\\/)*+)",
    re.IGNORECASE,
)

_DATA = re.compile(r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{57,}+(?:\\r\\n|\\n|\r?\n)?+)++[A-Za-z0-9+/_-]*+={0,2}")
_SHORTEST = 200
"""Characters of base64 outside of a URL: what is shorter is a key, a hash or an id."""

_LONGEST = 1_000_000
"""Characters of one text that are looked at, whatever the limit is."""

_MIXED = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))


def binary(data: bytes) -> dict[str, Any]:
    """Describe binary data: its size and digest."""
    return {"size": len(data), "sha256": sha256(data).hexdigest()}


def without_blobs(text: str) -> str:
    """Return the text with `data:` URLs and long base64 described instead, and nothing that only providers can read.

    What is absurdly long is cut.
    """
    if len(text) > _LONGEST:
        end = max(text.rfind(" ", _LONGEST - 1000, _LONGEST), _LONGEST - 1000)  # no half of a word: it may be a secret
        text = f"{text[:end]}{missing(len(text) - end)}"
    text = unsealed_text(text)
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
    said = binary(decoded(text))
    return f"[{kind}, {said['size']} bytes, sha256 {said['sha256']}]"


def decoded(text: str) -> bytes:
    """Give the data that a text holds as base64, or the text's own bytes if it holds none."""
    packed = re.sub(r"\\[rn/]|\s", lambda found: "/" if found[0] == "\\/" else "", text).rstrip("=")
    packed = packed.replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "replace")
