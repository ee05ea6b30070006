"""`make servers`: what it says, what it keeps, and what tests do without it. No server is built here."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.pipeline import build_servers
from tests.pipeline.conftest import find_binaries


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder for the servers."""
    folder = tmp_path / "servers"
    monkeypatch.setenv("CALLSPAN_SERVERS", str(folder))
    return folder


@pytest.fixture
def no_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There is no Go on this machine."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def broken_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There is a Go that tells its version and can do nothing else."""
    go = tmp_path / "bin/go"
    go.parent.mkdir()
    go.write_text('#!/bin/sh\n[ "$1" = env ] || exit 7\necho go1.99\necho linux\necho amd64\n')
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(go.parent))


@pytest.mark.usefixtures("cache", "no_go")
def test_without_go_it_says_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    """Where Go is missing, the message says where to get it, and the exit code is 1."""
    assert build_servers.main() == 1
    assert "install Go" in capsys.readouterr().err


@pytest.mark.usefixtures("broken_go")
def test_a_failed_build_leaves_nothing_behind(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A build that fails names the command that failed, and nothing is taken for built."""
    assert build_servers.main() == 7
    assert "failed: go install" in capsys.readouterr().err
    assert list(cache.iterdir()) == []
    assert build_servers.built() is None


@pytest.mark.usefixtures("broken_go")
def test_what_is_built_is_not_built_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second call finds the first one's servers and builds nothing; another version of Jaeger is built anew."""
    monkeypatch.setattr(build_servers, "_build_collector", lambda scratch, servers: (servers / "a").touch())
    monkeypatch.setattr(build_servers, "_build_jaeger", lambda scratch, servers: (servers / "b").touch())
    assert build_servers.main() == 0
    folder = build_servers.built()
    assert folder is not None
    assert folder.parent == cache
    assert folder.name.endswith("-go1.99-linux-amd64")
    assert sorted(file.name for file in folder.iterdir()) == ["a", "b"]
    assert "Building" in capsys.readouterr().out

    assert build_servers.main() == 0
    assert "Building" not in capsys.readouterr().out
    assert list(cache.iterdir()) == [folder]

    monkeypatch.setattr(build_servers, "JAEGER_VERSION", "v1.75.0")
    assert build_servers.built() is None


@pytest.mark.usefixtures("cache")
def test_without_the_servers_tests_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has not built the servers skips what needs them, and the reason says how to build them."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make servers"):
        find_binaries()


@pytest.mark.usefixtures("cache", "no_go")
def test_in_ci_without_go_tests_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI, too, what cannot be built is skipped."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.skip.Exception, match="make servers"):
        find_binaries()


@pytest.mark.usefixtures("cache", "broken_go")
def test_in_ci_with_go_missing_servers_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI a build that broke cannot hide behind skipped tests."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="make servers"):
        find_binaries()
