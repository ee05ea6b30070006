"""`callspan run app.py`: the program as ever, its spans in a file, and what happened in it on stderr."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import CALLSPAN, environment

CHAIN = """
    import sys
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from langchain_core.runnables import RunnableLambda

    model = FakeListChatModel(responses=["the plain truth"])
    chain = (RunnableLambda(lambda x: f"ask about {x}") | model).with_config(run_name="greet")
    print(chain.invoke("whales").content, sys.argv)
"""

FAILING = (
    CHAIN
    + """
    def refuse(x):
        raise ValueError("no such luck")

    RunnableLambda(refuse).with_config(run_name="unlucky").invoke(1)
"""
)

NAMES = ["invoke_workflow greet", "  chain RunnableLambda", "  chat"]


def test_a_program_prints_what_it_prints_and_its_spans_are_saved_and_told(run):
    done = run(CHAIN, args=("--plain", "x y"))
    assert (done.code, done.out) == (0, b"the plain truth ['app.py', '--plain', 'x y']\n")
    (file,) = done.files
    assert file.name.startswith("trace-2")
    assert done.names() == NAMES
    lines = done.err.splitlines()
    promise = f"prompts and answers are shown and saved in {file.name} on this machine (--no-content: neither)"
    assert lines[0] == f"callspan: {promise}"
    assert [line.partition(" ")[2].partition("  ")[0] for line in lines[1:3]] == ["greet > FakeListChatModel", "greet"]
    assert lines[3].startswith("1 run, 1 model call, ")
    assert lines[-1] == f"callspan view {file.name}"
    assert done.err.isascii()


def test_only_the_owner_may_read_the_file(run):
    (file,) = run(CHAIN).files
    if sys.platform != "win32":
        assert file.stat().st_mode & 0o777 == 0o600


def test_content_is_saved_unless_it_is_not_wanted(run):
    (file,) = run(CHAIN).files
    assert "the plain truth" in file.read_text()
    file.unlink()
    for options, variables in (
        (["--no-content"], {}),
        ([], {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "no_content"}),
    ):
        done = run(CHAIN, *options, **variables)
        (file,) = done.files
        assert "the plain truth" not in file.read_text() + done.err
        assert done.err.startswith(f"callspan: spans are saved in {file.name} on this machine, without prompts")
        file.unlink()


def test_a_programs_failure_is_its_own_and_the_summary_says_where_it_began(run, tmp_path):
    done = run(FAILING)
    without = subprocess.run(
        [sys.executable, "app.py"], cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert (done.code, done.out) == (1, without.stdout)
    assert "ValueError: no such luck\n" in without.stderr.decode()
    assert "Traceback" in done.err
    assert "unlucky  " in done.err
    summary = done.err[done.err.index("2 runs (1 failed), 1 model call") :].splitlines()
    assert summary[1:3] == ["x ValueError  no such luck", "  unlucky   app.py:11"]


@pytest.mark.parametrize("code", [0, 3, 255])
def test_the_exit_code_is_the_programs(run, code):
    assert run(f"import sys; sys.exit({code})").code == code


def test_a_module_runs_as_with_python(tmp_path, program):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/__main__.py").write_text("import sys; print(__name__, __package__, sys.argv[1:])")
    command = [*CALLSPAN, "run", "-m", "pack", "--ascii"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "__main__ pack ['--ascii']\n"


def test_a_program_that_is_not_there_is_said_by_python(tmp_path):
    command = [*CALLSPAN, "run", "nowhere.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "can't open file" in done.stderr


def test_another_command_that_starts_a_python_is_run_too(tmp_path, program):
    program(CHAIN)
    command = [*CALLSPAN, "run", "--file", "t.jsonl", "python", "app.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "the plain truth ['app.py']\n"
    assert (tmp_path / "t.jsonl").exists()


@pytest.mark.skipif(os.name == "nt", reason="files that can be executed are of POSIX")
def test_a_command_that_is_named_by_its_path_is_run_too(tmp_path, program):
    """A Python, or a shell script that starts one."""
    app = program("from langchain_core.runnables import RunnableLambda\nRunnableLambda(str).invoke(1)")
    script = program(f"#!/bin/sh\nexec {sys.executable} {app}\n", "start")
    script.chmod(0o755)
    for command in ([sys.executable, str(app)], [str(script)], ["./start"], ["start"]):
        done = subprocess.run(
            [*CALLSPAN, "run", *command], cwd=tmp_path, env=environment(), capture_output=True, check=False, text=True
        )
        assert (done.returncode, "1 run" in done.stderr) == (0, True), done.stderr


def test_no_program_is_a_wrong_call(tmp_path):
    done = subprocess.run(
        [*CALLSPAN, "run"], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Usage: " in done.stderr


def test_a_program_without_runs_is_told_so_and_makes_no_file(run):
    done = run("print('hello')")
    assert (done.code, done.out, done.files) == (0, b"hello\n", [])
    assert done.err == "callspan: no run of LangChain or LangGraph was seen\n"


def test_the_program_sees_the_path_and_the_modules_that_it_would_see(run, tmp_path):
    source = """
    import os, sys
    ours = [path for path in sys.path if "bootstrap" in path]
    print(ours, "langchain_core" in sys.modules, sys.stdout is sys.__stdout__)
    """
    assert run(source).out == b"[] False True\n"


def test_another_sitecustomize_goes_first(run, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/sitecustomize.py").write_text("import builtins; builtins.seen = __name__")
    path = f"{environment()['PYTHONPATH']}:{tmp_path / 'own'}"
    done = run(
        "import sitecustomize; print(seen, sitecustomize.__file__)" + CHAIN.replace("\n    ", "\n"), PYTHONPATH=path
    )
    assert done.out.decode().startswith(f"sitecustomize {tmp_path / 'own/sitecustomize.py'}\nthe plain truth")
    assert done.names() == NAMES


def test_a_broken_sitecustomize_is_the_programs_own_trouble(run, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/sitecustomize.py").write_text("1 / 0")
    done = run(CHAIN, PYTHONPATH=f"{environment()['PYTHONPATH']}:{tmp_path / 'own'}")
    assert (done.code, done.names()) == (0, NAMES)
    assert "Error in sitecustomize" in done.err


def test_detail_and_file_can_be_chosen(run):
    done = run(CHAIN, "--detail", "steps", "--file", "deep/{pid}-{time}.jsonl")
    (file,) = (done.folder / "deep").iterdir()
    assert file.name.partition("-")[0].isdecimal()
    assert done.names(file) == [NAMES[0], NAMES[2]]
    assert done.err.endswith(f"callspan view deep/{file.name}\n")


def test_a_file_is_gone_on_with_even_where_a_kill_has_cut_it(run):
    done = run(CHAIN, CALLSPAN_TRACE_FILE="t.jsonl")
    with done.files[0].open("a") as file:
        file.write('{"resourceSp')
    done = run(CHAIN, CALLSPAN_TRACE_FILE="t.jsonl")
    lines = done.files[0].read_text().splitlines()
    assert [len(line) > 100 for line in lines] == [True] * 3 + [False] + [True] * 3


def test_a_file_that_cannot_be_written_is_said_and_the_program_runs(run):
    done = run(CHAIN, "--file", "/proc/nowhere/t.jsonl")
    assert (done.code, done.files) == (0, [])
    assert "/proc/nowhere/t.jsonl cannot be written: " in done.err.splitlines()[-1]
    assert "3 spans are not saved" in done.err
    assert "Traceback" not in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk on this system")
def test_a_full_disk_is_said_once_and_the_program_runs(run):
    done = run(CHAIN, "--file", "/dev/full")
    assert (done.code, done.out) == (0, b"the plain truth ['app.py']\n")
    assert "/dev/full lacks 3 spans that could not be written" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_encoding_will_do(run, encoding):
    done = run(
        """
        from langchain_core.runnables import RunnableLambda
        def refuse(x):
            raise ValueError("kein Glück, 語 \\u202e\\x1b[2J")
        try:
            RunnableLambda(refuse).with_config(run_name="größe 語").invoke(1)
        except ValueError:
            print("gut")
        """,
        PYTHONIOENCODING=encoding,
    )
    assert (done.code, done.out) == (0, b"gut\n")
    assert "U+202E" in done.err
    assert "\x1b" not in done.err
    assert "UnicodeEncodeError" not in done.err


@pytest.mark.parametrize(("variable", "said"), [("OTEL_SDK_DISABLED", "OTEL_SDK_DISABLED is set: nothing is traced")])
def test_opentelemetrys_switch_is_honoured_and_said(run, variable, said):
    done = run(CHAIN, **{variable: "true"})
    assert (done.code, done.files) == (0, [])
    assert done.err == f"callspan: {said}\n"


def test_an_instrumentation_can_be_disabled_by_name(run):
    done = run(CHAIN, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="callspan")
    assert (done.code, done.files) == (0, [])


def test_a_wrong_timeout_is_said_and_the_default_is_used(run):
    done = run(CHAIN, CALLSPAN_EXIT_TIMEOUT="soon")
    assert done.code == 0
    assert "CALLSPAN_EXIT_TIMEOUT='soon' is not allowed" in done.err


def test_a_closed_stderr_is_no_trouble(tmp_path, program):
    program(CHAIN)
    command = [*CALLSPAN, "run", "app.py"]
    read = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    read.wait()
    assert read.stdin is not None
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=read.stdin, check=False, timeout=60
    )
    read.stdin.close()
    assert (done.returncode, done.stdout) == (0, b"the plain truth ['app.py']\n")
    assert len(list(tmp_path.glob("*.jsonl"))) == 1
