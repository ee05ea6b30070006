"""`callspan run` and what befalls processes: signals, kills, workers however they are made."""

from __future__ import annotations

import signal
import sys

import pytest
from tests.cli.conftest import ended
from tests.pairs import EVERY_CASE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and forks are POSIX's")

WAITING = """
    import signal, sys
    from langchain_core.runnables import RunnableLambda

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background has it ignored

    def work(x):
        RunnableLambda(lambda y: y).with_config(run_name="done").invoke(x)
        print("at work", flush=True)
        sys.stdin.read()

    RunnableLambda(work).with_config(run_name="job").invoke(1)
"""


def interrupted(start, folder, number, source=WAITING):
    process = start(source)
    assert process.stdout.readline() == b"at work\n"
    process.send_signal(number)
    return ended(process, folder)


def test_sigterm_ends_the_spans_and_then_the_process_as_without_us(start, tmp_path):
    done = interrupted(start, tmp_path, signal.SIGTERM)
    assert done.code == -signal.SIGTERM
    assert done.names() == ["invoke_workflow job", "  chain done"]
    (trace,) = done.traces()
    assert [span.outcome for span in trace.spans] == ["abandoned", None]
    assert all(span.duration is not None for span in trace.spans)
    assert f"callspan view {done.files[0].name}" in done.err


UNHEARD = """
    import signal, threading, time
    from langchain_core.runnables import RunnableLambda

    RunnableLambda(lambda y: y).with_config(run_name="done").invoke(1)
    here = threading.Lock()
    here.acquire()

    def other():  # the signal goes to this thread, so it does not interrupt what the main one waits for
        here.acquire()
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        here.acquire()

    threading.Thread(target=other, daemon=True).start()
    never = threading.Lock()
    never.acquire()
    print("at work", flush=True)
    here.release()
    never.acquire()
"""


def test_sigterm_ends_a_process_whose_main_thread_waits_where_no_signal_comes_through(start, tmp_path):
    process = start(UNHEARD)
    assert process.stdout.readline() == b"at work\n"
    done = ended(process, tmp_path)
    assert done.code == -signal.SIGTERM
    assert done.names() == ["invoke_workflow done"]


BUSY = """
    from langchain_core.runnables import RunnableLambda

    inner = RunnableLambda(lambda x: x).with_config(run_name="inner")

    def work(x):
        print("at work", flush=True)
        while True:
            inner.invoke("z" * 2000)

    RunnableLambda(work).with_config(run_name="job").invoke(1)
"""


@pytest.mark.parametrize("time", range(3 if EVERY_CASE else 1))
def test_sigterm_in_the_middle_of_our_own_work_ends_the_spans_too(start, tmp_path, time):
    """A program that runs one call after the other is nearly always in it."""
    done = interrupted(start, tmp_path, signal.SIGTERM, BUSY)
    assert done.code == -signal.SIGTERM
    assert done.names()[0] == "invoke_workflow job"
    assert "callspan view" in done.err


def test_ctrl_c_ends_the_spans_and_the_program_dies_of_it(start, tmp_path):
    done = interrupted(start, tmp_path, signal.SIGINT)
    assert done.code == -signal.SIGINT
    assert "KeyboardInterrupt" in done.err
    assert done.names() == ["invoke_workflow job", "  chain done"]
    assert [span.outcome for span in done.traces()[0].spans] == ["cancelled", None]


def test_a_kill_loses_the_open_spans_only(start, tmp_path):
    """And what ended in the moment before it."""
    process = start(WAITING)
    while not any(file.stat().st_size for file in tmp_path.glob("*.jsonl")):
        pass
    process.kill()
    done = ended(process, tmp_path)
    assert done.code == -signal.SIGKILL
    assert done.names() == ["did not end", "  chain done"]


