"""What stands where: runs, summary, rows, messages, notices, themes, narrow windows."""

from __future__ import annotations

import pytest

from callspan.viewer.page import write_page

RESEARCH, PAUSED, RESUMED, TRIP = (
    "3984a8510b3bad382f728ec563268aa5",
    "7048dc8aa7663e713097535171b4ed72",
    "5a068dd51a9081fa833ec847c6e6acfc",
    "34a389d790fc2bdd8458e5f1cde6933c",
)


def test_failed_runs_stand_first_then_the_newest(page):
    assert page.locator("#rail h2").all_inner_texts() == ["1 failed run", "Other runs, newest first"]
    assert page.locator(".trace b").all_inner_texts() == [
        "refund_agent",
        "research_graph",
        "purchase_agent",
        "purchase_agent",
        "ask_docs",
        "trip_chat",
        "research_graph",
    ]


def test_one_run_needs_no_list(open_page, small):
    page = open_page(small.run(small.span("alone")))
    assert not page.locator("#rail").is_visible()
    assert page.locator("#center").bounding_box()["x"] == 0


def test_many_runs_are_listed_in_steps(open_page, small):
    data = small.run(small.span("alone"))
    data["traces"] = [{**data["traces"][0], "id": f"t{i}", "start": i} for i in range(1000)]
    page = open_page(data)
    assert page.locator(".trace").count() == 300
    page.get_by_role("button", name="… 700 more runs").click()
    assert page.locator(".trace").count() == 600


def test_a_cost_that_nobody_knows_is_empty_and_one_of_nothing_is_said(open_page, small):
    page = open_page(small.run(small.span("retriever", kind="retriever")))
    assert page.locator(".stats").inner_text() == "Time\n1.0 ms\nModel calls\n0\nTools\n0\nSpans\n1"
    assert "$" not in page.locator("#rail").inner_text()
    page = open_page(small.run(small.span("chat", kind="llm", usage=[10, 2, 0, 0, 0], cost=0)))
    assert "Cost\n$0" in page.locator(".stats").inner_text()


def test_own_or_sum_priced_or_not(open_page, small):
    page = open_page(
        small.run(
            small.span("agent", kind="agent"),
            small.span("a", 0, kind="llm", usage=[1000, 20, 0, 0, 0], cost=0.5),
            small.span("b", 0, kind="llm", usage=[10, 2, 0, 0, 0], cost=None),
        )
    )
    assert page.locator(".row .c-tok").all_inner_texts() == ["Σ 1.0k → 22", "1.0k → 20", "10 → 2"]
    assert page.locator(".row .c-cost").all_inner_texts() == ["≥ $0.500", "$0.500", "—"]
    assert page.locator(".row .own").count() == 4
    assert "1 without a price" in page.locator(".stats").inner_text()


def test_where_the_time_went_adds_up_to_the_run(page):
    assert page.evaluate("Object.values(st.t.cats).reduce((a, b) => a + b)") == page.evaluate("st.t.end")
    assert "tools 4.97 s" in page.locator(".where .key").inner_text()


def test_errors_have_three_ranks(page):
    assert page.locator(".row.e-origin .name").all_inner_texts() == ["issue_refund"]
    assert page.locator(".row.e-passed .name").all_inner_texts() == ["refund_agent", "tools"]
    assert page.locator(".row.e-handled .b.handled").count() == 4
    assert page.locator(".row.e-passed .sub").all_inner_texts() == ["", ""]
    page.keyboard.press("Home")
    page.get_by_role("button", name="issue_refund at 9.21 s").click()
    assert page.evaluate("st.s.rank") == "origin"


def test_what_ran_at_the_same_time_is_marked(open_page, sample):
    page = open_page(sample, f"#trace={RESEARCH}")
    assert page.locator(".row .tag.par").all_inner_texts() == ["∥ 3"]
    assert page.locator(".row", has=page.locator(".g.par")).count() == 10


def test_a_pause_and_its_resumption_find_each_other(open_page, sample):
    page = open_page(sample, f"#trace={PAUSED}")
    assert page.locator(".pill.warn", has_text="paused").count() == 1
    strip = page.locator(".strip.warn")
    assert strip.inner_text().replace("\n", " ") == "Waits for an answer Approve this order? resumed after 2 m 12 s →"
    strip.click()
    assert page.evaluate("st.t.id") == RESUMED
    assert '"approved": true' in page.locator("#inspector").inner_text()
    page.get_by_role("button", name="resumes an earlier run").click()
    assert page.evaluate("st.t.id") == PAUSED


