"""What a terminal is given does not steer it, and it can show it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callspan.local.printable import fitting, one_line


def test_what_steers_a_terminal_is_seen_and_line_ends_are_spaces():
    """A name must not colour, move or turn round what stands around it."""
    assert one_line("a\x1b[31mred\n b\u202ec\r\n\x9bd") == "aU+001B[31mred bU+202Ec U+009Bd"


@pytest.mark.parametrize(
    ("encoding", "text"), [("utf-8", "≥ 1→2 −3%"), ("ascii", ">= 1>2 -3%"), ("none", ">= 1>2 -3%")]
)
def test_signs_are_those_that_the_encoding_has(encoding, text):
    assert fitting("≥ 1→2 −3%", encoding) == text


@given(st.text(st.characters(codec=None)), st.sampled_from(["utf-8", "ascii", "cp1252", "cp437"]))
def test_whatever_is_said_can_be_written(text, encoding):
    fitting(one_line(text), encoding).encode(encoding)
