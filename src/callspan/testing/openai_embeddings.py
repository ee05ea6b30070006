"""The scripted server's embeddings: each word pushes one place of the vector, so like texts lie near."""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from callspan.testing.openai_tokens import count

_DIMENSIONS = 256


def embed(text: str, dimensions: int = _DIMENSIONS) -> list[float]:
    """Turn a text into a vector of length one; the same text always gives the same.

    Args:
        text: Any text; case and punctuation do not count.
        dimensions: How many places the vector has.
    """
    vector = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        # Not `hash()`: Python salts it anew in every process.
        vector[zlib.crc32(word.encode("utf-8", "surrogatepass")) % dimensions] += 1.0
    length = math.sqrt(sum(place * place for place in vector))
    if length == 0:
        # A text without a word still needs a direction: cosine similarity divides by the length.
        vector[0] = length = 1.0
    return [place / length for place in vector]


def embeddings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request for embeddings.

    Args:
        body: The request; its input is a text, a list of texts, a text's tokens, or a list of such tokens.

    Raises:
        ValueError: The input is none of these.
    """
    texts = _texts(body.get("input"))
    dimensions = body.get("dimensions") or _DIMENSIONS
    if not isinstance(dimensions, int) or dimensions < 1:
        raise ValueError(f"'dimensions' is not a positive number: {dimensions!r}")
    packed = body.get("encoding_format") == "base64"
    vectors = [embed(text, dimensions) for text in texts]
    tokens = sum(count(text) for text in texts)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else vector}
            for index, vector in enumerate(vectors)
        ],
        "model": body.get("model", "unknown"),
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _texts(given: object) -> list[str]:
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        raise ValueError("'input' is neither a text nor a list of texts or tokens")
    if all(isinstance(item, int) for item in given):
        return [_joined(given)]
    return [item if isinstance(item, str) else _joined(item) for item in given]


def _joined(tokens: object) -> str:
    if not isinstance(tokens, list):
        raise ValueError("'input' is neither a text nor a list of texts or tokens")
    return " ".join(str(token) for token in tokens)


def _packed(vector: Sequence[float]) -> str:
    """Pack a vector as the client unpacks it: 32-bit floats, little-endian, base64."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
