"""What the doctor says of a command: each is a real program, run without a line of tracing code."""

from __future__ import annotations

import textwrap

import pytest
from tests.doctor.fakes import langchain_instrumentation

for needed in ("click", "rich", "opentelemetry.distro", "opentelemetry.exporter.otlp.json.file"):
    pytest.importorskip(needed, reason="needs the extras cli and otlp")

CHAIN = """
from langchain_core.runnables import RunnableLambda
from callspan.testing import ScriptedChatModel

chain = RunnableLambda(lambda x: x).pipe(ScriptedChatModel("hello", "you", counts=False), name="greet")
print(chain.invoke("hi").content)
"""


@pytest.fixture
def judged(doctor, tmp_path):
    """Run a program under the doctor; gives what it said."""

    def run(source: str, *arguments: str, **environment):
        program = tmp_path / "app.py"
        program.write_text(textwrap.dedent(source))
        return doctor("--", str(program), *arguments, **environment)

    return run


def test_a_sound_program_is_well_and_says_what_it_says(judged):
    """What it prints goes to stderr, as the findings alone are on stdout; its arguments are its own."""
    source = CHAIN.replace("counts=False", "counts=True") + "import sys; print(sys.argv[1:])"
    said = judged(source, "--json", "-x")
    assert said.of("command") == ["the command made 3 spans in 1 trace | "]
    assert said.code == 0
    assert "hello" in said.errors
    assert "['--json', '-x']" in said.errors


def test_failures_and_missing_counts_are_told_with_their_reasons(judged):
    """A failure that nobody handled is a problem, one that was handled a note; a stream without counts says why."""
    said = judged(
        CHAIN
        + """
for _ in chain.stream("hi"):
    pass

def fail(x):
    raise ConnectionError("the line dropped")

RunnableLambda(fail).with_fallbacks([RunnableLambda(lambda x: x)]).invoke(1)
RunnableLambda(fail).with_config(run_name="last").invoke(1)
"""
    )
    notes, problems = said.of("command", "note"), said.of("command", "problem")
    assert any(note.startswith("the command ended with exit code 1") for note in notes)
    assert any(note.startswith("1 call has no token counts: chat scripted | its integration") for note in notes)
    assert any(note.startswith("1 streamed call has no token counts: chat scripted | its") for note in notes)
    assert any("and the program went on: chain fail: ConnectionError: the line dropped" in note for note in notes)
    assert problems == [
        (
            "a call failed: invoke_workflow last: ConnectionError: the line dropped | "
            "see the message; callspan view shows where"
        )
    ]


def test_a_stream_of_openais_client_without_counts_names_the_option(judged):
    """ChatOpenAI asks for no counts where the address is given: that is the usual reason."""
    pytest.importorskip("langchain_openai")
    from callspan.testing import OpenAIServer, Say

    with OpenAIServer([Say("hello you")]) as server:
        said = judged(
            """
            from langchain_openai import ChatOpenAI

            for _ in ChatOpenAI(model="gpt-5-mini", stream_usage=False).stream("hi"):
                pass
            """,
            OPENAI_BASE_URL=server.base_url,
            OPENAI_API_KEY="scripted",
            NO_PROXY="127.0.0.1",
        )
    (note,) = said.of("command", "note")
    assert note.startswith(
        "1 streamed call has no token counts: chat gpt-5-mini | ask for them: ChatOpenAI(..., stream_"
    )


def test_spans_that_os_exit_loses_are_counted(judged):
    """They were made and had ended; no exporter wrote them."""
    said = judged(CHAIN + "import os; os._exit(3)")
    (lost,) = said.of("command", "problem")
    assert lost.startswith("the spans of 3 runs are not in the trace: ")
    assert "callspan.flush" in lost


def test_runs_that_the_process_ended_within_are_counted(judged):
    """What had not ended is told apart from what had."""
    said = judged(
        """
        import os
        from langchain_core.runnables import RunnableLambda

        def leave(x):
            os._exit(0)

        RunnableLambda(lambda x: x).pipe(leave).invoke(1)
        """
    )
    lost, cut = said.of("command", "problem")
    assert lost.startswith("the spans of 1 run are not in the trace: ")
    assert cut.startswith("2 runs have no end")


@pytest.mark.parametrize(
    ("source", "environment", "why"),
    [
        ("print(1)", {}, "no spans: the command did not run anything of LangChain's"),
        (CHAIN, {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "callspan"}, "no spans: callspan was not loaded"),
        (CHAIN, {"OTEL_TRACES_SAMPLER": "always_off"}, "no spans: callspan heard 3 runs, and none was recorded"),
    ],
)
def test_no_span_at_all_has_its_reason(judged, source, environment, why):
    """Not loaded, nothing to see, nothing recorded: three reasons, three fixes."""
    said = judged(source, **environment)
    assert said.code == 1
    assert [problem.startswith(why) for problem in said.of("command", "problem")] == [True]


def test_an_agent_without_calls_below_it_is_noticed(judged):
    """A graph that asks its model by other ways than LangChain's has nothing below."""
    said = judged(
        """
        from langchain_core.runnables import RunnableLambda
        RunnableLambda(lambda x: x).with_config(run_name="alone").invoke(1)
        """
    )
    (note,) = said.of("command", "note")
    assert note.startswith("1 root has nothing below: invoke_workflow alone")


def test_calls_with_two_spans_are_told_with_who_makes_the_second(judged, tmp_path):
    """Another instrumentation, really at work beside ours."""
    langchain_instrumentation(tmp_path)
    said = judged(CHAIN, path=(tmp_path,))
    assert said.of("command", "problem") == [
        "1 call has two spans: one is of OpenInference | set OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=langchain"
    ]


def test_ctrl_c_ends_the_command_and_the_doctor_judges_it(judged):
    """A server ends that way: the signal goes to both, and only the command heeds it."""
    said = judged(
        CHAIN
        + """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background has it ignored
os.kill(os.getppid(), signal.SIGINT)
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    print("bye")
"""
    )
    assert "bye" in said.errors
    assert said.of("command", "ok") == ["the command made 3 spans in 1 trace | "]


def test_the_callbacks_of_the_environment_are_heard_beside_the_doctors_own(judged, tmp_path):
    """The doctor adds to the variable, and takes nothing away."""
    tmp_path.joinpath("mine.py").write_text(
        "import callspan\nclass Mine(callspan.Callback):\n    def on_llm_end(self, run): print('heard', run.name)\n"
    )
    said = judged(CHAIN, CALLSPAN_CALLBACKS="mine:Mine", path=(tmp_path,))
    assert "heard ScriptedChatModel" in said.errors
    assert said.of("settings", "problem") == []
