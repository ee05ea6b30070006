"""A run of 10,000 spans opens and scrolls. The limits are three times what an idle machine needs."""

from __future__ import annotations

import random

import pytest

SPANS = 10_000


@pytest.fixture(scope="module")
def ten_thousand():
    """An agent that calls a model and three tools over and over, with a long prompt, as 6 MB of data."""
    rng = random.Random(7)
    said = "".join(rng.choices("abcdefgh ijklmnop qrstuv\n", k=1_000_000))
    messages = [{"role": "system", "parts": [{"type": "text", "content": said}]}]
    spans = [
        {"id": "root", "parent": -1, "kind": "agent", "name": "invoke_agent big", "start": 0, "attrs": {}, "path": []}
    ]
    at, last, before = 0, [0], None

    def add(parent, kind, name, dur, **more):
        attrs = {"langchain.run.id": f"{rng.getrandbits(128):032x}", "langgraph.step": len(spans)}
        spans.append(
            {
                "id": f"{len(spans):016x}",
                "parent": parent,
                "kind": kind,
                "name": name,
                "start": at,
                "dur": dur,
                "attrs": attrs,
                **more,
            }
        )
        return len(spans) - 1

    while len(spans) < SPANS:
        node = add(0, "node", "node model", 120_000)
        messages.append(
            {"role": "user", "parts": [{"type": "text", "content": f"question {len(spans)} " + "words " * 30}]}
        )
        messages.append(
            {"role": "assistant", "parts": [{"type": "text", "content": f"answer {len(spans)} " + "more " * 40}]}
        )
        known = last[-20:]
        call = add(
            node,
            "llm",
            "chat gpt-5-mini",
            100_000,
            usage=[500, 50, 100, 0, 0],
            cost=0.001,
            ttft=30_000,
            path=[[at, at + 100_000]],
        )
        spans[call] |= {"in": [0, *known, len(messages) - 2], "out": [len(messages) - 1], "before": before}
        last += [len(messages) - 2, len(messages) - 1]
        before = call
        at += 120_000
        tools = add(0, "node", "node tools", 50_000)
        for _ in range(3):
            add(
                tools,
                "tool",
                "execute_tool search",
                40_000,
                args={"query": "x" * 300},
                result={"found": ["y" * 200] * 2},
                beside=3,
            )
        if rng.random() < 0.02:
            spans[-1] |= {"error": {"type": "TimeoutError", "message": "no answer"}, "rank": "handled"}
        at += 50_000
    spans[0]["dur"] = at
    source = {"files": ["big.jsonl"], "spans": len(spans), "lines": 1, "skipped": []}
    return {
        "version": 1,
        "source": source,
        "messages": messages,
        "traces": [{"id": "big", "start": 1_795_356_543_000, "spans": spans}],
    }


def frames(page, work):
    """How long each frame took while something was done in each, sorted, in ms."""
    return page.evaluate(
        f"""() => new Promise((done) => {{
          const took = []; let last = performance.now(), n = 0;
          const next = (now) => {{
            if (n) took.push(now - last);
            last = now;
            if (++n > 90) return done(took.sort((a, b) => a - b));
            {work};
            requestAnimationFrame(next);
          }};
          requestAnimationFrame(next);
        }})"""
    )


def duration(page, work):
    """How long something takes with the layout it causes, in ms."""
    return page.evaluate(
        f"() => {{ const t = performance.now(); {work}; document.body.offsetTop; return performance.now() - t; }}"
    )


def test_ten_thousand_spans(open_page, ten_thousand, record_property):
    page = open_page(ten_thousand)
    opened = page.evaluate("performance.getEntriesByName('ready')[0].startTime")
    scrolled = frames(page, "list.scrollTop += 700")
    stepped = frames(page, "step(1)")
    searched = duration(page, "findSpans('question 5000')")
    page.evaluate("findSpans('')")
    folded = duration(page, "foldAll()")
    told = duration(page, "go({view: 'transcript'})")
    p95 = {"scroll": scrolled[int(len(scrolled) * 0.95)], "step": stepped[int(len(stepped) * 0.95)]}
    measured = {"open": opened, **p95, "search": searched, "fold": folded, "transcript": told}
    record_property("measured", str({name: round(ms) for name, ms in measured.items()}))
    print({name: round(ms) for name, ms in measured.items()})
    assert page.evaluate("document.querySelectorAll('.row').length") < 80
    assert opened < 2000
    assert p95["scroll"] < 100
    assert p95["step"] < 300
    assert searched < 300 * 3
    assert folded < 300
    assert told < 600
