"""The address is the place: a reload and a shared link keep it."""

from __future__ import annotations

import pytest

RESEARCH, OLDER, TRIP = (
    "3984a8510b3bad382f728ec563268aa5",
    "fba709de8e8c8d40442a58a449dd95c4",
    "34a389d790fc2bdd8458e5f1cde6933c",
)
STATE = """() => ({
  trace: st.t.id, span: st.s.id, view: st.view, base: st.base && st.base.id, density: st.density, q: st.q,
  zoom: st.zoom, crit: st.crit, theme: st.theme,
})"""


@pytest.fixture
def settled(until):
    """The state of a page whose address is up to date."""

    def state(page):
        until(page, "location.hash === place(true)")
        return page.evaluate(STATE)

    return state


@pytest.mark.parametrize(
    "change",
    [
        "go({s: st.t.spans[4]})",
        "go({view: 'transcript'})",
        f"go({{t: traceById('{RESEARCH}'), base: traceById('{OLDER}'), view: 'compare'}})",
        "detail('calls')",
        "$('q').value = 'order kind:tool', findSpans('order kind:tool')",
        "zoom([1000000, 2000000])",
        "go({crit: false})",
        "toggleTheme()",
    ],
)
def test_every_change_is_in_the_address_and_a_reload_keeps_it(page, settled, change):
    first = settled(page)
    page.evaluate(f"() => {{ {change} }}")
    before = settled(page)
    page.reload()
    assert settled(page) == before
    assert before != first


def test_a_link_opens_its_place(open_page, sample):
    wanted = sample["traces"][1]["spans"][5]["id"]
    page = open_page(sample, f"#trace={RESEARCH}&span={wanted}&view=timeline&q=interruptions&theme=dark")
    assert page.evaluate("[st.t.id, st.s.id, $('q').value, st.hits.size]") == [RESEARCH, wanted, "interruptions", 3]
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_link_with_only_a_span_is_enough(open_page, sample):
    page = open_page(sample, f"#span={sample['traces'][1]['spans'][5]['id']}")
    assert page.evaluate("st.t.id") == RESEARCH


@pytest.mark.parametrize(
    "place",
    [
        "#",
        "#trace=nope&span=nope",
        "#view=__proto__&detail=constructor&zoom=5-1&theme=x&base=%",
        "#view=compare",
        "#%E0%A4%A",
        "#q=%00",
    ],
)
def test_a_place_that_is_none_opens_the_failed_run(open_page, sample, place):
    page = open_page(sample, place)
    assert page.evaluate("[st.t.root.title, st.view, st.density]") == ["refund_agent", "timeline", "all"]


def test_a_changed_address_is_followed(page, until):
    page.evaluate(f"location.hash = '#trace={TRIP}&view=transcript'")
    until(page, f"st.t.id === '{TRIP}'")
    assert page.locator("#transcript").is_visible()


def test_a_held_key_does_not_flood_the_address(page, settled):
    for _ in range(100):
        page.evaluate("step(1), step(-1)")
    settled(page)


def test_an_address_that_is_written_late_does_not_bring_an_older_place_back(page, settled):
    page.evaluate(
        """() => {
          go({s: st.t.root});
          addEventListener('hashchange', () => { window.rewritten = true; }, {once: true});
        }"""
    )
    for _ in range(40):
        page.evaluate("step(1)")
        page.wait_for_timeout(7)
    assert page.evaluate("window.rewritten") is True
    assert settled(page)["span"] == page.evaluate("st.t.spans.at(-1).id")
