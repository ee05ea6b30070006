"""Content is hostile: nothing of it runs, asks for anything, or looks like what it is not."""

from __future__ import annotations

import re

import pytest

from callspan.viewer.page import write_page

HOSTILE = [
    "</script><script>window.ran = 1</script>",
    "<!--<script>window.ran = 2</script>",
    '<img src="http://evil.example/x.png" onerror="window.ran = 3">',
    '<svg onload="window.ran = 4"><a xlink:href="javascript:window.ran = 5">x</a></svg>',
    "[click](javascript:window.ran=6) ![x](http://evil.example/y.png)",
    '"><iframe srcdoc="<script>parent.ran = 7</script>"></iframe>',
    "{{script}} ${window.ran = 8} `${window.ran = 9}`",
    "javascript:window.ran=10",
]


def everywhere(small, text):
    """A run that has a text in every place where a program can put one."""
    part = {"type": "text", "content": text}
    call = {"type": "tool_call", "id": text, "name": text, "arguments": {text: text}}
    answer = {"type": "tool_call_response", "id": text, "response": text}
    others = [
        {"type": kind, "content": text, "name": text} for kind in ("reasoning", "compaction", text, "constructor")
    ]
    media = [
        {"type": "uri", "modality": text, "uri": text},
        {"type": "file", "file_id": text},
        {"type": "blob", "mime_type": text},
    ]
    messages = [
        {"role": text, "name": text, "parts": [part]},
        {"role": "assistant", "parts": [call, part, *others, *media]},
        {"role": "tool", "parts": [answer]},
    ]
    error = {"type": text, "message": text, "stack": text}
    said = {
        "attrs": {
            text: text,
            "gen_ai.response.finish_reasons": text,
            "langgraph.step": text,
            "gen_ai.tool.call.id": text,
        },
        "events": [{"name": text, "time": 5, "attrs": {text: text}}],
        "outcome": text,
        "resume": text,
        "interrupt": {"id": text, "value": {"question": text}},
        "links": [{"trace": text, "span": text, "why": text}],
    }
    data = small.run(
        small.span(text, kind="agent", error=error, rank="passed", **said),
        small.span(
            text + " ", 0, kind="llm", usage=[1, 1, 0, 0, 0], tools=[{"name": text}], **{"in": [0, 2], "out": [1]}
        ),
        small.span(text, 0, kind="tool", args={text: text}, result={text: [text]}, error=error, rank="origin", **said),
        small.span(
            text, 0, kind="retriever", query=text, documents=[{"id": text, "content": text, "metadata": {text: text}}]
        ),
        small.span(text, 0, kind="constructor", args=text, result=text),
        messages=messages,
        service=text,
        conversation=text,
    )
    data["traces"].append({**data["traces"][0], "id": text})
    data["source"]["files"] = [text]
    data["source"]["skipped"] = [{"line": 3, "why": text}]
    data["source"]["dropped"] = {"spans": 1, "bytes": 1, "why": text}
    return data


def walk(page):
    """Look at everything: each span in each view, each fold, search, copies, notices and print."""
    page.evaluate(
        """async () => {
          const look = () => document.querySelectorAll('details').forEach((d) => { d.open = true; });
          for (const t of DATA.traces) for (const s of t.spans) {
            go({t, s, view: 'timeline'}); look();
            document.querySelectorAll('.hist').forEach((b) => b.click());
            markdown(s); JSON.stringify(subtree(s));
          }
          go({view: 'transcript'}); document.querySelectorAll('.hist').forEach((b) => b.click());
          go({base: DATA.traces.find((t) => t !== st.t), view: 'compare'});
          document.querySelectorAll('#notices button').forEach((b) => { b.click(); $('notes').close(); });
          findSpans('script'); dispatchEvent(new Event('beforeprint'));
        }"""
    )
    page.wait_for_timeout(100)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_content_runs_asks_or_becomes_an_element(open_page, small, text):
    page = open_page(everywhere(small, text))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    walk(page)
    assert page.evaluate("window.ran") is None
    assert asked == []
    assert page.locator("a, img, iframe, object, embed, form, video, audio, base").count() == 0
    assert page.locator("script").count() == 2
    assert page.locator("link").count() == 0


def test_text_stays_text(open_page, small):
    text = HOSTILE[0]
    page = open_page(small.run(small.span("tool", kind="tool", result=text)))
    assert page.locator("#inspector pre.code").inner_text() == text