def test_a_call_shows_what_is_new_and_folds_what_it_knew(open_page, sample):
    call = next(t for t in sample["traces"] if t["id"] == TRIP)["spans"][30]
    page = open_page(sample, f"#trace={TRIP}&span={call['id']}")
    inspector = page.locator("#inspector")
    assert inspector.locator(".msg").count() == 2
    assert inspector.locator("h3 .r").first.inner_text() == "60 messages seen, 1 new"
    inspector.locator(".hist").click()
    assert inspector.locator(".msg").count() == 61


def test_messages_no_longer_sent_are_said(open_page, sample):
    call = next(t for t in sample["traces"] if t["id"] == TRIP)["spans"][61]
    page = open_page(sample, f"#trace={TRIP}&span={call['id']}")
    assert "118 messages no longer sent" in page.locator("#inspector").inner_text()
    assert "Compacted history" in page.locator("#inspector").inner_text()


def test_the_transcript_has_each_message_once(open_page, sample):
    page = open_page(sample, f"#trace={TRIP}&view=transcript")
    assert page.locator(".item").count() == 150
    page.evaluate("while (itemsShown < items.length) moreItems()")
    texts = page.locator(".item .msg").all_inner_texts()
    assert len(texts) == 201, "200 messages and the compaction; the system message is folded"
    assert page.locator("#transcript .more").count() == 0


def test_the_transcript_has_a_tool_once_with_all_its_tries(open_page, sample):
    page = open_page(sample, "#view=transcript")
    cards = page.locator("#transcript .tc")
    assert cards.count() == 2
    assert "3 tries" in cards.nth(1).inner_text()
    assert cards.nth(1).inner_text().count("TimeoutError") == 2
    assert page.locator(".item.cur .tc").count() == 1


def test_a_tool_card_leads_to_the_tool(page):
    page.evaluate("go({s: st.t.spans[9]})")
    page.locator("#inspector .tc .link").click()
    assert page.evaluate("[st.s.title, st.s.attempt]") == ["issue_refund", 3]


def test_long_content_comes_in_steps(open_page, small):
    page = open_page(
        small.run(small.span("tool", kind="tool", result="x" * 1_000_000, args={"rows": list(range(1000))}))
    )
    arguments, result = page.locator("#inspector pre.code").all()
    assert len(result.inner_text()) < 5000
    assert arguments.inner_text().count("\n") < 20
    result.locator(".more").click()
    assert 65_000 < len(result.inner_text()) < 75_000


def test_a_deep_span_keeps_its_structure(open_page, small):
    page = open_page(small.run(*[small.span(f"s{i}", i - 1) for i in range(500)]))
    page.keyboard.press("End")
    row = page.locator(".row.sel")
    assert row.get_attribute("aria-level") == "500"
    assert row.locator(".c-name .tag").first.inner_text() == "499"
    assert row.locator(".name").is_visible()


def test_several_roots_are_one_run(open_page, small):
    page = open_page(small.run(small.span("a", kind="tool"), small.span("b", start=5, kind="tool")))
    assert page.locator(".row").count() == 2
    assert "Tools\n2" in page.locator(".stats").inner_text()


def test_what_did_not_end_fades(open_page, small):
    page = open_page(
        small.run(small.span("agent", kind="agent", dur=None), small.span("tool", 0, kind="tool", start=10))
    )
    assert page.locator(".b.open").count() == 1
    assert page.locator(".pill", has_text="running").count() == 1
    assert page.locator(".row .tag", has_text="did not end").count() == 1


def test_events_are_shown(open_page, small):
    page = open_page(
        small.run(small.span("tool", events=[{"name": "progress", "time": 500, "attrs": {"percent": 40}}]))
    )
    assert "progress\nafter 500 µs" in page.locator("#inspector details").first.inner_text()


def test_skipped_lines_and_dropped_content_are_said(open_page, sample):
    sample["source"]["dropped"] = {"spans": 40, "bytes": 70_000_000, "why": "the page would have been over 50 MB"}
    page = open_page(sample, viewport={"width": 600, "height": 700})
    page.get_by_role("button", name="1 line skipped").click()
    assert "line 41: cut short" in page.locator("#notes").inner_text()
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("button", name="content dropped").click()
    assert "40 spans, 66.8 MB: the page would have been over 50 MB" in page.locator("#notes").inner_text()


def test_a_file_without_spans_says_so(open_page, small):
    data = small.run()
    data["traces"] = []
    data["source"]["skipped"] = [{"line": 1, "why": "not JSON"}]
    page = open_page(data)
    assert page.locator("#app").inner_text() == "No spans in small.jsonl.\n\nline 1: not JSON"
    page.keyboard.press("j")


