"""`callspan run` on a terminal: a tree that grows, the program's own output beside it, everything restored."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator

import pytest

if sys.platform == "win32":
    pytest.skip("a terminal of POSIX", allow_module_level=True)

from tests.cli.conftest import CALLSPAN
from tests.cli.terminal import OnTerminal
from tests.cli.test_run import CHAIN

GRAPH = """
    import os
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from langchain_core.runnables import RunnableLambda

    model = FakeListChatModel(responses=["the plain truth"])

    def named(name, function):
        return RunnableLambda(function).with_config(run_name=name)

    def work(x):
        for n in range(3):
            named(f"step{n}", lambda x: model.invoke(x).content).invoke("x")
        print("half way", flush=True)
        named("asks", lambda x: print("answer", os.read(0, 9).decode().strip())).invoke("x")
        return "done"

    print(named("job", work).invoke(1))
"""


@pytest.fixture
def terminal(tmp_path, program) -> Iterator[Callable[..., OnTerminal]]:
    started: list[OnTerminal] = []

    def start(source: str, *options: str, **said) -> OnTerminal:
        program(source)
        started.append(OnTerminal([*CALLSPAN, "run", *options, "app.py"], tmp_path, **said))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def test_a_running_tree_is_seen_beside_the_programs_output_and_once_when_it_is_over(terminal, tmp_path):
    on = terminal(GRAPH)
    seen = on.until(lambda text: "asks" in text)
    lines = seen.splitlines()
    assert lines[0].startswith("callspan: prompts and answers are shown and saved in trace-")
    assert "half way" in lines
    assert [line[: line.index("  ")] for line in lines if line.startswith(("■", "├", "│", "└"))] == [
        "■ job",
        "├─· step0",
        "│ └─● FakeListChatModel the plain truth",
        "├─· step1",
        "│ └─● FakeListChatModel the plain truth",
        "├─· step2",
        "│ └─● FakeListChatModel the plain truth",
        "└─· asks",
    ]
    on.type("blue\n")
    assert on.end() == 0
    after = on.screen.text
    assert after.count("■ job") == 1, after
    assert after.count("step1") == 1
    assert "answer blue" in after.splitlines()
    assert "done" in after.splitlines()
    assert after.splitlines()[-1].startswith("callspan view trace-")
    assert on.screen.unknown == []
    assert "\x1b[?25l" not in on.raw, "the cursor was never hidden, so that nobody has to show it again"


@pytest.mark.parametrize(("number", "kept"), [(signal.SIGTERM, "~abandoned"), (signal.SIGKILL, "")])
def test_a_signal_leaves_a_terminal_that_can_be_used(terminal, number, kept):
    on = terminal(GRAPH)
    on.until(lambda text: "asks" in text)
    assert on.end(number) == -number
    assert on.screen.unknown == []
    assert on.screen.column == 0
    if kept:
        assert on.screen.text.count("■ job abandoned") == 1
        assert "1 run · 3 model calls" in on.screen.text


def test_ctrl_c_is_the_programs(terminal):
    on = terminal(GRAPH)
    on.until(lambda text: "asks" in text)
    on.type("\x03")
    assert on.end() == -signal.SIGINT
    assert "KeyboardInterrupt" in on.screen.text
    assert on.screen.text.count("■ job cancelled") == 1
    assert "callspan view trace-" in on.screen.text


def test_an_exception_of_the_programs_is_seen_whole(terminal):
    on = terminal(GRAPH.replace('return "done"', 'raise ValueError("no such luck")'))
    on.until(lambda text: "asks" in text)
    on.type("x\n")
    assert on.end() == 1
    text = on.screen.text
    assert "Traceback (most recent call last):" in text.splitlines()
    assert "ValueError: no such luck" in text.splitlines()
    assert text.count("■ job ✗ ValueError: no such luck") == 1


def test_a_tree_that_is_higher_than_the_window_folds(terminal):
    on = terminal(GRAPH.replace("range(3)", "range(40)"), size=(14, 80))
    seen = on.until(lambda text: "asks" in text)
    drawn = [line for line in seen.splitlines() if line.startswith(("■", "├", "│", "└"))]
    assert len(drawn) <= 10
    assert drawn[0].startswith("■ job")
    assert "more spans" in drawn[1]
    on.type("x\n")
    assert on.end() == 0
    assert on.screen.text.count("step39") == 1
    assert on.screen.text.count("step0 ") == 1


def test_words_that_stream_are_not_torn(terminal):
    on = terminal(
        """
        import os, sys
        from langchain_core.runnables import RunnableLambda

        def work(x):
            for piece in ("these ", "words ", "stream"):
                print(piece, end="", flush=True)
                RunnableLambda(lambda x: x).invoke(1)
            print()
            print("on stderr", file=sys.stderr)
            os.read(0, 9)

        RunnableLambda(work).with_config(run_name="job").invoke(1)
        """
    )
    seen = on.until(lambda text: "■ job" in text)
    assert "these words stream" in seen.splitlines()
    on.type("\n")
    assert on.end() == 0
    assert {"these words stream", "on stderr"} <= set(on.screen.text.splitlines())


def test_a_question_in_the_middle_of_a_run_has_the_terminal_for_itself(terminal):
    on = terminal(
        """
        from langchain_core.runnables import RunnableLambda

        def work(x):
            RunnableLambda(lambda x: x).with_config(run_name="before").invoke(1)
            return input("Your name? ") + "!"

        print(RunnableLambda(work).with_config(run_name="job").invoke(1))
        """,
        echo=True,
    )
    seen = on.until(lambda text: "Your name?" in text)
    assert seen.splitlines()[-1] == "Your name?"
    assert "■ job" not in seen
    on.type("Ada\n")
    assert on.end() == 0
    lines = on.screen.text.splitlines()
    assert lines[1] == "Your name? Ada"
    assert lines[2].startswith("■ job")
    assert lines[4] == "Ada!"


@pytest.mark.parametrize(
    ("options", "variables"), [(["--plain"], {}), ([], {"TERM": "dumb"})], ids=["--plain", "TERM=dumb"]
)
def test_plain_means_lines_and_no_movement(terminal, options, variables):
    on = terminal(CHAIN, *options, **variables)
    assert on.end() == 0
    assert "\x1b" not in on.raw
    assert "greet > FakeListChatModel" in on.raw


def test_no_color_and_ascii_are_obeyed(terminal):
    on = terminal(CHAIN, "--ascii", NO_COLOR="1")
    assert on.end() == 0
    assert "\x1b[3" not in on.raw
    assert "`-M FakeListChatModel the plain truth" in on.raw
    assert on.raw.isascii()


def test_what_a_model_says_does_not_move_the_cursor(terminal):
    hostile = CHAIN.replace("the plain truth", "\\x1b[2J\\x1b[1;1Hgone\\r\\nnew")
    on = terminal(hostile.replace("print", "repr").replace(", sys.argv", ""))
    assert on.end() == 0
    assert on.screen.unknown == []
    assert "gone new" in on.screen.text
    assert "\x1b[2J" not in on.raw


def test_a_worker_keeps_off_the_terminal_that_the_first_process_draws_on(terminal, tmp_path):
    on = terminal(
        """
        import multiprocessing
        from langchain_core.runnables import RunnableLambda

        def job(x):
            return RunnableLambda(lambda y: y).with_config(run_name="inner").invoke(x)

        def work(x):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                return pool.map(job, [1, 2])

        if __name__ == "__main__":
            print(RunnableLambda(work).with_config(run_name="outer").invoke(1))
        """
    )
    assert on.end() == 0
    assert on.screen.text.count("outer") == 2, "in the tree and in the summary"
    assert "inner" not in on.screen.text
    assert "1 worker process wrote a file too" in on.screen.text
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


def test_a_worker_shows_its_runs_where_the_first_process_has_none(terminal):
    on = terminal(
        """
        import multiprocessing
        from langchain_core.runnables import RunnableLambda

        def job(x):
            RunnableLambda(lambda y: y).with_config(run_name="inner").invoke(x)

        if __name__ == "__main__":
            process = multiprocessing.get_context("spawn").Process(target=job, args=(1,))
            process.start()
            process.join()
        """
    )
    assert on.end() == 0
    assert " inner  " in on.screen.text
    assert "callspan: prompts and answers are shown" in on.screen.text


BESIDE = """
    import os, subprocess, sys
    from langchain_core.runnables import RunnableLambda

    def work(x):
        RunnableLambda(lambda x: x).with_config(run_name="first").invoke(1)
        os.read(0, 9)
        subprocess.run([sys.executable, "-S", "-c", "print('of a process beside')"])
        sys.stdout.buffer.write(b"bytes\\n")
        RunnableLambda(lambda x: x).with_config(run_name="second").invoke(1)
        os.read(0, 9)

    RunnableLambda(work).with_config(run_name="job").invoke(1)
"""


def test_lines_that_others_write_stay(terminal):
    """A process that the program starts writes past us, and so may the program: nothing of it is taken away."""
    on = terminal(BESIDE)
    on.until(lambda text: "first" in text)
    on.type("go on\n")
    on.until(lambda text: "bytes" in text)
    on.type("end\n")
    assert on.end() == 0
    lines = on.screen.text.splitlines()
    assert "of a process beside" in lines
    assert "bytes" in lines
    assert [line for line in lines if "second" in line]
