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
    | (?i:(?<=[?&;\s"'])(?:api[_-]?key|access[_-]?token|auth[_-]?token|token|password|passwd|secret|signature)
        ["']?\s*[=:]\s*["']?[^\s&"',;)}\]]{4,})
    | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)
    """,
    re.VERBOSE,
)
_PRINTED = "[redacted]"


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
    """Give the text with keys, tokens and passwords of known shapes replaced."""
    return _SECRETS.sub(_PRINTED, text)
