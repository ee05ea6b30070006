"""`callspan run` and programs that do unusual things with what it uses."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import CALLSPAN, environment
from tests.cli.test_run import CHAIN, NAMES


def test_under_opentelemetry_instrument_its_provider_is_joined(tmp_path, program):
    instrument = shutil.which("opentelemetry-instrument", path=str(Path(sys.executable).parent))
    if instrument is None:
        pytest.skip("needs the extra otlp")
    program(CHAIN)
    quiet = ["--traces_exporter", "console", "--metrics_exporter", "none", "--logs_exporter", "none"]
    command = [instrument, *quiet, *CALLSPAN, "run", "--file", "t.jsonl", "app.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"trace_id"') == 3
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 3
    assert "already instrumented" not in done.stderr


def test_a_program_that_starts_itself_anew_is_still_the_first_process(run):
    done = run(
        """
        import os, sys
        if len(sys.argv) == 1:
            os.execv(sys.executable, [sys.executable, __file__, "again"])
        """
        + CHAIN.replace("\n    ", "\n        ")
    )
    assert (done.code, done.names()) == (0, NAMES)
    assert len(done.files) == 1
    assert "1 run, 1 model call" in done.err


def test_a_stderr_that_the_program_closes_or_takes_away_is_no_trouble(run):
    done = run("import sys; sys.stderr.close()" + CHAIN.replace("\n    ", "\n"))
    assert (done.code, done.names()) == (0, NAMES)
    done = run("import sys; sys.stderr = sys.stdout = None" + CHAIN.replace("\n    ", "\n"), "--file", "b.jsonl")
    assert done.code == 0
    assert "1 run, 1 model call" in done.err


def test_runs_that_go_on_in_daemon_threads_do_not_disturb_the_end(run):
    done = run(
        """
        import threading
        from langchain_core.runnables import RunnableLambda

        begun = threading.Event()

        def forever(x):
            while True:
                RunnableLambda(lambda y: y).with_config(run_name="again").invoke(1)
                begun.set()

        loop = RunnableLambda(forever).with_config(run_name="loop")
        threading.Thread(target=loop.invoke, args=(1,), daemon=True).start()
        begun.wait()
        """
    )
    assert done.code == 0
    assert "callspan view trace-" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_many_runs_at_once_are_each_told_and_saved(run):
    done = run(
        """
        import asyncio
        from langchain_core.language_models.fake_chat_models import FakeListChatModel
        from langchain_core.runnables import RunnableLambda

        model = FakeListChatModel(responses=["yes"])
        chain = (RunnableLambda(lambda x: x) | model).with_config(run_name="one")

        async def main():
            return len(await asyncio.gather(*(chain.ainvoke(str(n)) for n in range(50))))

        print(asyncio.run(main()))
        """
    )
    assert (done.code, done.out) == (0, b"50\n")
    assert sorted(set(done.names())) == ["  chain RunnableLambda", "  chat", "invoke_workflow one"]
    assert len(done.names()) == 150
    assert "50 runs, 50 model calls" in done.err


def test_a_library_that_wants_another_sdk_setting_is_heard(run):
    done = run(CHAIN, OTEL_TRACES_SAMPLER="always_off")
    assert (done.code, done.files[0].read_text()) == (0, "")
    assert "no span was recorded: a sampler does not want them" in done.err
