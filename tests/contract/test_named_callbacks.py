"""Callbacks that the environment or OpenTelemetry's configuration file names, in programs that know nothing of them."""

from __future__ import annotations

import textwrap

import pytest

from callspan.testing import span_tree

PROGRAM = """
    from langchain_core.runnables import RunnableLambda

    print(RunnableLambda(lambda x: 2 * x, name="double").invoke(3))
"""
TREE = "invoke_workflow double\n"

LISTENER = """
import callspan

class Shout(callspan.Callback):
    def on_run_start(self, run):
        print("start", run.name)

    def on_run_end(self, run):
        print("end", run.outcome)
        run.set_attribute("shouted", True)
"""
HEARD = "start double\nend ok\n6\n"
UNHEARD = "6\n"

ALLOWED = "module:Class, several separated by commas; each a class of span processors that is made without arguments"

CONFIGURATION = """
file_format: "1.0"
tracer_provider:
  processors:
    - simple:
        exporter:
          otlp_json_file: {}
instrumentation/development:
  python:
    callspan:
      callbacks: ["%s"]
"""


@pytest.fixture
def listening(run, tmp_path, monkeypatch):
    """Run the program with the module `listener` beside it."""
    (tmp_path / "listener.py").write_text(LISTENER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    return lambda **environment: run(PROGRAM, **environment)


@pytest.fixture
def configured(listening, tmp_path):
    """Run the program with a configuration file that names a callback."""
    pytest.importorskip("opentelemetry.configuration", reason="needs opentelemetry-sdk[file-configuration]")

    def configured(name: str, **options: str):
        lines = "".join(f"      {option}: {value}\n" for option, value in options.items())
        (tmp_path / "otel.yaml").write_text(textwrap.dedent(CONFIGURATION % name) + lines)
        return listening(OTEL_CONFIG_FILE=str(tmp_path / "otel.yaml"))

    return configured


def test_the_environment_names_a_callback(listening):
    """It hears the whole process, and its span can be written."""
    code, output, spans, complaints = listening(CALLSPAN_CALLBACKS="listener:Shout")
    assert (code, output, complaints) == (0, HEARD, "")
    assert span_tree(spans) == TREE
    assert [span.attributes["shouted"] for span in spans] == [True]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("listener:Nobody", "AttributeError: module 'listener' has no attribute 'Nobody'"),
        ("nowhere:Shout", "ModuleNotFoundError: No module named 'nowhere'"),
        ("listener", "ValueError: it has no `:` between module and class"),
    ],
)
def test_a_wrong_name_is_said_once_and_the_program_runs(listening, name, why):
    """The message names the variable, the value and what is allowed; the others that are named are heard."""
    code, output, spans, complaints = listening(CALLSPAN_CALLBACKS=f"{name}, listener:Shout")
    assert (code, output) == (0, HEARD)
    assert span_tree(spans) == TREE
    said = f"CALLSPAN_CALLBACKS: callbacks={name!r} is not allowed ({why}): {ALLOWED}; it is left out"
    assert complaints.strip() == said


def test_a_name_of_no_span_processor_is_said_too(listening):
    """A class that is found is not enough."""
    code, output, spans, complaints = listening(CALLSPAN_CALLBACKS="builtins:dict")
    assert (code, output, span_tree(spans)) == (0, UNHEARD, TREE)
    assert "CALLSPAN_CALLBACKS: callbacks='builtins:dict' is not allowed, it is no span processor" in complaints


def test_the_configuration_file_names_a_callback(configured):
    """It is an option of `callspan` under `instrumentation/development`."""
    code, output, spans, _ = configured("listener:Shout")
    assert (code, output, span_tree(spans)) == (0, HEARD, TREE)


def test_what_is_wrong_in_the_file_is_said_once_and_the_rest_of_it_counts(configured):
    """A callback that cannot be had is left out, a setting that is not allowed has its default."""
    code, output, spans, complaints = configured("listener:Nobody, listener:Shout", detail="most", content="span_only")
    assert (code, output, span_tree(spans)) == (0, HEARD, TREE)
    why = "AttributeError: module 'listener' has no attribute 'Nobody'"
    assert [line for line in complaints.splitlines() if "OTEL_CONFIG_FILE:" in line] == [
        'callspan: OTEL_CONFIG_FILE: detail is "most"; use all, steps or calls. Using all.',
        f"OTEL_CONFIG_FILE: callbacks='listener:Nobody' is not allowed ({why}): {ALLOWED}; it is left out",
    ]
    assert "gen_ai.input.messages" in spans[0].attributes
