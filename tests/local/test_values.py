"""Values of OTLP JSON come out plain, whatever stands there."""

import pytest

from callspan.viewer.otlp import attributes_of


def value(written):
    return attributes_of({"attributes": [{"key": "a", "value": written}]}, "attributes")["a"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"stringValue": "é"}, "é"),
        ({"stringValue": "\ud800"}, "?"),
        ({"intValue": "9007199254740993"}, 9007199254740993),
        ({"intValue": 7}, 7),
        ({"boolValue": False}, False),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "NaN"}, "NaN"),
        ({"doubleValue": float("inf")}, "inf"),
        ({"bytesValue": "AAE="}, "AAE="),
        ({"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "a"}]}}, [1, "a"]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "b", "value": {"boolValue": True}}]}}, {"b": True}),
        ({}, None),
    ],
)
def test_each_type_is_read(written, read):
    assert value(written) == read


@pytest.mark.parametrize(
    "written",
    [
        *(None, 7, [], "text", {"stringValue": 7}, {"intValue": "x"}, {"intValue": True}, {"intValue": 2**63}),
        *(
            {"intValue": 1.5},
            {"intValue": "9" * 5000},
            {"boolValue": "true"},
            {"doubleValue": "x"},
            {"doubleValue": {}},
        ),
        *({"doubleValue": 10**400}, {"arrayValue": 7}, {"kvlistValue": []}, {"newValue": {}}, {"newValue": 7}),
    ],
)
def test_a_value_of_the_wrong_type_is_none(written):
    assert value(written) is None


def test_a_bottomless_value_has_a_bottom():
    written = {"stringValue": "deep"}
    for _ in range(300):
        written = {"arrayValue": {"values": [written]}}
    read, depth = value(written), 0
    while isinstance(read, list):
        read, depth = read[0], depth + 1
    assert (read, depth) == (None, 65)


def test_a_key_that_is_no_text_is_left_out():
    pairs = [
        {"key": 7, "value": {"intValue": 1}},
        {"value": {"intValue": 1}},
        {"key": "__proto__", "value": {"intValue": 1}},
    ]
    assert attributes_of({"attributes": pairs}, "attributes") == {"__proto__": 1}
