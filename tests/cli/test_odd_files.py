"""A path that is no file stops neither a program nor a command: what it is is said, and nothing is waited for."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import CALLSPAN, Ran, environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes, sockets and modes are POSIX's")

RUN = """
from langchain_core.runnables import RunnableLambda
RunnableLambda(lambda x: x).with_config(run_name="run").invoke("private")
"""

WHAT = {
    "folder": "it is a directory",
    "socket": "it is a socket",
    "pipe": "it is a named pipe that nobody reads",
}


def make(folder: Path, what: str) -> str:
    path = folder / what
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    return what


def command(folder: Path, *arguments: str) -> Ran:
    done = subprocess.run(
        [*CALLSPAN, *arguments], cwd=folder, env=environment(), capture_output=True, check=False, timeout=120
    )
    return Ran(done.returncode, done.stdout, done.stderr.decode(), folder)


@pytest.mark.parametrize("what", WHAT)
def test_the_program_runs_and_the_last_line_says_why_nothing_was_saved(run, tmp_path, what):
    done = run(RUN + "raise SystemExit(4)", "--file", make(tmp_path, what))
    assert done.code == 4
    assert done.err.splitlines()[0].startswith(
        f"callspan: prompts and answers are shown, but cannot be saved in {what}: "
    )
    assert done.err.splitlines()[-1] == f"{what} cannot be written: {WHAT[what]}; 1 span is not saved"


def test_a_pipe_that_somebody_reads_gets_the_spans(run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE) as reader:
        done = run(RUN, "--file", "pipe")
        assert reader.stdout is not None
        assert reader.stdout.read().count(b'"invoke_workflow run"') == 1
    assert done.code == 0
    assert "callspan view" not in done.err


def test_a_reader_who_stops_reading_costs_no_more_than_the_time_at_exit(run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    many = RUN + "for _ in range(200): RunnableLambda(lambda x: x).invoke('x' * 3000)\nprint('done')"
    done = run(many, "--file", "pipe", CALLSPAN_EXIT_TIMEOUT="0.3")
    os.close(reading)
    assert (done.code, done.out) == (0, b"done\n")
    assert "pipe takes no more: " in done.err
    assert "could not be written in time (CALLSPAN_EXIT_TIMEOUT)" in done.err


@pytest.mark.parametrize("arguments", [["stats"], ["view", "--text"], ["view"], ["send"]])
@pytest.mark.parametrize(
    ("what", "why"),
    [("pipe", "it is a named pipe that nobody writes"), ("folder", "it is a directory"), ("socket", "it is a socket")],
)
def test_commands_say_that_they_cannot_read_it(tmp_path, arguments, what, why):
    done = command(tmp_path, *arguments, make(tmp_path, what))
    assert done.code == 3
    said = "it is a pipe; write it into a file first" if (arguments, what) == (["send"], "pipe") else why
    assert f"{what}: {said}" in done.err
    assert len(done.err.splitlines()) == 1


def test_files_that_others_could_read_are_the_owners_alone_before_anything_private_is_in_them(run, tmp_path):
    for name in ("t.jsonl", "t.jsonl.html"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o666)
    run(RUN, "--file", "t.jsonl")
    assert command(tmp_path, "view", "t.jsonl").code == 0
    for name in ("t.jsonl", "t.jsonl.html"):
        assert "private" in (tmp_path / name).read_text()
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_program_that_is_not_there_is_one_sentence(tmp_path):
    done = command(tmp_path, "run", "nowhere.py")
    assert done.code == 2
    said = "callspan: can't open file 'nowhere.py': it is not in this folder, and no command on PATH has this name\n"
    assert done.err == said


@pytest.mark.parametrize(
    ("source", "variables", "why"),
    [
        ("", {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "callspan"}, "nothing is traced: OTEL_PYTHON_DISABLED_INSTRUME"),
        (
            RUN,
            {"OTEL_TRACES_SAMPLER": "always_off"},
            "a sampler does not want them (OTEL_TRACES_SAMPLER is",
        ),
        ("import callspan; callspan.uninstrument()", {}, "the program has called callspan.uninstrument()"),
    ],
)
def test_the_last_line_says_why_nothing_was_recorded(run, source, variables, why):
    done = run(source, **variables)
    assert why in done.err.splitlines()[-1]


def test_langchain_that_is_not_installed_is_the_reason(monkeypatch):
    from importlib import metadata

    from callspan.runner import session

    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(session, "version", version)
    said = session.why_nothing(was_bound=False)
    assert said == f"nothing to trace: LangChain is not installed in this Python ({sys.executable})"
