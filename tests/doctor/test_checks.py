"""What cannot be made here for real, each check by itself: other versions, other libraries, other errors."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from callspan.cli.checks import exporting, others, setup
from callspan.cli.checks.command import check_command
from callspan.cli.checks.environment import CommandRun, Environment, Finding
from callspan.viewer.analyze import analyze
from callspan.viewer.otlp import RawSpan

SOUND = {
    "langchain-core": "1.8.3",
    "opentelemetry-api": "1.45.2",
    "opentelemetry-sdk": "1.45.2",
    "opentelemetry-instrumentation": "0.66b2",
    "wrapt": "2.5.2",
}


def ran(*command: str) -> CommandRun:
    """Make a command that did nothing."""
    return CommandRun(command, 0, [])


def of(check, level: str, **case) -> list[Finding]:
    """Give what a check finds, of one level."""
    return [finding for finding in check(Environment(**case)) if finding.level == level]


@pytest.mark.parametrize(
    ("versions", "what", "fix"),
    [
        ({"wrapt": "1.17.3"}, "wrapt 1.17.3 is not supported", "pip install 'wrapt>=2.4,<3'"),
        ({"wrapt": "3.0.0"}, "wrapt 3.0.0 is not supported", "pip install 'wrapt>=2.4,<3'"),
        ({"langgraph": "0.5.4"}, "langgraph 0.5.4 is not supported", "pip install 'langgraph>=0.6'"),
        ({"opentelemetry-instrumentation": "0.61b0"}, "opentelemetry-instrumentation 0.61b0 is not supported",
         "pip install 'opentelemetry-instrumentation>=0.62'"),
    ],
)  # fmt: skip
def test_a_version_that_is_not_supported_is_a_problem(versions, what, fix):
    assert of(setup.check_installed, "problem", installed={**SOUND, **versions}) == [Finding("problem", what, fix)]


def test_without_langchain_there_is_nothing_to_load():
    """The environment is the wrong one, most likely."""
    without = {name: version for name, version in SOUND.items() if name != "langchain-core"}
    (found,) = of(setup.check_installed, "problem", installed=without)
    assert "langchain-core is not installed" in found.what


def test_patches_that_did_not_take_are_named():
    """One that another library undid, a module of which nothing is known any more, one that cannot be imported."""
    states = {"a.b:C.d": "unpatched", "e:F.g": "absent", "e:F.h": "absent", "i:_set_config_context": "absent",
              "j:K.l": "patched", "j:K.m": "absent", "n:O.p": "waiting"}  # fmt: skip
    found = list(setup.check_patches(Environment(loading={"patches": states, "broken": {"q": "TypeError: no"}})))
    assert [(one.level, one.what) for one in found] == [
        ("problem", "q cannot be imported: TypeError: no"),
        ("problem", "1 callables could not be patched: a.b:C.d"),
        ("problem", "nothing that callspan knows is left in e: calls there are not traced"),
        ("ok", "1 patches took; 4 more are of other versions; 1 are of packages that are not installed"),
    ]


def test_without_a_provider_nothing_is_recorded():
    """It is the provider that counts: a vendor's distro sets one too."""
    proxy = {"loaded": True, "provider": "opentelemetry.trace.ProxyTracerProvider"}
    names = {"callspan": ("callspan",)}
    (found,) = of(setup.check_loading, "problem", loading=proxy, instrumentors=names)
    assert found.what.endswith("there is no distro")
    given = {**proxy, "provider": "opentelemetry.sdk.trace.TracerProvider"}
    assert of(setup.check_loading, "problem", loading=given, instrumentors=names) == []