def test_an_injected_script_is_refused(open_page, sample):
    html = write_page(sample).replace("</body>", "<script>window.ran = 1</script></body>")
    page = open_page(sample, html=html)
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 2'}))"
    )
    page.evaluate("document.body.setAttribute('onclick', 'window.ran = 3')")
    page.evaluate("document.body.click()")
    assert page.evaluate("window.ran") is None
    with pytest.raises(Exception, match="Content Security Policy"):
        page.add_script_tag(content="window.ran = 4")


def test_an_injected_style_is_refused(open_page, sample):
    html = write_page(sample).replace("</body>", "<style>body { opacity: 0.5 }</style></body>")
    page = open_page(sample, html=html)
    assert page.evaluate("getComputedStyle(document.body).opacity") == "1"


ASKING = {
    "connect-src": "fetch('http://127.0.0.1:9/').catch(() => {})",
    "img-src": "new Image().src = 'http://127.0.0.1:9/x.png'",
    "frame-src": "document.body.append(Object.assign(document.createElement('iframe'), {src: 'http://127.0.0.1:9/'}))",
    "style-src-elem": "document.head.append("
    "Object.assign(document.createElement('link'), {rel: 'stylesheet', href: 'http://127.0.0.1:9/'}))",
    "script-src-elem": "document.head.append("
    "Object.assign(document.createElement('script'), {src: 'http://127.0.0.1:9/'}))",
    "worker-src": "try { new Worker('data:text/javascript,1') } catch { }",
    "form-action": "document.body.append("
    "Object.assign(document.createElement('form'), {action: 'http://127.0.0.1:9/'}));"
    " document.querySelector('form').submit()",
    "base-uri": "document.head.append(Object.assign(document.createElement('base'), {href: 'http://127.0.0.1:9/'}))",
}


@pytest.mark.parametrize("directive", ASKING)
def test_even_a_script_of_the_page_can_ask_for_nothing(page, directive):
    refused = page.evaluate(
        f"""() => new Promise((done) => {{
          addEventListener('securitypolicyviolation', (e) => done(e.effectiveDirective));
          setTimeout(() => done('nothing'), 2000);
          {ASKING[directive]};
        }})"""
    )
    assert refused == directive


def test_no_request_leaves_the_page(open_page, sample):
    asked: list[str] = []
    page = open_page(sample)
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    walk(page)
    assert [url for url in asked if not url.startswith("file:")] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1


def test_characters_that_lie_are_named(open_page, small):
    lie = "pay\u202eabc\u200b\u2066\ufeff\x07\U000e0041end"
    page = open_page(everywhere(small, lie))
    walk(page)
    shown = page.evaluate(
        """document.body.innerText
          + [...document.querySelectorAll('[title], [aria-label]')].map((e) => e.title + e.ariaLabel).join('')"""
    )
    assert not set(shown) & set("\u202e\u200b\u2066\ufeff\x07\U000e0041")
    assert re.search(r"payU\+202EabcU\+200BU\+2066U\+FEFFU\+0007U\+E0041end", shown.replace("\n", ""))
    assert not set(page.title()) & set("\u202e\u200b")


def test_what_people_write_is_not_named(open_page, small):
    text = "Zoë 👩\u200d🚀 \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645\n\ttab"
    page = open_page(small.run(small.span("tool", kind="tool", result=text)))
    assert page.locator("#inspector .ctl").count() == 0
    assert page.locator("#inspector pre.code").inner_text() == text


def test_keys_of_prototypes_are_keys(open_page, small):
    keys = {"__proto__": {"polluted": "yes"}, "constructor": "c", "toString": "t", "hasOwnProperty": 1}
    data = small.run(
        small.span("agent", kind="agent", attrs=keys, args=keys, result=keys),
        small.span("tool", 0, kind="tool", args=keys, result={"style": {"display": "none"}, "onclick": "x"}),
    )
    page = open_page(data)
    walk(page)
    assert page.evaluate("[{}.polluted, Object.prototype.polluted, typeof {}.toString]") == [None, None, "function"]
    page.evaluate("go({s: st.t.root})")
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert '__proto__\n{"polluted":"yes"}' in page.locator("#inspector .kv").inner_text()


def test_an_object_is_never_taken_for_attributes(open_page, small):
    data = small.run(
        small.span("tool", kind="tool", args={"onclick": "window.ran=1", "style": {"display": "none"}, "id": "data"})
    )
    page = open_page(data)
    assert page.locator("#data").count() == 1
    assert '"onclick"' in page.locator("#inspector pre.code").first.inner_text()
