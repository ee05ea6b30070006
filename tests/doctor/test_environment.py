"""What the doctor says of an environment, each one really made."""

from __future__ import annotations

import json
import sys

import pytest
from tests.doctor.conftest import run_doctor
from tests.doctor.fakes import distribution, langchain_instrumentation

for needed in ("click", "rich", "opentelemetry.distro", "opentelemetry.exporter.otlp.json.file"):
    pytest.importorskip(needed, reason="needs the extras cli and otlp")


def test_a_sound_environment_is_well(doctor):
    """Versions, loading, patches, settings, content, others and the exit: each says that it is well."""
    said = doctor()
    assert said.code == 0
    assert {one["level"] for one in said.findings} == {"ok"}
    assert {one["check"] for one in said.findings} == {
        *("installed", "loading", "patches", "settings", "content", "others", "exit")
    }
    assert "langchain-core" in said.of("installed")[0]
    assert said.of("loading") == ["opentelemetry-instrument finds and loads callspan | "]
    assert " patches took" in said.of("patches")[0]


def test_what_is_switched_off_or_wrong_is_a_problem_with_its_fix(doctor):
    """One environment with many faults: each is told once, with what to do."""
    said = doctor(
        OTEL_TRACES_EXPORTER="",
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="urllib, callspan",
        OTEL_TRACES_SAMPLER="always_off",
        OTEL_EXPORTER_OTLP_TIMEOUT="10000",
        OTEL_BSP_MAX_QUEUE_SIZE="100",
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true",
        CALLSPAN_DETIAL="steps",
        CALLSPAN_DETAIL="verbose",
        CALLSPAN_CALLBACKS="nowhere:Budget",
    )
    assert said.code == 1
    disabled, sampler = said.of("loading", "problem")
    assert disabled.startswith("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names 'callspan'")
    assert sampler == "OTEL_TRACES_SAMPLER=always_off: no span is recorded | unset OTEL_TRACES_SAMPLER"
    (nowhere,) = said.of("loading", "note")
    assert nowhere.startswith("OTEL_TRACES_EXPORTER is set to nothing: spans go nowhere")
    wrong = "\n".join(said.of("settings", "problem"))
    assert 'CALLSPAN_DETAIL is "verbose"; use all, steps or calls. Using all.' in wrong
    assert 'CAPTURE_MESSAGE_CONTENT is "true"; use no_content, ' in wrong
    assert "CALLSPAN_CALLBACKS: callbacks='nowhere:Budget' is not allowed" in wrong
    assert "CALLSPAN_DETIAL is no variable of callspan's | did you mean CALLSPAN_DETAIL?" in wrong
    hangs, batch = said.of("exit", "problem")
    assert "OTEL_EXPORTER_OTLP_TIMEOUT=10000 is read as seconds" in hangs
    assert batch.endswith("| set OTEL_BSP_MAX_EXPORT_BATCH_SIZE to at most 100")
    assert said.of("content") == ["content is off: no prompt, answer, argument or result is recorded | "]


def test_a_configurator_that_does_not_exist_leaves_no_provider(doctor):
    """What the loader says of it is told too."""
    said = doctor(OTEL_PYTHON_CONFIGURATOR="nobodys")
    (problem,) = said.of("loading", "problem")
    assert problem.startswith("opentelemetry-instrument sets no tracer provider, so nothing is recorded | unset OTEL_")
    assert "OTEL_PYTHON_CONFIGURATOR" in "".join(said.of("loading", "note"))


def test_a_test_span_arrives_over_http(doctor, http):
    """The span is real: the receiver has it."""
    said = doctor(OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
                  OTEL_EXPORTER_OTLP_ENDPOINT=http.endpoint)  # fmt: skip
    assert http.names == ["callspan doctor"]
    assert said.of("exporter") == [f"a test span was sent by otlp_proto_http to {http.endpoint}/v1/traces | "]
    assert said.code == 0


