"""Values and names that must not cost a batch, an attribute more than themselves, or the user's call."""

from __future__ import annotations

import pytest

from callspan.core.spans import attribute_value
from callspan.core.text import NAME_LIMIT, safe_name


class Shouting(str):
    """Text whose own `__str__` fails."""

    __slots__ = ()

    def __str__(self):
        raise RuntimeError("do not print me")


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("plain", "plain"),
        (Shouting("plain"), "plain"),
        ("a\udfffb", "a?b"),
        (True, True),
        (7, 7),
        (2**63, None),
        (0.5, 0.5),
        (("a", "b\ud800", 3), ["a", "b?"]),
        ([], None),
        ({"a": 1}, None),
        (object(), None),
    ],
)
def test_a_value_is_written_as_every_sdk_and_exporter_takes_it_or_left_out(given, written):
    """Objects are never printed, lone surrogates and too large integers never reach the encoder."""
    value = attribute_value(given)
    assert value == written
    assert type(value) in (str, bool, int, float, list, type(None))


@pytest.mark.parametrize(("given", "written"), [("f", "f"), ("\ud800", "?"), ("", None), (None, None), (3, None)])
def test_a_span_name_is_text_that_can_be_encoded_or_none(given, written):
    """A lone surrogate in a span's name would lose the whole batch."""
    assert safe_name(given) == written


def test_a_huge_name_is_cut():
    """A name is for reading in a list."""
    assert len(safe_name("x" * 10_000) or "") == NAME_LIMIT
