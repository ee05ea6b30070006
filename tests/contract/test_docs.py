"""What the documentation lists is what the code writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from callspan import semconv

ROOT = Path(__file__).parents[2]
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
