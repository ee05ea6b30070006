"""`Recorder`: whole lines of JSON, whoever writes whenever it is killed; rotated; content by the settings."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.handlers.billed_agents import ASKED, EVERY_DOOR, FORMS, agent
from tests.modes.models.calls import call

import callspan
from callspan import Recorder
from callspan.handlers.line_file import LineFile
from callspan.testing import ScriptedChatModel, record


def lines(path: Path) -> list[Any]:
    """Read a file of JSON lines; each must be whole."""
    text = path.read_bytes()
    assert text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


@EVERY_DOOR
@FORMS
def test_an_agent_by_every_door_in_every_form(door, form, tmp_path):
    recorder = Recorder(tmp_path / "calls.jsonl")
    with record() as recording, door(recorder, recording) as config, callspan.session("s", user="u"):
        call(form, agent(), ASKED, config)
        ids = {f"{span.context.span_id:016x}" for span in recording.spans}
    first, used, last = lines(recorder.path)

    assert [one["kind"] for one in (first, used, last)] == ["llm", "tool", "llm"]
    assert {one["span_id"] for one in (first, used, last)} <= ids
    assert len({one["root_id"] for one in (first, used, last)}) == 1
    assert (last["model"], last["usage"], last["outcome"]) == ("scripted", last["usage"], "ok")
    assert last["usage"]["output_tokens"] > 0
    assert (first["session"], first["user"]) == ("s", "u")
    assert "said" not in last
    assert oct(recorder.path.stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize("sampler", [None, ALWAYS_OFF])
def test_what_was_said_is_written_where_content_is_on(tmp_path, sampler):
    recorder, key = Recorder(tmp_path / "calls.jsonl"), "sk-" + "a1B2c3D4" * 6
    options: Any = {} if sampler is None else {"sampler": sampler}
    with record(callbacks=[recorder], content="span_only", content_limit=2048, **options):
        agent().invoke(ASKED)
        ScriptedChatModel("x" * 9000).invoke(f"my key is {key}")
        with callspan.content("no_content"):
            ScriptedChatModel("secret").invoke("hi")
    first, used, last, long, silent = lines(recorder.path)

    assert first["said"]["gen_ai.input.messages"][0]["parts"][0]["content"] == ASKED["messages"][0][1]
    assert used["said"] == {"gen_ai.tool.call.arguments": {"lake": "Müritz"}, "gen_ai.tool.call.result": "9 m"}
    assert last["said"]["gen_ai.output.messages"][0]["parts"][0]["content"] == "it is 9 m deep"
    assert key not in str(long)
    assert "characters cut" in str(long)
    assert len(str(long)) < 4096
    assert "said" not in silent


def test_a_failure_says_what(tmp_path):
    recorder = Recorder(tmp_path / "calls.jsonl")
    with record(callbacks=[recorder]), pytest.raises(LookupError):
        ScriptedChatModel(LookupError("no such model")).invoke("hi")
    [one] = lines(recorder.path)

    assert (one["outcome"], one["error"], one["error_text"]) == ("error", "LookupError", "no such model")
    assert "usage" not in one


def test_which_runs(tmp_path):
    recorder = Recorder(tmp_path / "calls.jsonl", kinds="invoke_agent")
    with record(callbacks=[recorder]):
        agent().invoke(ASKED)

    assert [one["operation"] for one in lines(recorder.path)] == ["invoke_agent"]
    with pytest.raises(ValueError, match="kinds='model' is not allowed"):
        Recorder(tmp_path / "x", kinds="model")
    with pytest.raises(ValueError, match="files=0 is not allowed"):
        Recorder(tmp_path / "x", files=0)


def test_it_is_rotated_by_size(tmp_path):
    recorder = Recorder(tmp_path / "deep" / "calls.jsonl", max_bytes=2000, files=3)
    with record(callbacks=[recorder]):
        model = ScriptedChatModel(lambda messages: "yes")
        for _ in range(40):
            model.invoke("hi")
    files = sorted(recorder.path.parent.iterdir())

    assert [file.name for file in files] == ["calls.jsonl", "calls.jsonl.1", "calls.jsonl.2"]
    assert all(lines(file) and file.stat().st_size <= 2000 for file in files)
    times = [one["time"] for file in reversed(files) for one in lines(file)]
    assert times == sorted(times)


def test_one_file_begins_anew(tmp_path):
    file = LineFile(tmp_path / "x", max_bytes=10, files=1)
    for line in (b"1234567\n", b"89\n", b"a\n"):
        file.write(line)

    assert (tmp_path / "x").read_bytes() == b"89\na\n"
    assert [one.name for one in tmp_path.iterdir()] == ["x"]
    file.close()


def test_a_file_that_is_moved_or_deleted_is_made_anew(tmp_path):
    file = LineFile(tmp_path / "x", max_bytes=99, files=2)
    file.write(b"1\n")
    (tmp_path / "x").rename(tmp_path / "y")
    file.write(b"2\n")
    (tmp_path / "x").unlink()
    file.write(b"3\n")

    assert ((tmp_path / "x").read_bytes(), (tmp_path / "y").read_bytes()) == (b"3\n", b"1\n")
    file.close()


def test_threads_do_not_mix_lines(tmp_path):
    recorder = Recorder(tmp_path / "calls.jsonl", max_bytes=20_000, files=100)
    model = ScriptedChatModel(lambda messages: "word " * 300)
    with record(callbacks=[recorder], content="span_only"), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: model.invoke("hi"), range(200)))

    assert sum(len(lines(file)) for file in tmp_path.iterdir()) == 200


_WRITER = """
import sys
from callspan.handlers.line_file import LineFile
from pathlib import Path
file = LineFile(Path(sys.argv[1]), 10**9, 2)
while True:
    file.write(b'"' + b"x" * int(sys.argv[2]) + b'"\\n')
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("size", [100, 3_000_000])
def test_a_kill_leaves_whole_lines(tmp_path, size):
    path = tmp_path / "calls.jsonl"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for attempt in range(4):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path), str(size)], env=environment)
        while not (path.exists() and path.stat().st_size > 10 * size):
            time.sleep(0.01)
        time.sleep(0.003 * attempt)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        file = LineFile(path, 10**9, 2)  # what it left of a line goes when the file is opened again
        file.write(b'"last"\n')
        file.close()
        *others, last = path.read_bytes().splitlines()
        assert (set(map(len, others)) <= {size + 2, 6}, last) == (True, b'"last"')
        path.unlink()


