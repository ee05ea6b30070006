"""Two runs side by side."""

from __future__ import annotations

import pytest

RESEARCH, OLDER = "3984a8510b3bad382f728ec563268aa5", "fba709de8e8c8d40442a58a449dd95c4"


@pytest.fixture
def compared(open_page, sample):
    return open_page(sample, f"#trace={RESEARCH}&base={OLDER}&view=compare")


def test_trees_are_paired_and_what_is_only_in_one_is_tinted(compared):
    assert compared.locator(".row.come .name").all_inner_texts() == ["review", "gpt-5-mini"]
    assert compared.locator(".row.gone").count() == 0
    assert compared.locator(".b.old").count() == 16
    assert compared.locator(".row", has_text="write").locator(".lab").inner_text() == "6.15 s \N{MINUS SIGN}850 ms"
    assert "was 16.9 s" in compared.locator(".stats").inner_text()


def test_what_is_gone(open_page, sample):
    page = open_page(sample, f"#trace={OLDER}&base={RESEARCH}&view=compare")
    assert page.locator(".row.gone .name").all_inner_texts() == ["review", "gpt-5-mini"]


def test_the_answers_differ_word_by_word(compared):
    inserted = compared.locator("#inspector ins").first.inner_text()
    assert "Yes, for 11 of the 14 jobs" in inserted
    assert compared.evaluate(
        "diff('the cat sat on the mat', 'the cat lay on the mat').map((n) => n.localName + ':' + n.textContent)"
    ) == [
        "span:the cat ",
        "del:sat",
        "ins:lay",
        "span: on the mat",
    ]


def test_shift_click_and_the_list_choose_the_other_run(page):
    page.locator(".trace").nth(1).click(modifiers=["Shift"])
    assert page.evaluate("[st.view, st.base.root.title]") == ["compare", "research_graph"]
    page.get_by_label("Compare with another run").select_option(label="no comparison")
    assert page.evaluate("[st.view, st.base]") == ["timeline", None]


def test_pairs_of_long_lists_do_not_take_for_ever(page):
    took = page.evaluate(
        """() => {
          const of = (x) => Array.from({length: 20000}, (_, i) => x + i), t = performance.now();
          pairUp(['x', ...of('a'), 'y'], ['x', ...of('b'), 'y'], (p, q) => p === q);
          return performance.now() - t;
        }"""
    )
    assert took < 1000
