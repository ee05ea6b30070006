"""`make viewers`: what it says, what it keeps, and what tests do without it. Nothing is installed here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.viewers import build_viewers
from tests.viewers.conftest import environment_of


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder for the viewers; environments that are made have no pip."""
    folder = tmp_path / "viewers"
    monkeypatch.setenv("CALLSPAN_VIEWERS", str(folder))

    def create(made: Path, *, with_pip: bool) -> None:
        (made / "bin").mkdir(parents=True)
        (made / "bin/python").touch()

    monkeypatch.setattr(build_viewers.venv, "create", create)
    return folder


def test_what_is_installed_is_not_installed_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cache: Path
) -> None:
    """A second call finds the first one's environments; another version is installed anew."""
    monkeypatch.setattr(build_viewers.subprocess, "run", lambda command, check: None)
    assert build_viewers.main() == 0
    assert capsys.readouterr().out.count("Installing") == 2
    python = build_viewers.python_of(build_viewers.MLFLOW)
    assert python is not None
    assert python.parents[2] == cache

    assert build_viewers.main() == 0
    assert "Installing" not in capsys.readouterr().out
    assert build_viewers.python_of("mlflow==0.1") is None


def test_a_failed_installation_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cache: Path
) -> None:
    """One that fails names the command that failed, and nothing is taken for installed."""

    def fail(command: list[str | Path], check: bool) -> None:
        raise subprocess.CalledProcessError(7, command)

    monkeypatch.setattr(build_viewers.subprocess, "run", fail)
    assert build_viewers.main() == 7
    assert build_viewers.PHOENIX in capsys.readouterr().err
    assert list(cache.iterdir()) == []


def test_without_the_viewers_tests_are_skipped() -> None:
    """The reason says how to install them."""
    with pytest.raises(pytest.skip.Exception, match="make viewers"):
        environment_of(build_viewers.PHOENIX)
