"""Values that any reader of JSON takes: Python reads JSON that is none, and writes it again."""

import json

from hypothesis import given
from hypothesis import strategies as st

from callspan.viewer.json_safe import DEEPEST, json_safe, value_of

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def strictly(value):
    return json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


def test_numbers_that_are_none_and_those_too_long_for_a_browser_are_texts():
    assert value_of("[NaN, Infinity, -1e999, 9007199254740993, 9007199254740991]") == [
        *("nan", "inf", "-inf", "9007199254740993", 9007199254740991)
    ]


def test_lone_surrogates_are_replaced_in_texts_and_keys():
    assert value_of('{"\\ud800": "\\udfff"}') == {"?": "?"}


def test_a_bottomless_value_has_a_bottom():
    read, depth = value_of("[" * 400 + "]" * 400), 0
    while isinstance(read, list):
        read, depth = read[0], depth + 1
    assert (read, depth) == ("…", DEEPEST + 1)


def test_what_is_too_deep_to_be_read_stays_a_text():
    assert value_of("[" * 100_000) == "[" * 100_000
    assert value_of("[" * 100_000 + "]" * 100_000) == "[" * 100_000 + "]" * 100_000


def test_a_text_that_only_looks_like_a_number_stays_a_text():
    assert [value_of(told) for told in ("12", "true", "null", '"x"')] == ["12", "true", "null", '"x"']


@given(ANYTHING)
def test_whatever_json_gives_is_plain(value):
    strictly(json_safe(value))


@given(st.text(st.characters()) | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_whatever_an_attribute_says_is_plain_json_or_a_text(told):
    strictly(value_of("[" + told))
    strictly(value_of(told))
