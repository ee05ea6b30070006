"""Text that may leave the process: no lone surrogates, no secrets, no more than is asked for."""

from __future__ import annotations

import re

NAME_LIMIT = 256
"""Characters of a span or event name; longer ones are data, not names."""

ERROR_LIMIT = 1024
"""Characters of an error's text (interface.md, Errors)."""

_CUT = "…"

# Shapes that providers document for their keys, and what travels in headers and URLs.
_SECRETS = re.compile(
    r"""
      \b(?:sk|pk|rk|lsv2|gsk|hf|xai|pplx|r8|ghp|gho|ghs|github_pat|glpat|xox[abpr])[-_][A-Za-z0-9_\-*]{8,}
    | \bAKIA[0-9A-Z]{16}\b
    | \bAIza[0-9A-Za-z_\-]{20,}
    | \beyJ[A-Za-z0-9_\-]{6,}\.[A-Za-z0-9_\-]{6,}\.[A-Za-z0-9_\-]*
    | (?i:\bbearer\s+[A-Za-z0-9._~+/\-]{8,}=*)
    | (?i:\bbasic\s+[A-Za-z0-9+/]{12,}=*)
    | (?i:(?:(?<=[?&;\s"'{,(])|\A)(?:api[_-]?key|access[_-]?token|auth[_-]?token|token|password|passwd|secret|signature)
        ["']?\s*[=:]\s*["']?[^\s&"',;)}\]]{4,})
    | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)
    """,
    re.VERBOSE,
)
PRINTED = "[redacted]"
"""Stands for a secret."""


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


def safe_name(name: object) -> str | None:
    """Give a name fit for a span, or None where there is none."""
    if not isinstance(name, str) or not name:
        return None
    return encodable(cut(name, NAME_LIMIT))


def without_secrets(text: str) -> str:
    """Give the text with keys, tokens, passwords, addresses and cards of known shapes replaced."""
    if _may_have_secrets(text):
        text = _SECRETS.sub(PRINTED, text)
    if "@" in text:
        text = _ADDRESS.sub(PRINTED, text)
    if _DIGITS.search(text):
        text = _CARD.sub(_without_card, text)
    return text


def _may_have_secrets(text: str) -> bool:
    """Tell whether it is worth a closer look: the patterns take far longer than looking for their letters."""
    if any(sign in text for sign in _SIGNS):
        return True
    lower = text.lower()
    return any(word in lower for word in _WORDS)


# Each of the patterns below has one of these in it.
_SIGNS = (
    *("sk-", "sk_", "pk_", "pk-", "rk_", "rk-", "lsv2", "gsk", "hf_", "hf-", "xai", "pplx", "r8_", "r8-"),
    *("ghp", "gho", "ghs", "github_pat", "glpat", "xox", "AKIA", "AIza", "eyJ", "://"),
)
_WORDS = ("bearer", "basic", "key", "token", "passw", "secret", "signature")

_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")

_DIGITS = re.compile(r"[0-9][0-9 -]{10,21}[0-9]")

# The numbers that card companies give out; a time in milliseconds or nanoseconds, which begins with 1, is none.
_CARD = re.compile(r"(?<![\w.-])(?:[3-6][0-9]|2[2-7])(?:[ -]?[0-9]){10,17}(?![\w-])")

_CARD_LENGTHS = range(12, 20)


def _without_card(found: re.Match[str]) -> str:
    digits = [int(one) for one in found[0] if one.isdigit()]
    doubled = (sum(divmod(2 * one, 10)) if place % 2 else one for place, one in enumerate(reversed(digits)))
    return PRINTED if len(digits) in _CARD_LENGTHS and sum(doubled) % 10 == 0 else found[0]
