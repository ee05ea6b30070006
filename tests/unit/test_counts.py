"""A whole number is a count of tokens whatever its type, and nothing else is one."""

import pickle
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

import pytest

from callspan import TokenCounts
from callspan.core.usage import count


class Indexed:
    """A number of a user's own."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


class Few(IntEnum):
    THREE = 3


@pytest.mark.parametrize("value", [3, 3.0, Decimal(3), Decimal("3.0"), Fraction(3), Few.THREE, Indexed(3)])
def test_a_whole_number_of_any_type_is_a_count(value):
    found = count(value)
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize("name", ["int8", "uint8", "int32", "uint64", "int64", "float16", "float32", "float64"])
def test_numpys_whole_numbers_are_counts(name):
    numpy = pytest.importorskip("numpy", reason="needs numpy")
    found = count(getattr(numpy, name)(3))
    assert (found, type(found)) == (3, int)
    assert count(numpy.array(3)) == 3


def test_numpys_other_values_are_no_counts():
    numpy = pytest.importorskip("numpy", reason="needs numpy")
    others = (numpy.bool_(True), numpy.float64("nan"), numpy.float32(1.5), numpy.array([1, 2]), numpy.int64(-1))
    assert [count(one) for one in others] == [None] * 5


@pytest.mark.parametrize(
    "value",
    [None, True, False, -1, -1.0, 1.5, float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("1.5"),
     Decimal("1e999999"), Fraction(1, 2), "3", b"3", [3], {}, 3j, object(), Indexed(-1), 2**53, 2.0**60, 10**400],
)  # fmt: skip
def test_what_is_no_count_is_none(value):
    assert count(value) is None


def test_the_total_is_known_where_input_and_output_are():
    assert TokenCounts(3, 2, cache_read=1).total_tokens == 5
    assert TokenCounts(3, 0).total_tokens == 3
    assert (
        TokenCounts(3).total_tokens is TokenCounts(output_tokens=2).total_tokens is TokenCounts().total_tokens is None
    )


def test_counts_are_a_tuple_with_names_that_other_processes_get_whole():
    counts = TokenCounts(3, 2, cache_read=1)
    assert pickle.loads(pickle.dumps(counts)) == counts == (3, 2, 1, None, None, None, None)
    assert counts._replace(output_tokens=5).total_tokens == 8
    assert counts._asdict()["cache_read"] == 1