def test_instrumentations_of_clients_are_told_by_whether_they_leave_calls_to_us():
    """Those that agree on a key are well; those that look for nobody double models' spans, if they are loaded."""
    names = ("opentelemetry-instrumentation-genai-openai", "opentelemetry-instrumentation-anthropic",
             "openinference-instrumentation-openai", "opentelemetry-instrumentation-openai-v2")  # fmt: skip
    environment = Environment(
        installed=dict.fromkeys(names, "1.0"),
        instrumentors={name: (name.rpartition("-")[2],) for name in names},
        loading={"active": ["openinference.instrumentation.openai.OpenAIInstrumentor"]},
    )
    found = list(others.check_others(environment))
    assert [(one.level, one.what.partition(" writes")[0]) for one in found] == [
        ("problem", "openinference-instrumentation-openai"),
        ("note", "opentelemetry-instrumentation-openai-v2"),
        ("ok", ("instrumentations that leave LangChain's calls to callspan: opentelemetry-instrumentation-anthropic, "
               "opentelemetry-instrumentation-genai-openai")),
    ]  # fmt: skip


def test_what_is_unknown_and_calls_itself_langchain_is_told_too():
    """By its own name for `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`."""
    environment = Environment(
        installed={"acme": "1"},
        instrumentors={"acme": ("acme-langchain",), "callspan": ("callspan",)},
        loading={"active": ["acme.LangChainInstrumentor", "callspan.instrumentor.CallspanInstrumentor"]},
    )
    (found,) = others.check_others(environment)
    assert found.what == "acme.LangChainInstrumentor is loaded too: each call has two spans"
    assert found.fix == "set OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=acme-langchain"


def test_content_says_where_it_goes_and_what_stands_in_its_way():
    """Over gRPC a batch may be too large, and events need an exporter."""
    probe = {"content": "span_and_event", "content_limit": 65536, "redact": "none"}
    notes = of(setup.check_content, "note", loading=probe)
    assert "recorded on spans and in log events, at most 65536 bytes each; redacted: none" in notes[0].what
    assert [note.what.split(":")[0] for note in notes[1:]] == ["CALLSPAN_REDACT=none", "content goes over gRPC"]
    (nowhere,) = of(setup.check_content, "problem", loading=probe, variables={"OTEL_LOGS_EXPORTER": "none"})
    assert nowhere.what.endswith("the events go nowhere")


