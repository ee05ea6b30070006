"""The examples run as they stand, say what they say here, and leave these trees."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from runpy import run_path

import pytest
from opentelemetry.trace import StatusCode

import callspan
from callspan.testing import Recording, span_tree

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

SAID = {
    "custom_callback": """\
small was slow when it was asked 'why?'
""",
    "tenants": """\
operator has 12 spans, of acme and globex
acme has 8 spans, of acme
globex has 4 spans, of globex
""",
    "approval": """\
pay has ended: paused
refund waits: refund 250 for 17?
refund goes on
pay has ended: ok
the refund is paid
""",
    "rag_evaluation": """\
How long does a Greenland shark live? A Greenland shark lives for about 390 years.
How long did the ocean quahog live? For 1000 years.
grounded: pass
relevant: 0.43
grounded: fail
relevant: 0.29
""",
    "batch_costs": """\
model gpt-5: 1 calls, 95 tokens, $…
model gpt-5-mini: 3 calls, 176 tokens, $…
customer acme: 2 calls, 176 tokens, $…
customer globex: 2 calls, 95 tokens, $…
all: $…; 1 of 4 failed, 1 not counted
""",
}
"""What each prints; prices change, and are left out."""

ANSWERED = """\
invoke_workflow answer
  chain RunnableAssign<answer>
    chain RunnableParallel<answer>
      chain RunnableSequence
        chain ChatPromptTemplate
        chain StrOutputParser
        chat small
  chain RunnableParallel<question,notes>
    chain RunnablePassthrough
    chain RunnableSequence
      chain joined
      retrieval
        embeddings
"""

TREES = {
    "custom_callback": """\
chat small
chat small app.slow=true
""",
    "approval": """\
invoke_workflow refund ~paused
  node check
  node pay ~paused
invoke_workflow refund
  node pay
""",
    "rag_evaluation": f"""\
embeddings
{ANSWERED}{ANSWERED}""",
    "batch_costs": """\
invoke_workflow summarise
  chat gpt-5
invoke_workflow summarise
  chat gpt-5-mini
invoke_workflow summarise
  chat gpt-5-mini
invoke_workflow summarise !ValueError
  chat gpt-5-mini !ValueError
""",
}
"""The spans of those that leave the tracer provider to whoever runs them."""


AT_ONCE = {"batch_costs", "rag_evaluation"}
"""Those whose calls run at once, so that their order is left to chance."""

NEEDS = {"rag_evaluation": ("numpy",), "service": ("fastapi", "httpx"), "batch_costs": ("genai_prices",)}


def skip_where_it_cannot_run(name: str) -> None:
    """Skip the test where a package that the example needs is missing."""
    for package in NEEDS.get(name, ()):
        pytest.importorskip(package)


def without_prices(text: str) -> str:
    """Leave the amounts out of a text."""
    return re.sub(r"\$\d+\.\d{6}", "$…", text)


@pytest.mark.parametrize("name", SAID)
def test_it_says_this_when_a_user_runs_it(name):
    """As `python examples/...`, with nothing on stderr."""
    skip_where_it_cannot_run(name)
    path = os.pathsep.join((str(ROOT / "src"), os.environ.get("PYTHONPATH", "")))
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    variables = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    warnings = r"^/\S+/lang(chain|graph)\w*/\S+:\d+: \w+: .*\n(  .*\n)?"  # of older versions, when they are imported
    complaints = re.sub(warnings, "", done.stderr, flags=re.MULTILINE)
    assert (without_prices(done.stdout), complaints, done.returncode) == (SAID[name], "", 0)


@pytest.mark.parametrize("name", TREES)
def test_it_leaves_this_tree(name, recording: Recording, capsys):
    """The same spans, whoever set OpenTelemetry up, and the same words."""
    skip_where_it_cannot_run(name)
    run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert recording.tree(attributes=["app.slow"], sort=name in AT_ONCE) == TREES[name]
    assert without_prices(capsys.readouterr().out) == SAID[name]


def test_the_scores_stand_in_the_trace(recording: Recording, capsys):
    """Each answer's root has what the functions found, as the conventions have it."""
    skip_where_it_cannot_run("rag_evaluation")
    run_path(str(EXAMPLES / "rag_evaluation.py"), run_name="__main__")
    roots = [span for span in recording.spans if span.name == "invoke_workflow answer"]
    assert [[dict(event.attributes or {}) for event in root.events] for root in roots] == [
        [
            {
                "gen_ai.evaluation.name": "grounded",
                "gen_ai.evaluation.score.value": value,
                "gen_ai.evaluation.score.label": label,
            },
            {"gen_ai.evaluation.name": "relevant", "gen_ai.evaluation.score.value": relevant},
        ]
        for value, label, relevant in ((1.0, "pass", 0.43), (0.0, "fail", 0.29))
    ]
    assert {event.name for root in roots for event in root.events} == {"gen_ai.evaluation.result"}
    assert "fail" in capsys.readouterr().out


