"""The recipes of CONTRIBUTING.md work: each is followed on a copy of the package, and a program shows the result."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RUN = """
import callspan
from langchain_core.runnables import RunnableLambda
from callspan.testing import record
"""

SPAN = {
    "traceId": f"{1:032x}",
    "spanId": f"{1:016x}",
    "name": "chat m",
    "kind": 3,
    "startTimeUnixNano": "1000",
    "endTimeUnixNano": "2000",
}


class Copy:
    """A copy of the package that a contributor changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "src" / "callspan", folder / "callspan", ignore=shutil.ignore_patterns("__pycache__"))

    def insert(self, file: str, *, before: str, line: str) -> None:
        """Write lines before the one that begins so."""
        path = self.folder / "callspan" / file
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, (file, before)
        path.write_text(text.replace(before, line + before), encoding="utf-8")

    def create(self, file: str, text: str) -> None:
        """Write a new file."""
        (self.folder / "callspan" / file).write_text(text, encoding="utf-8")

    def run(self, program: str, *arguments: str) -> str:
        """Run a program on the copy, and return what it prints."""
        command = [sys.executable, "-W", "ignore", *(arguments or ("-c", program))]
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "CALLSPAN_STRICT": "1"}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_an_attribute_is_its_name_and_one_line(copy: Copy) -> None:
    copy.insert("semconv.py", before="RUN_TYPE: Final", line='RUN_SHAPE: Final = "langchain.run.shape"\n')
    copy.insert(
        "langchain/chains.py",
        before='    run_type = run.extra.get("run_type")\n    found[semconv.RUN_TYPE]',
        line='    found[semconv.RUN_SHAPE] = "round"\n',
    )
    program = """
with record() as recording:
    RunnableLambda(str, name="f").invoke(1)
print(recording.spans[0].attributes["langchain.run.shape"])
"""
    assert copy.run(RUN + program) == "round\n"


def test_an_attribute_of_a_tool_a_request_and_a_response_is_one_line_too(copy: Copy) -> None:
    copy.insert("langchain/tools.py", before="    input_content=", line='    end=(("langchain.tool.size", len),),\n')
    copy.insert(
        "langchain/requests.py",
        before='    **_named(semconv.TOP_P, _double, "top_p", "topP"),\n',
        line='    **_named("gen_ai.request.mood", _text, "mood"),\n',
    )
    copy.insert(
        "langchain/responses.py",
        before="        found[semconv.RESPONSE_MODEL] = ",
        line='        found["langchain.answer.choices"] = len(answer.generations)\n',
    )
    program = """
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

answer = AIMessage("Hello", response_metadata={"model_name": "m"})
with record() as recording:
    FakeMessagesListChatModel(responses=[answer]).invoke("hi", mood="glad")
    tool(lambda x: "abc", description="f").invoke({"x": 1})
chat, called = (span.attributes for span in recording.spans)
print(chat["gen_ai.request.mood"], chat["langchain.answer.choices"], called["langchain.tool.size"])
"""
    assert copy.run(RUN + program) == "glad 1 3\n"


def test_a_patched_method_is_one_line(copy: Copy) -> None:
    copy.insert(
        "langchain/patches.py",
        before="    *_EVENTS,\n",
        line='    Patch("langchain_core.output_parsers.string", "StrOutputParser.parse",'
        " call_before(lambda args, kwargs: print('parses', args[1]))),\n",
    )
    program = """
from langchain_core.output_parsers import StrOutputParser
callspan.instrument()
StrOutputParser().parse("hello")
callspan.uninstrument()
StrOutputParser().parse("no more")
"""
    assert copy.run(RUN + program) == "parses hello\n"


def test_a_hook_is_a_row_a_patch_and_a_method(copy: Copy) -> None:
    copy.insert(
        "langchain/events.py", before="FINISH = Event(", line='CHILD = Event("on_child", "langchain.child", ("tag",))\n'
    )
    copy.insert("langchain/patches.py", before="ACTION, FINISH, RETRY", line="CHILD, ")
    copy.insert(
        "langchain/patches.py",
        before="    *_EVENTS,\n",
        line='    Patch(_MANAGER, "ParentRunManager.get_child", call_before(event_hook(CHILD))),\n',
    )
    copy.insert(
        "callback/callback.py",
        before="    def on_custom_event(",
        line='    def on_child(self, run: Run, tag: Any) -> HookResult:\n        """A run makes a manager."""\n\n',
    )
    program = """
class Children(callspan.Callback):
    def on_child(self, run, tag):
        print(run.name, tag)

with record(callbacks=[Children()]) as recording:
    (RunnableLambda(str, name="f") | RunnableLambda(len, name="g")).invoke(1)
print(sorted({event.name for span in recording.spans for event in span.events}))
"""
    printed = copy.run(RUN + program).splitlines()
    assert "RunnableSequence seq:step:1" in printed
    assert printed[-1] == "['langchain.child']"


def test_a_handler_is_a_file_and_its_name(copy: Copy) -> None:
    copy.create(
        "handlers/shout.py",
        "from callspan.callback.callback import Callback\n\n\n"
        "class Shout(Callback):\n    def on_run_end(self, run):\n        print(run.name.upper())\n",
    )
    copy.insert("__init__.py", before='    "Stop": ', line='    "Shout": "handlers.shout",\n')
    program = """
with record(callbacks=[callspan.Shout()]):
    RunnableLambda(str, name="f").invoke(1)
"""
    assert copy.run(RUN + program) == "F\n"


def test_a_flag_is_an_option_and_an_argument(copy: Copy, tmp_path: Path) -> None:
    pytest.importorskip("click", reason="commands need it")
    copy.insert(
        "cli/stats.py", before="@prices_option\n", line='@click.option("--loud", is_flag=True, help="Say so.")\n'
    )
    copy.insert("cli/stats.py", before="    price: Price | None,\n) -> None:\n", line="    loud: bool,\n")
    copy.insert("cli/stats.py", before="    now = _read(files, price)\n", line='    loud and click.echo("LOUD")\n')
    file = tmp_path / "trace.jsonl"
    file.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}) + "\n", encoding="utf-8")
    assert copy.run("", "-m", "callspan.cli", "stats", str(file), "--loud").startswith("LOUD\n")
    assert "--loud" in copy.run("", "-m", "callspan.cli", "stats", "--help")


def test_contributing_has_each_recipe() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for recipe in ("An attribute", "A patched method", "A hook", "A handler", "A flag"):
        assert f"**{recipe}**" in text
