"""A real browser, headless, and the page opened in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from callspan.viewer.page import write_page

Data = dict[str, Any]
HERE = Path(__file__).parent
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")  # while Playwright is there, an event loop runs: other tests want their own
def browser() -> Iterator[Any]:
    """Chromium, as the machine has it; `CALLSPAN_CHROMIUM` names another one."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the page is tested in a browser: pip install playwright"
    )
    chromium = os.environ.get("CALLSPAN_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("the page is tested in a real Chromium, which is not there: apt-get install chromium")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def sample() -> Data:
    """Seven runs: a failed agent, a parallel graph twice, a pause and its resumption, a long chat, a question."""
    return json.loads((HERE / "sample.json").read_text(encoding="utf-8"))


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Write data into a page and open it; an error of its script fails the test."""
    contexts: list[Any] = []
    errors: list[str] = []

    def opened(data: Data, place: str = "", html: str | None = None, **options: Any) -> Any:
        file = tmp_path / f"page-{len(contexts)}.html"
        file.write_text(html or write_page(data), encoding="utf-8")
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(file.as_uri() + place)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def until() -> Callable[[Any, str], None]:
    """Wait until something is so. Playwright's own way asks for `eval`, which the page's policy refuses."""

    def wait(page: Any, what: str) -> None:
        for _ in range(100):
            if page.evaluate(what):
                return
            page.wait_for_timeout(50)
        pytest.fail(f"it never came that {what}")

    return wait


@pytest.fixture
def page(open_page: Callable[..., Any], sample: Data) -> Any:
    """The page of the sample, as it opens: on the origin of the failed run's error."""
    return open_page(sample)


def span(name: str, parent: int = -1, start: int = 0, dur: int | None = 1000, kind: str = "chain", **more: Any) -> Data:
    """One span of a small run; a test gives what it is about."""
    return {
        "id": f"{name}-id",
        "parent": parent,
        "kind": kind,
        "name": name,
        "start": start,
        "dur": dur,
        "attrs": {},
        **more,
    }


def run(*spans: Data, messages: list[Data] | None = None, **more: Any) -> Data:
    """A file with one run."""
    trace = {"id": "trace-1", "start": 1_795_356_543_000, "spans": list(spans), **more}
    source = {"files": ["small.jsonl"], "spans": len(spans), "lines": 1, "skipped": []}
    return {"version": 1, "source": source, "messages": messages or [], "traces": [trace]}


@pytest.fixture
def small() -> Any:
    """`span` and `run`: small data for one test."""
    return type("Small", (), {"span": staticmethod(span), "run": staticmethod(run)})
