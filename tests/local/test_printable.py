"""What a terminal is given does not steer it, and it can show it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callspan.viewer.formats import cell, fitting, one_line


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


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("gpt-5-mini", "gpt-5-mini"),
        ("a=b", "a=b"),
        ("Größe 1", "Größe 1"),
        ("", ""),
        ("=1+1", "'=1+1"),
        ("  =1+1", "'  =1+1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("+49 30", "'+49 30"),
        ("-1", "'-1"),
        ("\uff1d1", "'\uff1d1"),
        ("\tx", "'U+0009x"),
        ("\r=1", "'U+000D=1"),
        ("\n=1", "'U+000A=1"),
        ("ok\x1b]0;t\x07", "okU+001B]0;tU+0007"),
        ("\u202eabc", "U+202Eabc"),
        ("a\u2066b\x9b", "aU+2066bU+009B"),
    ],
)
def test_a_cell_of_a_spreadsheet_is_never_a_formula_and_all_of_it_is_visible(text, written):
    assert cell(text) == written


@given(st.text(st.characters(codec=None)))
def test_no_text_at_all_steers_a_spreadsheet(text):
    written = cell(text)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in written)
