"""What is read of trace files, and how it is shown."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def extra_cli() -> None:
    """Skip where what measures a text's width is not installed."""
    pytest.importorskip("rich", reason="needs the extra cli")