def test_a_test_span_arrives_over_grpc_by_default(doctor, grpc):
    """Without a word of the exporter OpenTelemetry's distro means OTLP over gRPC, and so does the doctor."""
    said = doctor(OTEL_TRACES_EXPORTER=None, OTEL_EXPORTER_OTLP_ENDPOINT=grpc.endpoint)
    assert grpc.names == ["callspan doctor"]
    assert said.of("exporter", "ok") == [f"a test span was sent by otlp_proto_grpc to {grpc.endpoint} | "]


def test_a_server_that_refuses_is_told_with_its_answer(doctor, http):
    """The error's own words are there, and what they mean."""
    http.status = 401
    said = doctor(OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
                  OTEL_EXPORTER_OTLP_ENDPOINT=http.endpoint)  # fmt: skip
    (refused,) = said.of("exporter", "problem")
    assert "401" in refused
    assert refused.endswith("| give the key in OTEL_EXPORTER_OTLP_HEADERS, such as authorization=Bearer%20KEY")
    assert said.code == 1


def test_nobody_at_the_address_is_a_problem_only_where_one_was_given(doctor):
    """Port 9, discard, has no server; and whoever configured nothing may send nothing."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc", reason="needs the extra otlp")
    given = doctor(OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    (dead,) = given.of("exporter", "problem")
    assert "127.0.0.1:9" in dead
    assert "onnection refused" in dead
    assert dead.endswith("start a Collector or Jaeger at http://127.0.0.1:9, or set OTEL_EXPORTER_OTLP_ENDPOINT to "
                         "where one is")  # fmt: skip


def test_another_langchain_instrumentation_that_is_loaded_is_named_with_its_switch(doctor, tmp_path):
    """It is found by its distribution, and found active by loading everything as opentelemetry-instrument does."""
    langchain_instrumentation(tmp_path)
    distribution(tmp_path, "openinference-instrumentation-openai", "0.1.50")
    said = doctor(path=(tmp_path,))
    assert said.of("others", "problem") == [
        (
            "OpenInference (openinference-instrumentation-langchain 0.1.80) is loaded too: each call has two spans | "
            "set OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=langchain"
        )
    ]
    silenced = doctor(
        path=(tmp_path,),
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="langchain",
        LANGSMITH_OTEL_ENABLED="true",
        LANGSMITH_TRACING="true",
    )
    assert len(silenced.of("others", "note")) == 1
    assert silenced.of("others", "problem") == [
        (
            "LangSmith's OpenTelemetry mode is on: each call has two spans | "
            "unset LANGSMITH_OTEL_ENABLED (or LANGSMITH_TRACING)"
        )
    ]


def test_a_configuration_file_is_tried_as_it_is(doctor, http, tmp_path):
    """The variables do not count then: what the file sets up sends the test span."""
    pytest.importorskip("opentelemetry.configuration", reason="needs the file configuration")
    file = tmp_path / "otel.yaml"
    processor = {"batch": {"exporter": {"otlp_http": {"endpoint": f"{http.endpoint}/v1/traces"}}}}
    file.write_text(json.dumps({"file_format": "1.0", "tracer_provider": {"processors": [processor]}}))
    said = doctor(OTEL_CONFIG_FILE=str(file))
    assert http.names == ["callspan doctor"]
    assert said.of("exporter") == ["a test span was sent by what OTEL_CONFIG_FILE sets up | "]


def test_plain_text_is_for_any_terminal():
    """No colour where there is no terminal, no letter that its encoding lacks, and the counts at the end."""
    done = run_doctor(OTEL_SDK_DISABLED="true", CALLSPAN_DETAIL="größer\x1b[31m", PYTHONIOENCODING="ascii")
    lines = done.stdout.splitlines()
    assert done.returncode == 1, done.stderr
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    assert "problem  OTEL_SDK_DISABLED=true: no span of anybody is recorded" in lines
    assert "         fix: unset OTEL_SDK_DISABLED" in lines
    assert lines[-1] == "2 problems"


def test_a_command_that_is_not_there_is_a_wrong_call():
    """The exit code is that of a wrong call, and nothing was looked at."""
    done = run_doctor("--", "no-such-command-of-anybody")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no command 'no-such-command-of-anybody'" in done.stderr
    assert sys.executable not in done.stderr
