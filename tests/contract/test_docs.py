"""What the documentation lists is what the code writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from callspan import semconv
from callspan.callback.callback import HOOKS
from callspan.core import metrics as tables

ROOT = Path(__file__).parents[2]
DOCS = list((ROOT / "docs").glob("*.md"))
OURS = {
    name: value
    for name, value in vars(semconv).items()
    if isinstance(value, str)
    and name.isupper()
    and "." in value
    and not value.startswith(("http", "exception", "langchain.link."))
}


@pytest.mark.parametrize("attribute", sorted(OURS.values()))
def test_every_attribute_is_listed(attribute):
    """An attribute that is written stands in the table of attributes."""
    assert f"| `{attribute}` |" in (ROOT / "docs/spans.md").read_text()


def test_no_attribute_is_listed_that_nothing_writes():
    """The table of attributes has no line too many."""
    text = (ROOT / "docs/spans.md").read_text()
    table = text[text.index("## Attributes") : text.index("## How a run ended")]
    listed = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}
    assert listed == set(OURS.values())


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_listed(hook):
    """A hook stands in the table of hooks; those of one kind share a row."""
    text = (ROOT / "docs/callbacks.md").read_text()
    table = text[text.index("## Hooks") : text.index("LangGraph reports pauses")]
    kind, _, event = hook.rpartition("_")
    assert f"`{hook}`" in table or (f"`{kind}_start`" in table and f"`_{event}`" in table)


def test_the_table_of_metrics_is_that_of_the_code():
    """Each instrument has its line, with its kind, unit, operations, attributes, buckets and generation."""
    text = (ROOT / "docs/metrics.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `gen_ai.")]
    assert rows == list(_metric_rows(text))


def _metric_rows(text: str) -> Iterator[str]:
    """Write the table from the code's, with the letters of the buckets that the text explains."""
    buckets = {
        tuple(float(number) for number in line[8:].split(",")): line[4]
        for line in text.splitlines()
        if line.startswith("- **") and line[5:8] == "**:"
    }
    for table, generation in ((tables.RELEASED, "1.41"), (tables.LATEST, "newer"), (tables.BOTH, "both")):
        for metric in table:
            given = list(metric.attributes)
            client = [name for name in tables.CLIENT if name in given]
            names = [f"`{name}`" for name in given if name not in tables.CLIENT or len(client) < len(tables.CLIENT)]
            if len(client) == len(tables.CLIENT):
                names.insert(0, "client")
            names += [f"`{name}`" for name in metric.own]
            kind, bounds = ("counter", "") if metric.buckets is None else ("histogram", buckets[metric.buckets])
            cells = (
                f"`{metric.name}`",
                kind,
                f"`{metric.unit}`",
                ", ".join(f"`{operation}`" for operation in metric.operations),
                ", ".join(names),
                bounds,
                generation,
            )
            yield "| " + " | ".join(cells) + " |"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{one.name}" for one in DOCS)])
def test_every_link_leads_somewhere(page):
    """The file is there, and the heading in it."""
    path = ROOT / page
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        target, _, heading = link.partition("#")
        if ":" in target:
            continue
        there = path.parent / target if target else path
        assert there.exists(), link
        assert not heading or heading in _anchors(there), link


def _anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
