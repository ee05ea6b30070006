"""What every test stands on: LangChain instrumented, spans recorded, and nothing left behind."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.context import get_current
from tests.pairs import EVERY_CASE, fewer

from callspan.testing import Recording, open_runs, record

os.environ["CALLSPAN_STRICT"] = "1"  # our own failures raise in our own tests

_QUIET = ("opentelemetry", "asyncio", "callspan", "langchain")
"""Loggers on which a correct instrumentation causes no warning."""


SERVERS = ("tests/viewers/", "tests/pipeline/", "tests/local/page/")
"""Their tests share servers and browsers that are slow to start: they run first, so that one process has them all."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what tests/pairs.py leaves out."""
    if not EVERY_CASE:
        left_out = fewer(items)
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: not item.nodeid.startswith(SERVERS))


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    """LangChain is instrumented and spans are recorded.

    Parametrised indirectly, it takes keywords of `record`.
    """
    options = getattr(request, "param", {})
    with record(**options) as recording:
        yield recording


@pytest.fixture
def tree(recording: Recording) -> Callable[..., str]:
    """The text of the recorded span tree: the language of the assertions."""
    return recording.tree


@pytest.fixture
def http(recording: Recording) -> Callable[..., None]:
    """Stands for what a body does in the world: a span that must become a child of the body's own."""

    def call(name: str = "http") -> None:
        with recording.tracer.start_as_current_span(name):
            pass

    return call


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After a test no run is open, the context is the very object it was, and no library complained.

    A test marked `may_log` expects a warning.
    """
    before = get_current()
    with caplog.at_level(logging.WARNING):
        yield
    if open_runs():
        gc.collect()  # what only a cycle of the test's own holds
    assert get_current() is before
    assert open_runs() == []
    if request.node.get_closest_marker("may_log") is None:
        complaints = [entry for entry in caplog.get_records("call") if entry.name.startswith(_QUIET)]
        assert [entry.getMessage() for entry in complaints] == []


def pytest_collection_finish() -> None:
    """Collections of garbage leave out what was imported: LangChain and the tests are most of what there is."""
    gc.collect()
    gc.freeze()
