"""Keys whose values are secrets, whatever those look like."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from callspan.capture.patterns import lazily


def word_list(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


# Keys of what people make up, which need not look like a secret
PASSWORDS = word_list(
    """
    password passwords passwd passphrase passcode pwd pass passwort kennwort
    password_hash password_digest password_salt passwd_hash pwd_hash pass_hash passwordhash
    password_confirmation password_confirm password_repeat password_again
    """
)

_OTHERS = word_list(
    """
    secret secrets secret_key secret_string
    private_key api_key api_keys access_key account_key signing_key encryption_key
    subscription_key functions_key master_key shared_key storage_key admin_key
    service_role_key service_key consumer_key hmac_key symmetric_key
    access_token refresh_token id_token auth_token session_token bearer_token csrf_token token
    jwt bearer otp auth authorization credential credentials cookie cookies set_cookie
    connection_string card_number credit_card cvv cvc ssn
    """
)

# What stands under such a key is replaced: alone, or as the last words of a longer one (`openai_api_key`)
DENIED_KEYS = (*PASSWORDS, *_OTHERS)
_SQUEEZED = 6  # characters that a word needs to be told at the end of another one without a sign between (`dbpassword`)


def words(key: str) -> str:
    """Return a key as words with underscores: `apiKey`, `api-key` and `API Key` are all `api_key`."""
    return _END.sub("", _BETWEEN.sub("_", key.strip()).lower())


_BETWEEN = lazily(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\s\-.]+")
_END = lazily(r"[_0-9]+\Z")


def denied(keys: Iterable[str] = ()) -> frozenset[str]:
    """Return the words of the keys that are denied."""
    return frozenset(found for key in (*DENIED_KEYS, *keys) if (found := words(key)))


USUAL = denied()


@lru_cache(maxsize=4096)
def is_denied(key: str, among: frozenset[str] = USUAL) -> bool:
    """Return whether what stands under this key is a secret."""
    found = words(key[-_LONGEST:])
    if found.endswith(_OPEN) or _OPEN_PASS.search(found):
        return False
    if any(found == one or found.endswith(f"_{one}") for one in among):
        return True
    squeezed = found.replace("_", "")
    if _SQUEEZED_PASS.fullmatch(squeezed):
        return True
    return any(len(one) >= _SQUEEZED and squeezed.endswith(one.replace("_", "")) for one in among)


# Last words of keys that only sound like it: of lists in pages, and of what models read and write
_OPEN = word_list(
    """
    page_token next_token continuation_token sync_token first_token last_token per_token
    pad_token eos_token bos_token sep_token cls_token mask_token unk_token stop_token
    start_token end_token special_token image_token audio_token prev_token current_token
    public_key_token input_token output_token prompt_token completion_token reasoning_token cached_token
    """
)

# Keys that end with `pass` and mean a round, a filter, a ticket or a success
_OPEN_PASS = lazily(
    r"(?:^|_)(?:(?:first|second|third|last|next|prev|previous|single|double|multi|one|two|each|every|final|initial)"
    r"|(?:low|high|band|all|by|must|should|will|did|does|can|to|is|has|tests?|checks?|builds?|render|depth|shadow|color"
    r"|boarding|season|day|week|hall|forward|backward|warmup|training|compiler|optimi[sz]ation))_pass$"
)

# The same where no sign stands before `pass`
_SQUEEZED_PASS = lazily(
    r"(?:\w*[\W_])?(?:db|database|pg|postgres|mysql|mongo|redis|sql|smtp|imap|pop|mail|email|ftp|sftp|ssh|ldap|http|proxy"
    r"|user|usr|admin|root|my|login|auth|wifi|wlan|key|keystore|truststore|ssl|tls|rabbit|amqp|mqtt|ansible|sudo|vault)pass"
)

_LONGEST = 128  # characters of a key that are looked at, its last ones


def is_secret(key: str, value: object) -> bool:
    """Return whether a value under a denied key is a secret: nothing, a switch and a count of tokens are none."""
    if value is None or value == "" or isinstance(value, (bool, float)):
        return False
    last = words(key).rpartition("_")[2]
    if isinstance(value, int):  # counts of tokens; of tests that pass
        return last != "token" and not (last == "pass" and value < _SMALLEST_PIN)
    return not (last == "pass" and isinstance(value, str) and value.strip().lower() in _VERDICTS)


_SMALLEST_PIN = 1000
# What stands under `pass` where something was tested
_VERDICTS = word_list("yes no ok true false pass passed fail failed n/a skip skipped")


@lru_cache(maxsize=64)
def stems(among: frozenset[str]) -> tuple[str, ...]:
    """Return short texts of which each denied key ends with one, to look for before looking closer."""
    ends = {one.rpartition("_")[2][-_STEM:] for one in (*among, "sig", "signature")}
    return tuple(sorted(end for end in ends if not any(other != end and other in end for other in ends)))


_STEM = 5
