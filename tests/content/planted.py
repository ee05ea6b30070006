"""Secrets to plant: each kind's shape, and the text in it that must not get out. Put together at run time."""

from __future__ import annotations

import base64
from dataclasses import dataclass

LETTERS = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5kL7"


@dataclass(frozen=True)
class Secret:
    """A secret.

    Args:
        kind: What it is.
        text: How it is written.
        core: The part of the text that gives it away.
    """

    kind: str
    text: str
    core: str


def _key(kind: str, *parts: str) -> Secret:
    text = "".join(parts)
    return Secret(kind, text, text)


def luhn(number: str) -> str:
    """Give the number with its check digit."""
    doubled = (sum(divmod(2 * int(one), 10)) if place % 2 == 0 else int(one) for place, one in enumerate(number[::-1]))
    return f"{number}{-sum(doubled) % 10}"


_BASIC = base64.b64encode(b"someone:of importance").decode()
_HEAD = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
_BODY = base64.urlsafe_b64encode(b'{"sub":"someone","admin":true}').decode().rstrip("=")
_VISA = luhn("411122223333444")
_GROUPED = " ".join(_VISA[at : at + 4] for at in range(0, 16, 4))

SECRETS = [
    _key("openai", "sk-", "proj-", LETTERS),
    _key("openai, old", "sk-", LETTERS),
    _key("anthropic", "sk-", "ant-api03-", LETTERS),
    _key("google", "AI", "za", LETTERS[:35]),
    _key("aws id", "AK", "IA", "Q7W3E5R7T9Y2U4I6"),
    Secret("aws secret", f"AWS_SECRET_ACCESS_KEY={LETTERS}/+", LETTERS),
    _key("github", "gh", "p_", LETTERS[:36]),
    _key("github, fine-grained", "github", "_pat_", LETTERS),
    _key("gitlab", "gl", "pat-", LETTERS[:20]),
    _key("slack", "xo", "xb-", "123456789012-", LETTERS[:24]),
    Secret("slack hook", f"https://hooks.slack.com/services/T0/B0/{LETTERS[:24]}", LETTERS[:24]),
    _key("stripe", "sk_", "live_", LETTERS[:24]),
    _key("hugging face", "h", "f_", LETTERS[:34]),
    _key("langsmith", "lsv2", "_pt_", LETTERS[:32]),
    _key("groq", "gs", "k_", LETTERS[:36]),
    _key("sendgrid", "S", "G.", LETTERS[:22], ".", LETTERS),
    Secret("bearer", f"Bearer {LETTERS[:16]}", LETTERS[:16]),
    Secret("basic", f"Basic {_BASIC}", _BASIC),
    Secret("jwt", f"{_HEAD}.{_BODY}.{LETTERS[:30]}", _BODY),
    Secret(
        "private key",
        f"-----BEGIN RSA PRIVATE KEY-----\n{LETTERS}{LETTERS}\n{LETTERS}==\n-----END RSA PRIVATE KEY-----",
        LETTERS,
    ),
    Secret("e-mail", "ada.lovelace+x@analytical.example", "lovelace"),
    Secret("card", _VISA, _VISA),
    Secret("card, grouped", _GROUPED, _GROUPED),
    Secret("url", "postgres://root:tr0ub4dor@db.example/x", "tr0ub4dor"),
    Secret("query", "https://api.example/v1?api_key=tr0ub4dor&page=2", "tr0ub4dor"),
    Secret("assignment", "password: tr0ub4dor", "tr0ub4dor"),
    Secret("json", '{"user": {"clientSecret": "tr0ub4dor \\" and 3"}}', "tr0ub4dor"),
    Secret("nested json", '{"body": "{\\"api-key\\": \\"tr0ub4dor\\"}"}', "tr0ub4dor"),
    Secret("header", "Set-Cookie: sid=tr0ub4dor; Path=/", "tr0ub4dor"),
]
