"""Keys whose values are secrets, whatever those look like."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

DENIED_KEYS = (
    *("password", "passwords", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "secret_key"),
    *("private_key", "api_key", "api_keys", "access_key", "account_key", "signing_key", "encryption_key"),
    *(
        "access_token",
        "refresh_token",
        "id_token",
        "auth_token",
        "session_token",
        "bearer_token",
        "csrf_token",
        "token",
    ),
    *("jwt", "bearer", "otp", "auth", "authorization", "credential", "credentials", "cookie", "cookies", "set_cookie"),
    *("connection_string", "card_number", "credit_card", "cvv", "cvc", "ssn"),
)
"""What stands under such a key is replaced: alone, or as the last words of a longer one (`openai_api_key`)."""

_SQUEEZED = 6
"""Characters that a word needs to be told at the end of another one without a sign between (`dbpassword`)."""


def words(key: str) -> str:
    """Give a key as words with underscores: `apiKey`, `api-key` and `API Key` are all `api_key`."""
    return _END.sub("", _BETWEEN.sub("_", key.strip()).lower())


_BETWEEN = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\s\-.]+")
_END = re.compile(r"[_0-9]+\Z")


def denied(keys: Iterable[str] = ()) -> frozenset[str]:
    """Give the words of the keys that are denied.

    Args:
        keys: Those besides the usual ones.
    """
    return frozenset(found for key in (*DENIED_KEYS, *keys) if (found := words(key)))


USUAL = denied()


@lru_cache(maxsize=4096)
def is_denied(key: str, among: frozenset[str] = USUAL) -> bool:
    """Tell whether what stands under this key is a secret.

    Args:
        key: The key.
        among: The words that are denied.
    """
    found = words(key[-_LONGEST:])
    if found.endswith(_OPEN):
        return False
    if any(found == one or found.endswith(f"_{one}") for one in among):
        return True
    squeezed = found.replace("_", "")
    return any(len(one) >= _SQUEEZED and squeezed.endswith(one.replace("_", "")) for one in among)


_OPEN = ("page_token", "next_token", "continuation_token", "sync_token")
"""Last words of keys that only sound like it."""

_LONGEST = 128
"""Characters of a key that are looked at, its last ones."""


def is_secret(key: str, value: object) -> bool:
    """Tell whether a value under a denied key is a secret: nothing, a switch and a count of tokens are none."""
    if value is None or value == "" or isinstance(value, (bool, float)):
        return False
    return not (isinstance(value, int) and words(key).endswith("token"))


@lru_cache(maxsize=64)
def stems(among: frozenset[str]) -> tuple[str, ...]:
    """Give short texts of which each denied key ends with one, to look for before looking closer."""
    ends = {one.rpartition("_")[2][-_STEM:] for one in (*among, "sig", "signature")}
    return tuple(sorted(end for end in ends if not any(other != end and other in end for other in ends)))


_STEM = 5
