"""The page for people who do not see it, or have no mouse."""

from __future__ import annotations

from pathlib import Path

CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
TEXTS = (
    ".name, .sub, .tag, .lab, .c-tok, .c-cost, .pill, .muted, .err, .warn, .link, .facts span, .msg header, .txt, .act,"
    " h1, h2, h3, #ticks span, .trace span"
)
RESEARCH = "3984a8510b3bad382f728ec563268aa5"


def test_the_rows_are_a_tree(page):
    page.keyboard.press("Home")
    tree = page.get_by_role("tree")
    items = page.get_by_role("treeitem")
    assert items.count() == 18
    assert tree.get_attribute("aria-activedescendant") == page.locator("[aria-selected=true].row").get_attribute("id")
    names = ("aria-level", "aria-posinset", "aria-setsize", "aria-expanded", "aria-selected")
    assert [items.nth(0).get_attribute(name) for name in names] == ["1", "1", "1", "true", "true"]
    assert [items.nth(3).get_attribute(name) for name in names] == ["3", "2", "2", "true", "false"]


def test_a_row_says_kind_title_time_and_error(page):
    labels = [row.get_attribute("aria-label") for row in page.get_by_role("treeitem").all()]
    assert labels[0] == "agent refund_agent, 9.84 s, error from below"
    assert labels[-2] == "tool issue_refund, 590 ms, error"
    assert labels[12] == "tool issue_refund, 2.03 s, handled error"


def test_tabs_by_keyboard(page):
    page.get_by_role("tab", name="Timeline").focus()
    page.keyboard.press("ArrowRight")
    tab = page.get_by_role("tab", name="Transcript")
    assert tab.get_attribute("aria-selected") == "true"
    assert page.evaluate("document.activeElement.id") == "tab-transcript"
    assert page.get_by_role("tabpanel", name="Transcript").is_visible()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#rows").is_visible()


def test_the_names_are_as_wide_as_wanted_by_key_and_by_mouse(page):
    def width():
        return page.evaluate("Math.round($('axis').firstChild.offsetWidth)")

    before = width()
    separator = page.get_by_role("separator", name="Width of the names")
    separator.focus()
    page.keyboard.press("ArrowRight")
    assert width() == before + 16
    assert separator.get_attribute("aria-valuenow") == str(before + 16)
    box = separator.bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 83, box["y"] + 100, steps=4)
    page.mouse.up()
    assert abs(width() - (before + 96)) <= 4


def test_a_drag_on_the_small_map_zooms_and_so_does_the_wheel(page):
    box = page.locator("#mini").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 10, steps=3)
    page.mouse.up()
    start, end = page.evaluate("st.zoom.map((x) => x / st.t.end)")
    assert [round(start, 2), round(end, 2)] == [0.25, 0.5]
    page.locator("#mini").dblclick()
    assert page.evaluate("st.zoom") is None
    row = page.locator(".row .lane").first.bounding_box()
    page.mouse.move(row["x"] + 20, row["y"] + 10)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_timeout(100)
    assert page.evaluate("st.zoom[1] - st.zoom[0] < st.t.end")


def test_everything_that_can_be_pressed_has_a_name(page):
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, select, input, [role=tab], dialog')]
          .filter((e) => !e.closest('[aria-hidden=true]'))
          .filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent))
          .map((e) => e.outerHTML)"""
    )
    assert nameless == []


def test_focus_is_seen_and_copies_are_announced(page):
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert page.locator("#toast").get_attribute("aria-live") == "polite"


def test_no_motion_where_none_is_wanted(open_page, sample):
    page = open_page(sample, reduced_motion="reduce")
    assert page.evaluate("getComputedStyle($('toast')).transitionDuration") == "0s"


def test_forced_colours_keep_the_selection(open_page, sample):
    page = open_page(sample, forced_colors="active")
    assert page.evaluate("getComputedStyle(document.querySelector('.row.sel')).outlineStyle") == "solid"


def test_texts_can_be_read_in_both_themes(open_page, sample):
    for scheme in ("light", "dark"):
        for place in ("", f"#trace={RESEARCH}&view=transcript", "#trace=7048dc8aa7663e713097535171b4ed72"):
            page = open_page(sample, place, color_scheme=scheme)
            lowest, where = page.evaluate(CONTRAST, TEXTS)
            assert lowest >= 4.5, (scheme, place, lowest, where)