@pytest.mark.parametrize(
    ("said", "variables", "fix"),
    [
        ("StatusCode.UNIMPLEMENTED", {}, "correct the path"),
        ("StatusCode.UNAUTHENTICATED: no key", {}, "give the key"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", {}, "write http:// or https://"),
        ("DNS resolution failed for nowhere", {}, "correct the host"),
        ("StatusCode.UNAVAILABLE", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "port 4318 is that of HTTP"),
        ("Connection reset", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317",
                              "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "port 4317 is that of gRPC"),
        ("connection refused", {}, "start a Collector or Jaeger at http://localhost:4317"),
    ],
)  # fmt: skip
def test_an_error_of_sending_has_its_fix(said, variables, fix):
    sent = {"exporters": [{"name": "otlp_proto_grpc", "installed": True, "sent": False, "logged": [said]}]}
    (found,) = exporting.check_exporter(Environment(sending=sent, variables=variables))
    assert found.level == ("problem" if variables else "note")
    assert found.fix.startswith(fix)


def test_of_many_tries_the_last_cause_is_told():
    """An exporter says each try, and at last perhaps only that it gave up."""
    tried = "Transient error down encountered while exporting spans batch, retrying in 0.94s."
    assert exporting.last_cause(
        [tried, tried, "Failed to export spans batch due to timeout, max retries or shutdown."]
    ) == ("down")
    assert exporting.last_cause([]) == "it gave up and does not say why"


def test_an_exporter_that_is_missing_says_how_to_get_it():
    sent = {"exporters": [{"name": "otlp_proto_http", "installed": False, "sent": False, "logged": []}]}
    (found,) = exporting.check_exporter(Environment(sending=sent))
    assert (found.what, found.fix) == ("the exporter otlp_proto_http is not installed", "pip install 'callspan[otlp]'")


def test_workers_that_leave_without_a_word_are_noted():
    """By the command's words; without a command, by what is installed."""
    assert of(exporting.check_exit, "note", ran=ran("celery", "worker"))[0].what.startswith("celery: what its workers")
    assert of(exporting.check_exit, "note", installed={"uwsgi": "2"})[0].fix.startswith(
        "start uWSGI with --enable-threads"
    )
    assert of(exporting.check_exit, "note", ran=ran("/bin/gunicorn")) == []


def test_a_call_that_somebody_else_tells_too_has_two_spans():
    """In ours, around ours or at once with it; a span of another call, or of another kind, is none."""

    def span(number: int, parent: int, scope: str, operation: str, start: int = 0, end: int = 10) -> RawSpan:
        above = f"{parent:016x}" if parent else None
        said = {"gen_ai.operation.name": operation, "gen_ai.usage.input_tokens": 1}
        return RawSpan("0" * 31 + "1", f"{number:016x}", above, operation, start * 1000, end * 1000, said, scope=scope)

    def others(*spans: RawSpan) -> list[str]:
        whole = CommandRun(("app",), 0, analyze(spans))
        return [one.what for one in check_command(Environment(ran=whole)) if one.level == "problem"]

    root = span(1, 0, "callspan", "invoke_agent", 0, 90)
    ours = span(2, 1, "callspan", "chat")
    assert others(root, ours, span(3, 2, "acme", "chat")) == ["1 call has two spans: one is of acme"]
    assert others(root, ours, span(3, 1, "acme", "chat", 5, 9)) == ["1 call has two spans: one is of acme"]
    assert others(root, span(2, 3, "callspan", "chat"), span(3, 1, "", "chat")) == [
        "1 call has two spans: one is of a tracer without a name"
    ]
    assert others(root, ours, span(3, 1, "acme", "chat", 20, 30)) == []
    assert others(root, ours, span(3, 1, "acme", "invoke_agent"), span(4, 2, "http", "POST")) == []
    assert others(span(1, 0, "acme", "invoke_agent"), span(2, 1, "callspan", "chat")) == []


def test_every_check_is_explained():
    """The page has a row for each, in the order in which they are told."""
    checks = pytest.importorskip("callspan.cli.doctor", reason="needs the extra cli", exc_type=ImportError).CHECKS
    page = (Path(__file__).parents[2] / "docs/doctor.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert rows == list(checks)


def test_colours_are_for_terminals_that_want_them(monkeypatch):
    """Neither `NO_COLOR` nor a terminal that is none gets any."""
    doctor = pytest.importorskip("callspan.cli.doctor", reason="needs the extra cli", exc_type=ImportError)
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    found = [("exit", Finding("note", "a\nb", "c"))]
    plain = "note     a b\n         fix: c\n\n1 note"
    assert doctor._as_text(found) == plain
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert doctor._as_text(found) == plain.replace("note     ", "\x1b[33mnote     \x1b[0m")
    monkeypatch.setenv("NO_COLOR", "1")
    assert doctor._as_text(found) == plain
    assert doctor._as_text([]) == "\nall is well"


@pytest.mark.parametrize(
    ("variables", "is_on"),
    [
        ({"LANGSMITH_OTEL_ONLY": "true"}, True),
        ({"LANGCHAIN_OTEL_ENABLED": "true"}, True),
        ({"LANGSMITH_TRACING_MODE": "hybrid"}, True),
        ({"LANGSMITH_TRACING_MODE": "langsmith", "LANGSMITH_OTEL_ENABLED": "true"}, False),
        ({}, False),
    ],
)
def test_langsmiths_mode_is_found_by_all_its_variables(variables, is_on):
    environment = Environment(variables={"LANGSMITH_TRACING": "true", **variables})
    found = [one.what for one in others.of_langsmith(environment)]
    assert bool(found) is is_on
