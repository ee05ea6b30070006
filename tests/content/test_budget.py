"""What a limit has no room for is not searched, and nothing leaks or gets lost where it is cut."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage

from callspan.testing import record

WORDS = "so it rains all day long " * 4000
SECRETS = {
    "a key": "sk-proj-" + "Ab3dEf6hIj9k" * 12,
    "a long token": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0" * 200 + ".abcdefghijk",
    "a value": 'api_key = "' + "Zx9Kq2" * 300 + '"',
    "a private key": "-----BEGIN PRIVATE KEY-----\n" + ("MIIEvQIBADANBgkqhkiG9w0BAQEF" * 2 + "\n") * 60,
}


def asked(text: str, limit: int = 4096) -> str:
    with record(content="span_only", content_limit=limit) as recording:
        FakeListChatModel(responses=["ok"]).invoke([HumanMessage(text)])
    [message] = json.loads(recording.spans[0].attributes["gen_ai.input.messages"])
    [part] = message["parts"]
    return str(part["content"])


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("before", [1500, 3800, 3990, 4090, 5000, 5900, 6120])
def test_no_part_of_a_secret_is_left_at_a_cut(secret, before):
    text = asked(f"{WORDS[:before]}\n{secret}\n{WORDS}")
    assert secret[40:52] not in text
    assert "characters cut]" in text


def test_it_is_told_how_much_is_missing_of_the_whole():
    text = asked(WORDS)
    kept, _, note = text.partition("…")
    assert WORDS.startswith(kept)
    assert note == f" [{len(WORDS) - len(kept)} characters cut]"


@pytest.mark.parametrize("before", [100, 3000, 5000])
def test_data_that_is_longer_than_the_limit_is_described_as_a_whole(before):
    data = hashlib.sha512(b"x").digest() * 1000
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    text = asked(f"{WORDS[:before]} {url} {WORDS}")
    described = f"[image/png, {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}]"
    assert (described in text) == (before < 4000)
    assert "iVBOR" not in text
    assert url[100:140] not in text
