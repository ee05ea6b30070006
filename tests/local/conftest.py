"""Trace files on the disk; what is read of them, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from callspan.viewer.otlp import RawSpan
from callspan.viewer.read import Source, read

Read = Callable[..., tuple[list[RawSpan], Source]]


@pytest.fixture(autouse=True)
def extra_cli() -> None:
    """Skip where what measures a text's width is not installed."""
    pytest.importorskip("rich", reason="needs the extra cli")


@pytest.fixture
def read_back(tmp_path: Path) -> Read:
    """Write texts or bytes into a file, and give its spans and what is said of it."""

    def read_back(*contents: str | bytes, **options: frozenset[str]) -> tuple[list[RawSpan], Source]:
        path, source = tmp_path / "trace.jsonl", Source()
        path.write_bytes(b"".join(one if isinstance(one, bytes) else one.encode() for one in contents))
        return list(read([path], source, **options)), source

    return read_back


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> int:
    """Refuse lines and documents of more than a kilobyte, and return how many bytes that is."""
    monkeypatch.setattr("callspan.viewer.read.SIZE_LIMIT", 1024)
    return 1024