@pytest.mark.parametrize(("scheme", "background"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(14, 18, 23)")])
def test_the_system_decides_light_or_dark(open_page, sample, scheme, background):
    page = open_page(sample, color_scheme=scheme)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background


@pytest.mark.parametrize("width", [1440, 1200, 1000, 640, 360])
def test_nothing_goes_over_the_side(open_page, sample, width):
    for place in ("", "#view=transcript", f"#trace={RESEARCH}"):
        page = open_page(sample, place, viewport={"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(
            """[...document.querySelectorAll('#top, #tabs, #summary, .ih')]
              .every((e) => e.scrollWidth <= e.clientWidth + 1)"""
        )


def test_in_a_narrow_window_the_list_slides_over(open_page, sample):
    page = open_page(sample, viewport={"width": 800, "height": 800})
    rail, toggle = page.locator("#rail"), page.get_by_role("button", name="Show the list of runs")
    assert not rail.is_visible()
    toggle.click()
    assert rail.is_visible()
    assert toggle.get_attribute("aria-expanded") == "true"
    page.locator(".trace").nth(1).click()
    assert not rail.is_visible()
    assert page.evaluate("st.t.root.title") == "research_graph"


NUMBERS = {
    "time(480000)": "480 ms",
    "time(1450000)": "1.45 s",
    "time(14200000)": "14.2 s",
    "time(999600)": "1.00 s",
    "time(59960000)": "1 m 0 s",
    "time(132000000)": "2 m 12 s",
    "time(7300000000)": "2 h 1 m",
    "time(null)": "…",
    "count(193000)": "193k",
    "count(999600)": "1.0M",
    "money(0.00001)": "<$.0001",
    "money(null)": "—",
}


def test_numbers_as_people_read_them(page):
    assert {written: page.evaluate(written) for written in NUMBERS} == NUMBERS


def test_enough_markdown_to_read_an_answer(page):
    html = page.evaluate(
        """(text) => fill(document.createElement('div'), prose(text)).innerHTML""",
        '# Head\n\nSome **bold** and `code`\n```py\nx = "<b>"\n```\nend [a](http://b)',
    )
    assert html == (
        '<div class="h">Head</div>Some <b>bold</b> and <code>code</code>'
        '<pre class="code">x = "&lt;b&gt;"</pre>\nend [a](http://b)'
    )


def test_it_works_in_the_frame_of_a_notebook(open_page, sample, tmp_path):
    inner = write_page(sample).replace("&", "&amp;").replace('"', "&quot;")
    frame = f'<!doctype html><body><iframe sandbox="allow-scripts" srcdoc="{inner}" width="1200" height="480"></iframe>'
    page = open_page(sample, html=frame)
    inside = page.frames[1]
    inside.locator(".row.sel").wait_for()
    inside.locator(".row.sel .name").click()
    page.keyboard.press("k")
    assert inside.evaluate("st.s.kind") == "http"
    page.wait_for_timeout(150)
    inside.locator("#q").fill("lookup")
    assert inside.locator(".row.hit").count() > 0
    assert inside.locator(".trace").count() == 7


def test_what_a_foreign_file_has_in_odd_shapes_is_shown_all_the_same(open_page, small):
    odd = [None, 0, 1.5, True, "", "text", [], [None, [1]], {}, {"a": None}]
    messages = [
        {
            "role": None,
            "parts": [{"type": kind} for kind in (None, "text", "reasoning", "tool_call", "blob", "uri", "file")],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response"}, {"type": "server_tool_call"}, {"type": "compaction"}],
        },
        {"role": "assistant", "parts": []},
    ]
    names = (
        "gen_ai.response.finish_reasons",
        "langgraph.step",
        "gen_ai.tool.call.id",
        "http.response.status_code",
        "langchain.cache.hit",
    )
    spans = [small.span("root", kind="agent", usage=[0, 0, 0, 0, 0], **{"in": [], "out": []})]
    for kind in ("tool", "llm", "retriever", "http"):
        for value in odd:
            more = {
                "args": value,
                "result": value,
                "tools": value,
                "resume": value,
                "attrs": dict.fromkeys(names, value),
            }
            more |= {"interrupt": {"id": "x", "value": value}, "in": [0, 1, 2, 99], "out": [2, 0]}
            documents = [{"id": value, "score": value, "content": value, "metadata": value}]
            events = [{"name": value, "time": 0, "attrs": {"value": value}}, {"name": "bare"}]
            spans.append(
                small.span(
                    f"{kind} {value}", 0, kind=kind, documents=documents, events=events, query="q", dur=0, **more
                )
            )
    page = open_page(small.run(*spans, messages=messages))
    for index in range(len(spans)):
        page.evaluate(f"() => {{ go({{s: st.t.spans[{index}]}}); markdown(st.s); subtree(st.s); }}")
    page.evaluate("go({view: 'transcript'})")
    page.evaluate("findSpans('text'), findSpans('0'), dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("st.t.spans.length") == 41
