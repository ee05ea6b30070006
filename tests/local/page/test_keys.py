"""Each key does what the help says."""

from __future__ import annotations


def title(page):
    return page.evaluate("st.s.title")


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def test_the_page_opens_where_the_error_began(page):
    assert page.evaluate("[st.t.root.title, st.s.title, st.s.attempt]") == ["refund_agent", "issue_refund", 3]
    assert page.locator("#inspector .note.err b").inner_text() == "app.gateway.PaymentGatewayError"
    assert page.locator(".row.sel").is_visible()


def test_up_and_down(page):
    press(page, "Home")
    assert page.evaluate("st.s.i") == 0
    press(page, "j", "j", "ArrowDown")
    assert page.evaluate("st.s.i") == 3
    press(page, "k", "ArrowUp")
    assert page.evaluate("st.s.i") == 1
    press(page, "End", "j")
    assert page.evaluate("st.s.i") == 17


def test_errors_origins_first_then_handled_ones(page):
    ranks = [page.evaluate("st.s.rank")]
    for _ in range(4):
        press(page, "n")
        ranks.append(page.evaluate("st.s.rank"))
    assert ranks == ["origin", "handled", "handled", "origin", "handled"]
    press(page, "N")
    assert page.evaluate("st.s.rank") == "origin"


def test_close_open_and_parent(page):
    press(page, "Home", "j", "h")
    assert page.evaluate("[st.closed.has(st.s), rows.length, st.s.i]") == [True, 15, 1]
    assert page.locator(".row.sel").get_attribute("aria-expanded") == "false"
    press(page, "ArrowRight")
    assert page.evaluate("[st.closed.size, rows.length, st.s.i]") == [0, 18, 1]
    press(page, "j", "ArrowLeft")
    assert page.evaluate("st.s.i") == 1
    press(page, "o")
    assert page.evaluate("st.closed.size") == 1


def test_all_closed_and_all_open(page):
    press(page, "e")
    assert page.evaluate("[rows.length, st.s.i]") == [5, 0]
    press(page, "e")
    assert page.evaluate("rows.length") == 18


def test_a_closed_branch_says_that_errors_are_in_it_and_opens_for_a_selected_span(page):
    press(page, "e")
    assert page.locator(".row.e-passed", has_text="tools").locator(".tag.err").inner_text() == "5 errors"
    press(page, "n")
    assert page.evaluate("[st.s.title, st.s.at > 0]") == ["issue_refund", True]


def test_to_the_cause(page):
    press(page, "a")
    assert page.evaluate("[st.s.title, st.s.attempt]") == ["issue_refund", 2]
    press(page, "a", "a")
    assert title(page) == "gpt-5-mini"


def test_zoom(page):
    press(page, "f")
    assert page.evaluate("st.zoom") == page.evaluate("[st.s.start, st.s.stop]")
    assert page.get_by_role("button", name="Zoom out").is_visible()
    press(page, "0")
    assert page.evaluate("st.zoom") is None


def test_runs(page):
    press(page, "]")
    assert page.evaluate("st.t.root.title") == "research_graph"
    press(page, "]", "[", "[", "[")
    assert page.evaluate("st.t.root.title") == "refund_agent"


def test_views(page):
    press(page, "2")
    assert page.locator("#transcript").is_visible()
    assert not page.locator("#rows").is_visible()
    press(page, "3")
    assert "shift-click" in page.locator("#toast").inner_text()
    press(page, "1")
    assert page.locator("#rows").is_visible()


def test_detail_hides_kinds_and_their_children_move_up(page):
    press(page, "d")
    assert page.evaluate("new Set(rows.map((s) => s.kind)).has('http')") is False
    assert page.locator("#density [aria-pressed=true]").inner_text() == "Steps"
    press(page, "d")
    assert page.evaluate("rows.map((s) => s.level)") == [0, 1, 1, 1, 1, 1, 1]
    press(page, "d")
    assert page.evaluate("rows.length") == 18


def test_critical_path(page):
    shown = page.locator(".b.crit").count()
    press(page, "p")
    assert shown > 5
    assert page.locator(".b.crit").count() == 0


def test_help_and_light_or_dark(page):
    press(page, "?")
    assert page.locator("#help").is_visible()
    assert page.locator("#help kbd").count() == page.evaluate("KEYS.length")
    press(page, "Escape")
    page.locator("#help").wait_for(state="hidden")
    press(page, "t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    press(page, "t")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_enter_goes_to_the_pane_where_arrows_scroll(page):
    press(page, "Enter", "ArrowDown")
    assert page.evaluate("[document.activeElement.id, st.s.attempt]") == ["inspector", 3]


def test_keys_with_ctrl_are_the_browsers(page):
    before = page.evaluate("st.s.i")
    press(page, "Control+k", "Alt+j")
    assert page.evaluate("st.s.i") == before


def test_in_the_transcript_a_step_goes_to_the_next_item(page):
    press(page, "2", "Home")
    page.evaluate("go({s: st.t.root})")
    page.evaluate("document.activeElement.blur()")
    press(page, "j", "j")
    assert page.locator(".item.cur").count() > 0
    assert page.evaluate("itemOf(st.s)[1]") > 0


def test_every_key_works_on_a_run_of_one_span(open_page, small):
    page = open_page(small.run(small.span("alone")))
    for key in (
        "j",
        "k",
        "n",
        "h",
        "o",
        "a",
        "e",
        "f",
        "d",
        "p",
        "2",
        "3",
        "c",
        "C",
        "l",
        "Home",
        "End",
        "ArrowRight",
        "[",
        "]",
    ):
        press(page, key, key)
    assert page.evaluate("st.s.id") == "alone-id"