def test_sigterm_sends_what_the_programs_own_provider_has(start, tmp_path):
    own = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
    trace.set_tracer_provider(provider)
    """
    done = interrupted(start, tmp_path, signal.SIGTERM, own + WAITING)
    assert done.code == -signal.SIGTERM
    assert done.out.count(b'"trace_id"') == 2


def test_a_handler_of_the_programs_own_is_left_alone(start, tmp_path):
    own = "import signal, os; signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), os._exit(7)))\n"
    done = interrupted(start, tmp_path, signal.SIGTERM, own + WAITING.replace("\n    ", "\n"))
    assert (done.code, done.out) == (7, b"bye\n")
    assert done.names() == ["did not end", "  chain done"]


def test_a_process_that_ignores_sigterm_goes_on_ignoring_it(start, tmp_path):
    source = "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.kill(os.getpid(), 15); print('here')"
    done = ended(start(source), tmp_path)
    assert (done.code, done.out) == (0, b"here\n")


def test_a_forked_worker_has_its_own_file_which_the_summary_names(run):
    done = run(
        """
        import os
        from langchain_core.runnables import RunnableLambda

        inner = RunnableLambda(lambda x: x).with_config(run_name="inner")

        def work(x):
            child = os.fork()
            if child == 0:
                inner.invoke(1)
                os._exit(0)
            os.waitpid(child, 0)
            inner.invoke(2)

        RunnableLambda(work).with_config(run_name="outer").invoke(1)
        """
    )
    assert done.code == 0
    main, worker = done.files
    assert worker.stem.startswith(main.stem + "-")
    assert done.names(main) == ["invoke_workflow outer", "  chain inner"]
    assert done.names(worker) == ["did not end", "  chain inner"]
    assert done.names(main, worker) == ["invoke_workflow outer", "  chain inner", "  chain inner"]
    said = ["1 worker process wrote a file too", f"callspan view {main.name} {worker.name}"]
    assert done.err.splitlines()[-2:] == said


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_have_files_however_they_are_made(run, method):
    done = run(
        f"""
        import multiprocessing
        from langchain_core.runnables import RunnableLambda

        def job(number):
            return RunnableLambda(lambda y: 2 * y).with_config(run_name="job").invoke(number)

        if __name__ == "__main__":
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                print(sorted(pool.map(job, range(4), chunksize=1)))
        """
    )
    assert (done.code, done.out) == (0, b"[0, 2, 4, 6]\n"), done.err
    assert 1 <= len(done.files) <= 2
    assert done.names() == ["invoke_workflow job"] * 4
    assert "Traceback" not in done.err
    assert all(file.name in done.err.splitlines()[-1] for file in done.files)


def test_a_program_that_is_started_by_the_program_is_a_worker(run):
    done = run(
        """
        import subprocess, sys
        from langchain_core.runnables import RunnableLambda

        RunnableLambda(lambda y: y).with_config(run_name="-".join(sys.argv[1:]) or "first").invoke(1)
        if len(sys.argv) == 1:
            print(subprocess.run([sys.executable, __file__, "second"]).returncode)
        """
    )
    assert (done.code, done.out) == (0, b"0\n")
    main, worker = done.files
    assert (done.names(main), done.names(worker)) == (["invoke_workflow first"], ["invoke_workflow second"])


def test_a_terminated_worker_ends_its_spans_and_dies_of_it(run):
    done = run(
        """
        import multiprocessing, sys
        from langchain_core.runnables import RunnableLambda

        def job(ready):
            def wait(x):
                ready.set()
                multiprocessing.Event().wait()
            RunnableLambda(wait).with_config(run_name="job").invoke(1)

        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            ready = context.Event()
            process = context.Process(target=job, args=(ready,))
            process.start()
            ready.wait()
            process.terminate()
            process.join()
            print(process.exitcode)
        """
    )
    assert done.out == b"-15\n"
    assert done.names() == ["invoke_workflow job"]


def test_threads_that_write_while_the_program_forks_tear_no_line(run):
    done = run(
        """
        import os, threading
        from langchain_core.runnables import RunnableLambda

        step = RunnableLambda(lambda x: x).with_config(run_name="step")
        threads = [threading.Thread(target=step.batch, args=([1] * 50,)) for _ in range(4)]
        step.invoke(0)
        for thread in threads:
            thread.start()
        children = []
        for _ in range(10):
            child = os.fork()
            if child == 0:
                step.invoke(1)
                os._exit(0)
            children.append(child)
        for thread in threads:
            thread.join()
        print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
        """
    )
    assert done.out == b"[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n", done.err
    assert len(done.files) == 11
    assert len(done.names(done.files[0])) == 201
    assert len(done.names()) == 211
