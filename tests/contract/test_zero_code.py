"""`opentelemetry-instrument python app.py`, on programs without a line of tracing code, each in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from callspan.testing import CallTools, OpenAIServer, Say, ToolCall, span_tree

CHAIN = """
    from langchain_core.runnables import RunnableLambda

    def double(x):
        return 2 * x

    def add(x):
        return x + 1

    print(RunnableLambda(double).with_config(run_name="double").pipe(add, name="both").invoke(3))
"""

TREE = "invoke_workflow both\n  chain double\n  chain add\n"


def test_an_unchanged_chain_is_one_tree(run):
    """The program prints what it always printed, and its runs are spans."""
    code, output, spans, complaints = run(CHAIN)
    assert (code, output, complaints) == (0, "7\n", "")
    assert span_tree(spans) == TREE


def test_the_clients_own_http_spans_stand_under_the_calls_that_made_them(run):
    """An agent on the real OpenAI client: chat, tool and embeddings have their requests below them."""
    if not hasattr(pytest.importorskip("langchain.agents"), "create_agent"):
        pytest.skip("create_agent needs langchain 1.x")
    script = [CallTools(ToolCall("look_up", {"topic": "sharks"})), Say("They live long.")]
    with OpenAIServer(script) as server:
        code, output, spans, complaints = run(
            """
            import asyncio
            from langchain.agents import create_agent
            from langchain_openai import ChatOpenAI, OpenAIEmbeddings

            def look_up(topic: str) -> str:
                '''Look a topic up.'''
                return str(len(OpenAIEmbeddings(check_embedding_ctx_length=False).embed_query(topic)) > 0)

            async def main():
                agent = create_agent(ChatOpenAI(model="gpt-5-mini", stream_usage=True), [look_up], name="helper")
                async for chunk, _ in agent.astream({"messages": "How long?"}, stream_mode="messages"):
                    print(chunk.text if isinstance(chunk.text, str) else chunk.text(), end="")

            asyncio.run(main())
            """,
            OPENAI_BASE_URL=server.base_url,
            OPENAI_API_KEY="scripted",
        )
    assert code == 0, complaints
    assert output.endswith("They live long.")
    assert span_tree(spans) == (
        "invoke_agent helper\n"
        "  node model\n"
        "    chat gpt-5-mini\n"
        "      POST\n"
        "  node tools\n"
        "    execute_tool look_up\n"
        "      embeddings text-embedding-ada-002\n"
        "        POST\n"
        "  node model\n"
        "    chat gpt-5-mini\n"
        "      POST\n"
    )


def test_langchain_is_not_imported_before_the_program_does(run):
    """Zero code costs nothing where LangChain is not used."""
    code, output, spans, _ = run(
        """
        import sys
        print(sorted({name.partition(".")[0] for name in sys.modules} & {"langchain_core", "langchain", "langgraph",
                                                                         "langchain_classic"}))
        """
    )
    assert (code, output, spans) == (0, "[]\n", [])


@pytest.mark.parametrize(
    "variables", [{"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "callspan"}, {"OTEL_SDK_DISABLED": "true"}]
)
def test_opentelemetrys_switches_are_honoured(run, variables):
    """Switched off by name, or with the whole SDK, the program runs as ever and makes no span."""
    code, output, spans, _ = run(CHAIN, **variables)
    assert (code, output, spans) == (0, "7\n", [])


def test_a_wrong_variable_is_said_once_and_the_program_runs(run):
    """The message names the variable, the value and what is allowed."""
    code, _, spans, complaints = run(CHAIN, CALLSPAN_DETAIL="verbose")
    assert code == 0
    assert span_tree(spans) == TREE
    said = 'callspan: CALLSPAN_DETAIL is "verbose"; use all, steps or calls. Using all.'
    assert complaints.count(said) == 1


def test_ctrl_c_ends_every_open_run_and_its_spans_are_exported(run):
    """An interrupt reaches the program as ever; what it cut short says so."""
    code, _, spans, complaints = run(
        """
        import os, signal
        from langchain_core.runnables import RunnableLambda

        signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background has it ignored

        def work(x):
            os.kill(os.getpid(), signal.SIGINT)
            import time
            time.sleep(60)

        RunnableLambda(work).pipe(lambda x: x, name="job").invoke(1)
        """
    )
    assert code != 0
    assert "KeyboardInterrupt" in complaints
    assert span_tree(spans) == "invoke_workflow job ~cancelled\n  chain work ~cancelled\n"


def test_a_stream_that_is_still_open_at_exit_is_exported(run):
    """What the program never closed is ended as it exits, before the exporter is."""
    code, _, spans, complaints = run(
        """
        from langchain_core.language_models.fake_chat_models import FakeListChatModel

        stream = FakeListChatModel(responses=["hello"]).stream("hi")
        next(stream)
        """
    )
    assert (code, complaints) == (0, "")
    assert span_tree(spans) in ("chat ~abandoned\n", "chat ~closed\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_child_leaves_the_parents_runs_to_the_parent(run):
    """The run that was open at the fork is exported once; what the child runs hangs under it."""
    code, _, spans, complaints = run(
        """
        import os
        from langchain_core.runnables import RunnableLambda
        from opentelemetry import trace

        inner = RunnableLambda(lambda x: x).with_config(run_name="inner")

        def work(x):
            child = os.fork()
            if child == 0:
                inner.invoke(1)
                trace.get_tracer_provider().force_flush()
                os._exit(0)
            os.waitpid(child, 0)

        RunnableLambda(work).invoke(1)
        """
    )
    assert code == 0, complaints
    assert span_tree(spans) == "invoke_workflow work\n  chain inner\n"


def test_spawned_processes_are_traced_too(run):
    """A spawned worker is a program of its own under `opentelemetry-instrument`."""
    code, output, spans, complaints = run(
        """
        import multiprocessing
        from opentelemetry import trace
        from langchain_core.runnables import RunnableLambda

        def job(x):
            RunnableLambda(lambda y: y).with_config(run_name="job").invoke(x)
            trace.get_tracer_provider().force_flush()

        if __name__ == "__main__":
            process = multiprocessing.get_context("spawn").Process(target=job, args=(1,))
            process.start()
            process.join()
            print(process.exitcode)
        """
    )
    assert (code, output) == (0, "0\n"), complaints
    assert span_tree(spans) == "invoke_workflow job\n"


def test_two_langchain_instrumentations_are_named_in_one_warning(run):
    """Whoever wraps LangChain's callback managers beside us is named, once, at the first run."""
    code, _, spans, complaints = run(
        """
    from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

    class LangchainInstrumentor(BaseInstrumentor):
        def instrumentation_dependencies(self):
            return ()

        def _instrument(self, **kwargs):
            pass

        def _uninstrument(self, **kwargs):
            pass

    LangchainInstrumentor().instrument()
    """
        + CHAIN
    )
    assert code == 0
    assert span_tree(spans) == TREE
    assert complaints.count("another LangChain instrumentation is active (__main__)") == 1


def test_import_callspan_imports_neither_wrapt_nor_the_sdk_nor_langchain():
    """The package costs nothing until it is used."""
    names = ("wrapt", "opentelemetry", "langchain_core", "langgraph")
    program = f"import sys, callspan; print([name for name in {names!r} if name in sys.modules])"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    env["PYTHONPATH"] = str(Path(__file__).parents[2] / "src")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "[]\n"
