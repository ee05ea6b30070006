"""The picture is sound SVG whatever things are called, and has the numbers of the table."""

from xml.etree import ElementTree as ET

import pytest
from tests.local.trace_lines import model, tool, write

from callspan.local.axis import Axis
from callspan.local.plot import plot
from callspan.local.stats import stats_of

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def picture(tmp_path):
    """The picture of some spans, and of those of the other side, read as XML."""

    def draw(spans, others=None):
        now = stats_of([write(tmp_path / "now.jsonl", *spans)])
        before = None if others is None else stats_of([write(tmp_path / "old.jsonl", *others)])
        return ET.fromstring(plot(now, ["model", "tool"], before))

    return draw


def words(root):
    return [(one.text or "") + "".join(title.tail or "" for title in one) for one in root.iter(f"{SVG}text")]


def test_a_strip_has_a_dot_for_each_call_and_failed_ones_are_marked(picture):
    root = picture([tool(1), tool(2, failed=True), tool(3)])
    dots = root.findall(f".//{SVG}g[@class='tool']/{SVG}circle")
    assert (len(dots), [one.get("class") for one in dots].count("failed")) == (3, 1)


def test_the_numbers_are_those_of_the_table(picture):
    said = words(picture([model(number, took=2) for number in range(1, 6)]))
    assert {"gpt-5-mini", "time", "output tokens", "2.00s", "5"} <= set(said)


def test_the_other_side_is_grey_and_what_is_worse_is_said(picture):
    root = picture([tool(n, took=2) for n in range(1, 30)], [tool(n, took=1) for n in range(1, 30)])
    assert len(root.findall(f".//{SVG}g[@class='other']/{SVG}circle")) == 29
    assert "+100% !" in words(root)


def test_names_are_text_and_never_markup(picture):
    name = '<script>alert(1)</script>&"\x00\ud800'
    root = picture([tool(1, name=name, gen_ai__tool__name=name)])
    assert not list(root.iter(f"{SVG}script"))
    assert any(text.startswith("<script>") for text in words(root))


def test_a_picture_of_many_calls_is_small(picture, monkeypatch):
    monkeypatch.setattr("callspan.local.plot._DOTS", 50)
    root = picture([tool(number, took=number / 10) for number in range(1, 200)])
    assert len(root.findall(f".//{SVG}g[@class='tool']/{SVG}circle")) == 50


def test_no_calls_are_a_picture_too(picture):
    assert picture([tool(1, took=None)]).tag == f"{SVG}svg"


def test_ten_times_as_much_is_always_as_far():
    axis = Axis(1000, 1_000_000, 0, 100)
    first, second, third = (axis.place(10.0**power) for power in (3, 4, 5))
    assert second - first == pytest.approx(third - second)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (1, 1), (3, 7), (1, 1e15), (1e6, 1e6)])
def test_an_axis_always_has_some_round_values_and_not_too_many(low, high):
    assert 1 <= len(list(Axis(low, high, 0, 100).ticks())) <= 20
