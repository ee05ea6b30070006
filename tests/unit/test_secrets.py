"""Secrets in texts are replaced wherever they stand, and nothing else is."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.content.planted import SECRETS, luhn
from tests.pairs import examples

from callspan.capture.redact import Place, SecretRedactor
from callspan.capture.secret_keys import denied, is_denied
from callspan.capture.secrets import is_card, without_secrets

WORDS = st.text("abcdefghijklmnopqrstuvwxyz é漢,.\n\"'()", max_size=300)


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret.kind)
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "it is {} indeed",
        "say ({}), now",
        "line\n{}\nline",
        '"{}"',
        "漢字 {} é",
        "x={} ",
        "a long text: " * 500 + "{} .",
    ],
)
def test_a_secret_is_found_wherever_it_stands(secret, around):
    found = without_secrets(around.replace("{}", secret.text))
    assert secret.core not in found
    assert "[redacted]" in found


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret.kind)
def test_a_secret_is_found_in_json_within_json(secret):
    """Quotes and line breaks in it are escaped, once for each time."""
    once = json.dumps({"said": f"so:\n{secret.text}\nok"})
    assert secret.core not in without_secrets(once)
    assert secret.core not in without_secrets(json.dumps({"answer": once}))


@settings(max_examples=examples(200), deadline=None)
@given(before=WORDS, secret=st.sampled_from(SECRETS), after=WORDS)
def test_a_secret_is_found_between_any_words(before, secret, after):
    found = without_secrets(f"{before} {secret.text} {after}")
    assert secret.core not in found
    assert without_secrets(found) == found


@settings(max_examples=examples(300), deadline=None)
@given(
    st.one_of(
        st.uuids().map(str),
        st.uuids().map(lambda one: one.hex),
        st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
        st.integers(0, 2**31).map(str),
        st.integers(1_000_000_000_000, 2_000_000_000_000).map(str),
        st.integers(1_600_000_000_000_000_000, 1_999_999_999_999_999_999).map(str),
        st.binary(max_size=8).map(lambda data: hashlib.sha256(data).hexdigest()),
        st.uuids().map(lambda one: f"call_{one.hex[:24]}"),
        st.uuids().map(lambda one: f"chatcmpl-{one.hex}"),
        st.uuids().map(lambda one: f"msg_01{one.hex[:22]}"),
        st.uuids().map(lambda one: f"lc_run--{one}"),
        st.floats(allow_nan=False).filter(lambda one: not is_card(f"{abs(one):.0f}")).map(repr),
    )
)
def test_ids_times_and_hashes_are_not_touched(text):
    for around in ("{}", "id {} of it", '{{"id": "{}"}}', "total_tokens={}"):
        whole = around.format(text)
        assert without_secrets(whole) == whole


@pytest.mark.parametrize(
    "text",
    [
        "input_tokens: 1234, total_tokens=5, token: 15496, max_tokens = 10",
        "a bearer of news has a basic understanding of cards",
        "left-pad@1.3.0 and @app.route and a@b",
        "risk-assessment-2024-01-01, task-12345678, pk_customers, hf_hub_download",
        "author: Jim, monkey: banana, key: value, keys = 3, authors=x",
        "4111 1111 1111 1112 is no card, nor is 12345678901234",
        "password: , secret = null, token: None",
        "https://example.org/a:b/c?page=2&sort=key",
        f"order {luhn('911122223333444')}",
        "state-of-the-art internationalization-friendly " * 20,
    ],
)
def test_what_only_looks_like_a_secret_is_not_touched(text):
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        *((key, True) for key in ("password", "apiKey", "api-key", "X-Api-Key", "OPENAI_API_KEY", "openaiAPIKey")),
        *((key, True) for key in ("dbpassword", "client secret", "SecretAccessKey", "password2", "set-cookie", "JWT")),
        *((key, False) for key in ("tokens", "input_tokens", "token_count", "author", "monkey", "secretary")),
    ],
)
def test_keys_are_denied_however_they_are_spelt(key, secret):
    assert is_denied(key) is secret


def test_values_under_denied_keys_are_replaced_whatever_they_hold():
    given = {
        "user": "ada",
        "apiKey": "x",
        "credentials": {"a": {"b": "deep"}},
        "nested": [{"client-secret": ["y"], "page": 2}],
        "pin": 1,
        "password": 1234,
        "token": 15496,
        "secret": True,
        "cookie": None,
        "number": int(luhn("411122223333444")),
    }
    assert SecretRedactor(denied())(given, Place("inputs")) == {
        "user": "ada",
        "apiKey": "[redacted]",
        "credentials": "[redacted]",
        "nested": [{"client-secret": "[redacted]", "page": 2}],
        "pin": 1,
        "password": "[redacted]",
        "token": 15496,
        "secret": True,
        "cookie": None,
        "number": "[redacted]",
    }


def test_keys_of_the_users_own_are_denied_too_in_objects_and_in_texts():
    redact = SecretRedactor(denied(["Kunden Nummer"]))
    said = {"kundenNummer": "K-1", "text": 'kunden-nummer: K-1 and {"meineKundenNummer": "K-1"}'}
    assert redact(said, Place("inputs")) == {
        "kundenNummer": "[redacted]",
        "text": 'kunden-nummer: [redacted] and {"meineKundenNummer": "[redacted]"}',
    }


def test_a_tools_definition_says_what_its_arguments_are_but_no_default_of_a_secret():
    schema = {"type": "object", "properties": {"password": {"type": "string", "default": "tr0ub4dor"}}}
    part = {"type": "function", "name": "login", "parameters": schema}
    assert SecretRedactor(denied())(part, Place("tool_definitions")) == {
        "type": "function",
        "name": "login",
        "parameters": {"type": "object", "properties": {"password": {"type": "string"}}},
    }


BEHIND_KEYS = [
    '{"secret":{"a":"}","b":"tr0ub4dor"}}',
    'password=SecretStr("tr0ub4dor")',
    'password = b"tr0ub4dor"',
    'api_key: str = "tr0ub4dor"',
    'password=("tr0ub4dor", 1)',
    'os.environ["API_KEY"]="tr0ub4dor"',
    'password = """tr0ub4dor"""',
    '{"password":\n "tr0ub4dor"}',
    "<db:password>tr0ub4dor</db:password>",
    'Cookie: a="x"; b=tr0ub4dor',
    'Authorization: Digest username="a", response="tr0ub4dor"',
    "curl -H 'Cookie: a=\"x\"; b=tr0ub4dor' http://x",
]


@pytest.mark.parametrize("text", BEHIND_KEYS)
def test_what_stands_behind_a_telling_key_is_replaced_however_it_is_written(text):
    assert "tr0ub4dor" not in without_secrets(text)


@pytest.mark.parametrize(
    "text", ["cvv: 123", '{"cvv": 123}', "card 4111111111111111.0", "4111\u00a01111\u00a01111\u00a01111"]
)
def test_numbers_of_cards_are_replaced_however_they_are_written(text):
    assert not any(number in without_secrets(text) for number in ("123", "1111"))


INNOCENT = [
    *("pplx-70b-online", "jina_embeddings_v3", "shell_exec_v2_safe", "shop_search_2024", "npm_install_v2"),
    *("ship_2024_05_12345", "hf_hub_download_v2_x", "fc-barcelona-2024-2025", "git@github.com:owner/repo.git"),
    *("next_page_token: abc123def", "pwd: /home/me", "a token: a unit of text", "4111111111111111.05"),
]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_begins_like_a_key_stays(text):
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        *(
            (key, True)
            for key in ("pass", "DB_PASS", "smtp-pass", "dbpass", "userPass", "passwordHash", "password_hash")
        ),
        *((key, True) for key in ("password_confirmation", "masterKey", "master-key", "Ocp-Apim-Subscription-Key")),
        *((key, True) for key in ("subscription_key", "x-functions-key", "SecretString", "pgpassword")),
        *((key, False) for key in ("passed", "bypass", "passenger", "compass", "pass_rate", "passing", "passport")),
        *(
            (key, False)
            for key in ("first_pass", "low_pass", "renderPass", "pad_token", "eosToken", "max_tokens", "keyboard")
        ),
    ],
)
def test_keys_for_passwords_are_denied_and_words_that_sound_like_it_are_not(key, secret):
    assert is_denied(key) is secret


@pytest.mark.parametrize("value", [12, True, None, "", "yes", "ok", 0.97])
def test_what_a_test_says_of_its_passes_is_no_password(value):
    assert SecretRedactor(denied())({"pass": value}, Place("outputs")) == {"pass": value}
    assert SecretRedactor(denied())({"pass": "letmein"}, Place("outputs")) == {"pass": "[redacted]"}


NAMED = [
    '[{"name": "DB_PASSWORD", "value": "tr0ub4dor"}]',
    "env:\n  - name: DB_PASSWORD\n    value: tr0ub4dor",
    '{\\"key\\": \\"api_key\\", \\"value\\": \\"tr0ub4dor\\"}',
]


@pytest.mark.parametrize("before", ["password: ", "Password=", "passphrase: ", "my password: "])
def test_a_pass_phrase_is_replaced_as_a_whole_and_a_sentence_is_not(before):
    assert without_secrets(f"{before}correct horse battery staple") == f"{before}[redacted]"
    for sentence in ("reset link sent", "invalid user name", "use a long one", "must not be empty"):
        assert without_secrets(f"{before}{sentence}") == f"{before}{sentence}"


@pytest.mark.parametrize("text", NAMED)
def test_a_value_whose_name_stands_beside_it_is_replaced(text):
    assert "tr0ub4dor" not in without_secrets(text)


def test_a_value_whose_name_stands_beside_it_is_replaced_in_objects_too():
    given = [
        {"name": "DB_PASSWORD", "value": "x"},
        {"key": "Authorization", "value": "y"},
        {"name": "city", "value": "Rome"},
    ]
    assert SecretRedactor(denied())(given, Place("inputs")) == [
        {"name": "DB_PASSWORD", "value": "[redacted]"},
        {"key": "Authorization", "value": "[redacted]"},
        {"name": "city", "value": "Rome"},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "mysql -u root -ptr0ub4dor app",
        "curl -u ada:tr0ub4dor https://example.org",
        "redis-cli -a tr0ub4dor ping",
        "app --password tr0ub4dor",
        '["app", "--password", "tr0ub4dor"]',
        "machine example.org login ada password tr0ub4dor",
        "the password is tr0ub4dor.",
        "secret=tr0ub4dor",
        "access_token=tr0ub4dor&expires=3",
        "**Password:** tr0ub4dor",
        "Authorization: SSWS tr0ub4dor",
    ],
)
def test_secrets_of_commands_sentences_and_settings_are_replaced(text):
    assert "tr0ub4dor" not in without_secrets(text)


def test_what_follows_an_option_in_a_list_of_words_is_replaced():
    given = ["app", "--password", "x", "--verbose", "-n", "3", "--api-key", "y", "--token"]
    assert SecretRedactor(denied())(given, Place("tool_arguments")) == [
        *("app", "--password", "[redacted]", "--verbose", "-n", "3", "--api-key", "[redacted]", "--token")
    ]


@pytest.mark.parametrize(
    "name", ["ft:gpt-4o:org:auth:8aBcDe12", "ft:gpt-4o-mini-2024-07-18:token::9xYz81Ab", "ft:gpt-4o:acme:pass:8aBcDe12"]
)
def test_the_parts_of_a_fine_tuned_models_name_are_no_keys(name):
    """Its organization and suffix may be called anything; a key of a known shape is found all the same."""
    assert without_secrets(name) == name
    assert without_secrets(f"{name} password: hunter2A9") == f"{name} password: [redacted]"
    assert "abcdefghijk" not in without_secrets(f"{name.rpartition(':')[0]}:sk-proj-abcdefghijk12345678")
