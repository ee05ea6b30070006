"""Texts that only a provider can read: encrypted results, signatures of reasoning. They are left out at every depth.

Anthropic, OpenAI, xAI, Google, Bedrock and OpenRouter send such texts for the next request; nobody else can read them.
"""

from __future__ import annotations

import re
from typing import Any

from callspan.capture.patterns import lazily

_ALWAYS = frozenset(
    {
        *("encrypted_content", "encrypted_index", "encrypted_stdout", "encrypted_stderr", "encryptedContent"),
        *("thought_signature", "thoughtSignature", "thought_signatures", "redactedContent", "redacted_content"),
        "__gemini_function_call_thought_signatures__",
    }
)
"""Keys under which nothing else stands."""

_REASONING = frozenset({"thinking", "reasoning", "redacted_thinking", "reasoning_content", "signature_delta"})
"""Types of blocks whose `signature` or `data` is such a text; a program's own signature is none."""

_HOLDERS = frozenset({"extras", "thinking", "reasoning", "reasoning_content", "reasoningContent", "reasoningText"})
"""Keys of objects in which `signature` is one."""

SIGNS = _ALWAYS | _HOLDERS | {"signature", "data"}
"""An object without any of these keys has nothing to leave out."""


def unsealed(said: dict[str, Any]) -> dict[str, Any]:
    """Return a plain object without such texts; what stands beside them stays.

    Args:
        said: The object, whose inner objects were read already: it is changed.
    """
    for holder in _HOLDERS & said.keys():
        for inner in said[holder] if isinstance(said[holder], list) else (said[holder],):
            if isinstance(inner, dict):
                inner.pop("signature", None)
    for name in _ALWAYS & said.keys():
        del said[name]
    kind = said.get("type")
    if said.get("thought") is True or (isinstance(kind, str) and _is_reasoning(kind)):
        said.pop("signature", None)
        if kind in ("redacted_thinking", "reasoning.encrypted"):
            said.pop("data", None)
    return said


def _is_reasoning(kind: str) -> bool:
    return kind in _REASONING or kind.startswith("reasoning.") or kind.endswith("_signature")


_IN_TEXT = lazily(
    r"""
    (\\*["'] (?:encrypted_(?:content|index|stdout|stderr)|encryptedContent|thought_?[sS]ignatures?|redacted_?[cC]ontent)
     \\*["']\s*:\s*\\*["'])
    [^"'\\\s]+
    """,
    re.VERBOSE,
)
_OF_REASONING = lazily(r"""(\\*["'](?:signature|data)\\*["']\s*:\s*\\*["'])[A-Za-z0-9+/=_-]{32,}""")

SEALED = "[encrypted]"
"""Stands for such a text where it stood in another one."""


def unsealed_text(text: str) -> str:
    """Return a text without those in it: what a tool answered is often JSON of what a model said."""
    if "encrypted" in text or "ignature" in text or "edacted" in text:
        text = _IN_TEXT.sub(rf"\1{SEALED}", text)
        if "thinking" in text or "reasoning" in text or "extras" in text:
            text = _OF_REASONING.sub(rf"\1{SEALED}", text)
    return text
