"""The grammar of the search, and how matches look."""

from __future__ import annotations

import pytest

RESEARCH, TRIP = "3984a8510b3bad382f728ec563268aa5", "34a389d790fc2bdd8458e5f1cde6933c"


def found(page, words):
    page.fill("#q", words)
    return page.evaluate("[...st.hits].map((s) => s.title)")


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        ("timeouterror", ["issue_refund", "POST payments.northwind.example"] * 2),
        ("kind:retriever", []),
        ("kind:tool lookup", ["lookup_order"]),
        ("is:model", ["gpt-5-mini", "gpt-5-mini"]),
        ("kind:error >3s", ["refund_agent", "tools"]),
        (">2s <2.02s", ["POST payments.northwind.example"] * 2),
        ("<20ms", ["trim_history.before_model"] * 2),
        ("REFUND assistant northwind", ["gpt-5-mini"]),
        ("no-such-word", []),
    ],
)
def test_all_words_must_occur(page, words, titles):
    assert found(page, words) == titles


def test_a_word_from_an_early_turn_matches_the_call_it_was_new_in(open_page, sample):
    page = open_page(sample, f"#trace={TRIP}")
    found(page, "(turn 16)")
    assert page.evaluate("[...st.hits].map((s) => s.i)") == [16]


def test_matches_stay_in_place_and_the_rest_dims(open_page, sample):
    page = open_page(sample, f"#trace={RESEARCH}")
    found(page, "interruptions")
    assert page.locator(".row.hit").count() == 3
    assert page.locator(".row.dim").count() == 15
    assert page.locator(".row").count() == 18
    assert "interruptions" in page.locator(".row.hit .sub").first.inner_text().lower()
    assert page.locator("#hits").inner_text() == "1 of 3"
    assert (
        page.evaluate("[...CSS.highlights.get('found')].map((r) => r.toString().toLowerCase())")[0] == "interruptions"
    )


def test_enter_goes_on_and_escape_ends(page):
    page.keyboard.press("/")
    page.keyboard.type("kind:http")
    page.keyboard.press("Enter")
    assert page.locator("#hits").inner_text() == "3 of 5" or page.evaluate("st.s.kind") == "http"
    first = page.evaluate("st.s.i")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Enter")
    assert page.evaluate("st.s.i") == first
    page.keyboard.press("Escape")
    assert page.evaluate("[st.q, document.activeElement.id, $('hits').textContent]") == ["", "rows", ""]
    assert page.locator(".row.dim").count() == 0


def test_a_search_goes_on_in_the_next_run(page):
    found(page, "kind:model")
    page.evaluate("nextRun(1)")
    assert page.evaluate("[...st.hits].every((s) => s.t === st.t) && st.hits.size") == 6
