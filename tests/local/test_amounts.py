"""Amounts have three digits and no more than says something."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callspan.viewer.formats import change_text, count_text, many_text, money_text, time_text


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        *((0, "0ms"), (400, "0.4ms"), (9_400, "9.4ms"), (480_000, "480ms"), (999_400, "999ms"), (999_600, "1.00s")),
        *((1_450_000, "1.45s"), (12_100_000, "12.10s"), (99_994_000, "99.99s"), (132_000_000, "2m 12s")),
        *((3_599_600_000, "1h 00m"), (11_100_000_000, "3h 05m")),
    ],
)
def test_times(microseconds, text):
    assert time_text(microseconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (412, "412"), (999, "999"), (1_100, "1.1k"), (193_000, "193k"), (999_600, "1.0M"), (2_400_000, "2.4M")],
)
def test_counts(count, text):
    assert count_text(count) == text


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        *((0, "$0.000"), (0.00001, "<$0.0001"), (0.0005, "$0.0005"), (0.0017, "$0.0017"), (0.082, "$0.082")),
        *((0.9999, "$1.00"), (12.4, "$12.40"), (1234.5, "$1,234")),
    ],
)
def test_money(dollars, text):
    assert money_text(dollars) == text


@pytest.mark.parametrize(("share", "text"), [(0.04, "+4%"), (-0.31, "−31%"), (0.001, "0%"), (11, "×12")])
def test_changes(share, text):
    assert change_text(share) == text


def test_one_is_one():
    assert [many_text(count, "run") for count in (0, 1, 1520)] == ["0 runs", "1 run", "1,520 runs"]


@given(st.floats(0, 1e15))
def test_times_are_short_whatever_they_are(microseconds):
    assert len(time_text(microseconds)) <= 11


@given(st.integers(0, 2**63))
def test_counts_are_short_whatever_they_are(count):
    assert len(count_text(count)) <= 9
