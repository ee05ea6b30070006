"""Of 200 secrets all are found, and of 200 ordinary lines all stay: code, prose, logs, settings, ids, addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.secret_corpus.shapes import secrets

from callspan.capture.redact import Place, SecretRedactor
from callspan.capture.secret_keys import USUAL
from callspan.capture.secrets import without_secrets

ORDINARY = Path(__file__).with_name("secret_corpus").joinpath("ordinary.txt").read_text(encoding="utf-8").splitlines()

FOUND, FALSE_ALARMS = 0.98, 0.02
"""The least share of secrets that is found, and the largest of ordinary lines that is taken for one."""


def test_secrets_are_found_and_ordinary_lines_are_not_taken_for_them(capsys):
    missed = [what for what, text, core in secrets() if core in without_secrets(text)]
    changed = [line for line in ORDINARY if without_secrets(line) != line]
    found, alarms = 1 - len(missed) / len(secrets()), len(changed) / len(ORDINARY)
    with capsys.disabled():
        print(f"\nsecrets found {found:.1%}, false alarms {alarms:.1%} ", end="")
    assert len(secrets()) >= 200
    assert len(ORDINARY) >= 200
    assert found >= FOUND, missed
    assert alarms <= FALSE_ALARMS, changed


def test_in_one_long_text_they_are_found_too_and_no_ordinary_line_is_lost():
    """What stands on one line must not change what is seen in the next."""
    text = "\n\n".join(
        line for pair in zip(ORDINARY, (text for _, text, _ in secrets()), strict=False) for line in pair
    )
    written = without_secrets(text)
    missed = [what for what, _, core in secrets() if core in written]
    assert len(missed) <= 4, missed
    lost = [line for line in ORDINARY[: len(secrets())] if line not in written]
    assert len(lost) <= 4, lost


def test_a_redactor_of_content_finds_them_in_objects_and_lists():
    redact = SecretRedactor(USUAL)
    said = redact({"notes": [{"text": text} for _, text, _ in secrets()]}, Place("inputs"))
    assert not any(core in str(said) for _, _, core in secrets())
    assert redact({"lines": ORDINARY}, Place("inputs")) == {"lines": ORDINARY}


HOSTILE = [
    *("sk-", "sk-.", "eyJaaaaaa-", "eyJaaaaaa.", "SG.aaaaaaaaaaaaaaaaa", "Bearer ", "password: ", 'password="'),
    *("password=aaaa(", "password=(", 'password={"', "a@b.", "://a:", "<password>", " --password", "mysql -p$ "),
    *("curl -u ", "password is ", "12345678:AA", "abc8Q~", "=", ":", "token:" + " " * 50, "password: a.a.a.a."),
    "-----BEGIN PRIVATE KEY-----",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_text_made_to_slow_the_search_is_read_to_its_end(piece):
    """A search that takes the square of the length takes minutes here."""
    text = piece * (400_000 // len(piece)) + " password='tr0ub4dor'"
    assert "tr0ub4dor" not in without_secrets(text)
