"""Fixtures for pytest: `pytest_plugins = ["callspan.testing.fixtures"]` in a conftest.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from callspan.testing.recording import Recording, record
from callspan.testing.tree import TreeText


@pytest.fixture
def spans(request: pytest.FixtureRequest) -> Iterator[Recording]:
    """Instrument LangChain for the test and record its spans; a failed test shows their tree.

    The marker `callspan` takes the options of `record`.
    """
    marker = request.node.get_closest_marker("callspan")
    with record(**({} if marker is None else marker.kwargs)) as recording:
        yield recording
        # pytest shows this below the failure; that of the assertion itself it may have cut.
        request.node.add_report_section("teardown", "spans", str(recording.tree()) or "none")


@pytest.fixture
def span_tree(spans: Recording) -> Callable[..., TreeText]:
    """Return the text of the tree of the spans that have ended; options as for `callspan.testing.span_tree`."""
    return spans.tree


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "callspan(**options): how the spans of the test are recorded")


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain two trees that are not the same by the lines that differ."""
    if op != "==" or not isinstance(left, str) or not isinstance(right, str):
        return None
    recorded, expected = (left, right) if isinstance(left, TreeText) else (right, left)
    if not isinstance(recorded, TreeText):
        return None
    return ["the span tree is another one (- expected, + recorded):", *recorded.difference(expected)]