def test_each_tenant_gets_its_own_spans():
    """Each exporter has whole trees, and the operator's has all of them."""
    example = run_path(str(EXAMPLES / "tenants.py"))
    try:
        example["main"]()
    finally:
        callspan.uninstrument()
    one = """\
invoke_workflow answer
  chain tidy
  chat scripted
  chain StrOutputParser
"""
    trees = {name: span_tree(exporter.get_finished_spans()) for name, exporter in example["EXPORTERS"].items()}
    assert trees == {"acme": one * 2, "globex": one, "operator": one * 3}


def test_the_service_streams_and_each_user_has_a_budget(recording: Recording):
    """The first answer is whole, the second ends in its middle, the third is refused; another user's is whole."""
    skip_where_it_cannot_run("service")
    from fastapi.testclient import TestClient

    whole = "You ask for bears. There is much to say of that, and here is all of it."
    with TestClient(run_path(str(EXAMPLES / "service.py"))["app"]) as client:
        answers = [
            client.get("/ask", params={"question": "bears"}, headers={"X-User": user})
            for user in ("ada", "ada", "ada", "bob")
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert answers[0].text == answers[3].text == whole
    assert answers[1].text == (
        f"{whole[:53]}[over budget: 31 of 30 output tokens used; chat small was stopped in its answer]"
    )
    assert answers[2].json() == {"detail": "your budget is spent"}
    assert recording.tree(attributes=["session.id", "user.id"]) == (
        answered("ada") + answered("ada", " !callspan.OverBudget") + answered("bob")
    )


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
async def test_a_reader_who_goes_away_ends_the_run(spec, recording: Recording):
    """Whether the server cancels the answer or cannot send it: no run stays open, and none has failed."""
    skip_where_it_cannot_run("service")
    app = run_path(str(EXAMPLES / "service.py"))["app"]
    gone = asyncio.Event()
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive():
        for message in messages:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message.get("body"):
            gone.set()
            if spec == "2.4":
                raise OSError("the reader has gone")
            await asyncio.sleep(0)

    scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": spec}, "http_version": "1.1", "method": "GET"}
    scope |= {"path": "/ask", "raw_path": b"/ask", "query_string": b"question=bears", "headers": [(b"x-user", b"eve")]}
    scope |= {"scheme": "http", "server": ("test", 80), "client": ("test", 1), "root_path": "", "state": {}}
    with suppress(Exception):
        await app(scope, receive, send)
    gc.collect()
    await asyncio.sleep(0.05)  # the loop closes generators that nobody holds any longer
    assert {span.status.status_code for span in recording.spans} == {StatusCode.UNSET}
    outcomes = {span.name: (span.attributes or {}).get("langchain.run.outcome") for span in recording.spans}
    assert outcomes.pop("chain ChatPromptTemplate") is None
    assert set(outcomes) == {"invoke_workflow ask", "chat small", "chain StrOutputParser"}
    assert set(outcomes.values()) <= {"closed", "cancelled", "abandoned"}


def answered(user: str, stop: str = "") -> str:
    """Give the tree of one answer of the service."""
    who = f"session.id={user}-today user.id={user}"
    return f"""\
invoke_workflow ask{stop} {who}
  chain ChatPromptTemplate {who}
  chat small{stop}{" ~stopped" if stop else ""} {who}
  chain StrOutputParser{stop} {who}
"""


def test_an_example_is_small_and_listed():
    """What a user would copy has less than 120 lines, and its line in README.md and in the list of examples."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for example in EXAMPLES.glob("*.py"):
        assert len(example.read_text(encoding="utf-8").splitlines()) < 120, example
        assert f"(examples/{example.name})" in readme, example
