"""Somebody who hears all that happens in the process, and things that can be called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.callbacks.recorder import Awaited, Recorder

from callspan.core import state
from callspan.testing import Recording, record


@pytest.fixture(params=[Recorder, Awaited], ids=["def", "async def"])
def recorder(request: pytest.FixtureRequest) -> Any:
    """A callback of the process; each test runs with plain hooks and with coroutines."""
    return request.param()


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    """LangChain is instrumented, spans are recorded, and the recorder hears if a test has one."""
    heard_by = [request.getfixturevalue("recorder")] if "recorder" in request.fixturenames else []
    with record(callbacks=heard_by, **getattr(request, "param", {})) as recording:
        state.first_time("async hook")  # that they are slow in synchronous calls is said already
        yield recording


@pytest.fixture
def body(recorder: Any) -> Callable[..., None]:
    """The body of a call: it writes a line into what was heard."""
    return lambda *args: recorder.heard.append("body")