def test_two_processes_write_one_file(tmp_path):
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b'"whole"\n"the beginning of a li')
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _WRITER, str(path), "5000"]
    writers = [subprocess.Popen(command, env=environment) for _ in range(2)]
    while path.stat().st_size < 500_000:
        time.sleep(0.01)
    for writer in writers:
        writer.terminate()
        writer.wait()
    first, *others = path.read_bytes().splitlines()

    assert first == b'"whole"'
    assert set(map(len, others[:-2])) == {5002}


def _child(recorder: Any) -> None:
    recorder._file.write(b'"child"\n')


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_writes_on(tmp_path):
    recorder = Recorder(tmp_path / "calls.jsonl")
    recorder._file.write(b'"parent"\n')
    with recorder._file._lock:  # as if another thread was writing
        child = multiprocessing.get_context("fork").Process(target=_child, args=(recorder,))
        child.start()
    child.join(20)
    if child.is_alive():
        child.kill()
        child.join()

    assert (child.exitcode, lines(recorder.path)) == (0, ["parent", "child"])
    recorder.close()


@pytest.mark.may_log
def test_a_file_that_cannot_be_written_costs_no_call(tmp_path):
    with record(callbacks=[Recorder(tmp_path)]):
        assert ScriptedChatModel("yes").invoke("hi").content == "yes"


async def test_no_form_of_call_waits_for_the_file_on_an_event_loop(tmp_path):
    blockbuster = pytest.importorskip("blockbuster")
    model = ScriptedChatModel(*["yes"] * 6)
    with record(), blockbuster.blockbuster_ctx():
        recorder = Recorder(tmp_path / "deep" / "calls.jsonl", max_bytes=1_000, files=9)
        config = {"callbacks": [recorder]}
        await model.ainvoke("one", config)
        async for _ in model.astream("two", config):
            pass
        await model.abatch(["three", "four"], config)
        model.invoke("five", config)
        await asyncio.to_thread(model.invoke, "six", config)
        recorder.close()
        recorder.shutdown()
    await asyncio.to_thread(getattr, recorder, "path")  # waits for the lines
    files = [path.read_text().splitlines() for path in (tmp_path / "deep").iterdir()]
    assert (len(files) > 1, sum(map(len, files))) == (True, 6)


def test_calls_of_a_loop_and_of_threads_stand_in_their_order(tmp_path):
    recorder = Recorder(tmp_path / "calls.jsonl")
    model = ScriptedChatModel(*["yes"] * 40)
    with record():
        for number in range(10):
            asyncio.run(model.ainvoke("x", {"callbacks": [recorder], "run_name": f"loop {number}"}))
            model.invoke("x", {"callbacks": [recorder], "run_name": f"thread {number}"})
    names = [f"{where} {number}" for number in range(10) for where in ("loop", "thread")]
    assert [one["name"] for one in lines(recorder.path)] == names


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.parametrize("end", ["return", "sys.exit(3)"])
def test_a_worker_process_writes_its_last_calls_before_it_ends(tmp_path, end):
    program = f"""
import asyncio, multiprocessing, sys
import callspan
from callspan.testing import ScriptedChatModel

recorder = callspan.Recorder("calls.jsonl")
callspan.instrument(callbacks=[recorder])

def work():
    model = ScriptedChatModel("yes", "yes", "yes")
    async def main():
        for _ in range(3):
            await model.ainvoke("x")
    asyncio.run(main())
    {end}

worker = multiprocessing.get_context("fork").Process(target=work)
work() if "{end}" == "return" else None
worker.start()
worker.join()
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert len(lines(tmp_path / "calls.jsonl")) == (6 if end == "return" else 3)


def test_a_file_that_others_could_read_is_its_owners_alone_and_a_pipe_is_refused(tmp_path):
    path = tmp_path / "calls.jsonl"
    path.touch()
    path.chmod(0o644)
    with record():
        ScriptedChatModel("yes").invoke("x", {"callbacks": [Recorder(path)]})
    assert path.stat().st_mode & 0o777 == 0o600
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a named pipe"):
        LineFile(tmp_path / "pipe", 1000, 1).write(b"x\n")
