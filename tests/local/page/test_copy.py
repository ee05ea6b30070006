"""What is copied, and what is printed."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def clipboard(page, until):
    """The clipboard of the page: `clipboard('c')` presses a key and gives what was copied."""
    page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")

    def copied(key):
        page.keyboard.press(key)
        until(page, "window.copied !== undefined")
        return page.evaluate("window.copied")

    return copied


def test_markdown_of_a_span_and_all_below(page, clipboard):
    page.evaluate("go({s: st.t.root})")
    text = clipboard("c")
    assert text.startswith("# agent refund_agent\n")
    failure = "ERROR TimeoutError: payments.northwind.example did not answer within 2.0 s, handled"
    assert f"    - tool issue_refund: 2.03 s, {failure}\n" in text
    assert text.count("You are the refund assistant") == 1, "each message once"
    assert "Copied Markdown" in page.locator("#toast").inner_text()


def test_a_fence_is_longer_than_any_in_the_text(open_page, small):
    page = open_page(small.run(small.span("tool", kind="tool", result="a\n````\nb")))
    assert "`````\na\n````\nb\n`````" in page.evaluate("markdown(st.s)")


def test_json_of_a_span_and_all_below(page, clipboard, sample):
    page.evaluate("go({s: st.t.spans[7]})")
    copied = json.loads(clipboard("Shift+C"))
    assert [copied["name"], [child["name"] for child in copied["children"]]] == [
        "node model",
        ["chain trim_history.before_model", "chat gpt-5-mini"],
    ]
    call = copied["children"][1]
    assert call["input"] == sample["messages"][:4]
    assert call["usage"] == [688, 131, 384, 0, 64]


def test_a_link(page, clipboard):
    page.keyboard.press("t")
    link = clipboard("l")
    assert link.endswith("#" + page.evaluate("place(false)").lstrip("#"))
    assert "span=" in link
    assert "theme" not in link


def test_where_the_clipboard_is_refused_a_text_area_is_copied(page, until):
    page.evaluate("() => { navigator.clipboard.writeText = async () => { throw new Error('refused'); }; }")
    page.evaluate(
        "() => { document.execCommand = (what) => { window.copied = [what, document.activeElement.value]; }; }"
    )
    page.keyboard.press("l")
    until(page, "window.copied !== undefined")
    assert page.evaluate("window.copied")[0] == "copy"
    assert "#trace=" in page.evaluate("window.copied")[1]
    assert page.locator("textarea").count() == 0


def test_print_is_the_markdown_of_the_run(page):
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    printed = page.locator("#print")
    assert printed.is_visible()
    assert printed.inner_text().startswith("# agent refund_agent")
    assert not page.locator("#app").is_visible()
    assert not page.locator("#top").is_visible()
    assert page.evaluate("getComputedStyle($('print')).color") == "rgb(0, 0, 0)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert printed.inner_text() == ""


def test_a_print_has_all_pages(page):
    assert page.pdf().count(b"/Type /Page\n") > 1
