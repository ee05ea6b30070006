"""`callspan stats` as a person meets it: its table, its words on stderr, its exit codes."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest
from tests.local.trace_lines import agent, line, model, tool, write

pytest.importorskip("click", reason="needs the extra cli")
pytest.importorskip("rich", reason="needs the extra cli")

from click.testing import CliRunner

from callspan.cli.commands import commands


@pytest.fixture
def trace(tmp_path):
    """Write a file of agents whose models take so long."""

    def trace(name, seconds=1.0, runs=25, **said):
        return write(
            tmp_path / name,
            *(
                one
                for run in range(1, runs + 1)
                for one in (
                    agent(1, trace=run, took=seconds + 1),
                    model(2, 1, trace=run, took=seconds, tokens=(1000, 100), **said),
                    tool(3, 1, trace=run, failed=run % 10 == 0),
                )
            ),
        )

    return trace


def run(*arguments, **environment):
    """Run the command in this process."""
    return CliRunner().invoke(commands, ["stats", *map(str, arguments)], env=environment or None)


def test_the_table_has_what_was_called_how_often_how_long_and_for_how_much(trace):
    done = run(trace("trace.jsonl", gen_ai__usage__cost=0.01))
    assert done.exit_code == 0
    assert [one.split() for one in done.stdout.splitlines()[1:]] == [
        ["calls", "failed", "p50", "p95", "max", "tokens", "in→out", "cost"],
        ["model", "gpt-5-mini", "25", "0", "1.00s", "1.00s", "1.00s", "25.0k→2.5k", "$0.250"],
        ["tool", "search", "25", "2", "1.00s", "1.00s", "1.00s"],
        ["agent", "helper", "25", "0", "2.00s", "2.00s", "2.00s", "25.0k→2.5k", "$0.250"],
    ]
    assert "25 runs, 75 spans" in done.stdout.splitlines()[0]


def test_few_calls_are_shown_one_by_one(trace):
    done = run(trace("trace.jsonl", runs=3), "--by", "tool")
    assert done.stdout.splitlines()[-1].split() == ["tool", "search", "3", "0", "1.00s", "1.00s", "1.00s"]


def test_what_nobody_prices_is_a_dash_and_a_sum_with_gaps_a_least(trace, tmp_path):
    unknown = run(trace("unknown.jsonl"), "--by", "model")
    partly = run(write(tmp_path / "partly.jsonl", model(1, gen_ai__usage__cost=0.5), model(2)), "--by", "model")
    assert unknown.stdout.splitlines()[-1].endswith("—")
    assert partly.stdout.splitlines()[-1].endswith("≥ $0.500")


def test_a_regression_is_marked_and_is_the_exit_code_where_that_is_asked_for(trace):
    new, old = trace("new.jsonl", 2.0), trace("old.jsonl", 1.0)
    done = run(new, "--against", old)
    assert (done.exit_code, [one.endswith("!") for one in done.stdout.splitlines()[2:]]) == (0, [True, False, True])
    assert "+100%" in done.stdout
    assert run(new, "--against", old, "--fail-on-regression").exit_code == 1
    assert run(new, "--against", old, "--fail-on-regression", "--by", "tool").exit_code == 0
    assert run(old, "--against", new, "--fail-on-regression").exit_code == 0


def test_what_is_new_and_what_is_gone_is_said(tmp_path):
    now = write(tmp_path / "now.jsonl", tool(1, gen_ai__tool__name="added"))
    old = write(tmp_path / "old.jsonl", tool(1, gen_ai__tool__name="removed"))
    rows = [one.split() for one in run(now, "--against", old).stdout.splitlines()[2:]]
    assert rows == [["tool", "added", "1", "0", "1.00s", "new"], ["removed", "gone"]]


def test_rows_can_be_runs(trace):
    assert run(trace("trace.jsonl"), "--by", "run").stdout.splitlines()[-1].split()[:3] == ["run", "helper", "25"]


def test_json_has_the_numbers_as_they_are(trace):
    told = json.loads(run(trace("new.jsonl", 2.0), "--against", trace("old.jsonl", 1.0), "--json").stdout)
    row = next(one for one in told["rows"] if one["kind"] == "llm")
    assert (told["version"], told["runs"], told["spans"], told["against"]["runs"]) == (1, 25, 75, 25)
    assert (row["p95_s"], row["p95_change"], row["slower"], row["dearer"]) == (2.0, 1.0, True, False)
    assert (row["input_tokens"], row["cost_usd"], row["unpriced_calls"]) == (25_000, None, 25)
    assert row["against"]["p95_s"] == 1.0


def test_csv_has_the_numbers_as_they_are(trace):
    rows = list(csv.DictReader(io.StringIO(run(trace("trace.jsonl"), "--csv").stdout)))
    assert [(row["kind"], row["name"], row["calls"], row["p50_s"], row["cost_usd"]) for row in rows] == [
        ("llm", "gpt-5-mini", "25", "1.0", ""),
        ("tool", "search", "25", "1.0", ""),
        ("agent", "helper", "25", "2.0", ""),
    ]


NAMES = [
    '=HYPERLINK("http://example.org","x")',
    "@SUM(1)",
    "+1+1",
    "-1+1",
    "\tx",
    "\r=1",
    "a;=1+1",
    "ok\x1b]0;t\x07",
    "\u202eabc",
]


@pytest.mark.parametrize("compared", [False, True])
def test_csv_makes_a_spreadsheet_compute_nothing_and_a_terminal_obey_nothing(tmp_path, compared):
    made = enumerate(((name, kind) for name in NAMES for kind in (model, tool, agent)), 1)
    file = write(tmp_path / "trace.jsonl", *(kind(own, trace=own, name=name) for own, (name, kind) in made))
    written = run(file, "--csv", *(("--against", file) if compared else ())).stdout
    assert all(32 <= ord(sign) < 127 for sign in written.replace("\n", ""))
    rows = list(csv.DictReader(io.StringIO(written)))
    assert len(rows) >= len(NAMES)
    cells = [cell for row in rows for cell in row.values()]
    assert [cell for cell in cells if cell.startswith(("=", "@", "+", "-"))] == []
    assert not any("a;=1+1" in line.split(",") for line in written.splitlines())  # where semicolons are commas


def test_prices_of_a_file_are_used_and_wrong_ones_are_a_wrong_call(trace, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text('{"gpt-5-mini": {"input": 1000, "output": 0}}')
    file = trace("trace.jsonl")
    assert run(file, "--by", "model", "--prices", prices).stdout.rstrip().endswith("$25.00")
    assert run(file, "--by", "model", CALLSPAN_PRICES=str(prices)).stdout.rstrip().endswith("$25.00")
    prices.write_text("{")
    wrong = run(file, "--prices", prices)
    assert (wrong.exit_code, "it is no JSON" in wrong.stderr) == (2, True)


def test_lines_that_cannot_be_read_are_said_and_the_rest_is_counted(tmp_path):
    file = tmp_path / "trace.jsonl"
    file.write_text(line(tool(1)) + "nonsense\n" * 8)
    done = run(file)
    assert (done.exit_code, done.stderr.count("nonsense"), "trace.jsonl, line 2: no JSON" in done.stderr) == (
        0,
        0,
        True,
    )
    assert "3 more lines could not be read" in done.stderr


@pytest.mark.parametrize("content", [None, b"", b"nonsense\n", b"\xff\xfe\x00" * 50, b'{"resourceSpans": []}\n'])
def test_what_has_no_spans_is_unreadable(tmp_path, content):
    file = tmp_path / "trace.jsonl"
    if content is not None:
        file.write_bytes(content)
    done = run(file)
    assert (done.exit_code, done.stdout, bool(done.stderr)) == (3, "", True)


def test_a_folder_is_unreadable(tmp_path):
    assert run(tmp_path).exit_code == 3


def test_wrong_calls_are_told():
    assert run().exit_code == 2
    assert run("trace.jsonl", "--by", "colour").exit_code == 2
    assert run("trace.jsonl", "--fail-on-regression").exit_code == 2


def test_names_do_not_steer_the_terminal(tmp_path):
    name = "x\x1b[2Jy\r\nz\u202e"
    done = run(write(tmp_path / "trace.jsonl", tool(1, gen_ai__tool__name=name)))
    assert "xU+001B[2Jy zU+202E" in done.stdout
    assert "\x1b" not in done.stdout


def test_names_are_no_markup(tmp_path):
    assert "[red]x[/red]" in run(write(tmp_path / "t.jsonl", tool(1, gen_ai__tool__name="[red]x[/red]"))).stdout


def process(*arguments, **environment):
    """Run the command as a process of its own."""
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    command = [sys.executable, "-m", "callspan.cli", "stats", *map(str, arguments)]
    return subprocess.run(command, env=clean | environment, capture_output=True, check=False, timeout=60)


def test_a_terminal_without_the_signs_gets_others(trace):
    done = process(trace("new.jsonl", 1.5), "--against", trace("old.jsonl", 2.0), PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"25.0k>2.5k" in done.stdout
    assert b"-25%" in done.stdout


def test_colours_are_for_terminals_and_for_those_who_want_them(trace):
    file = trace("trace.jsonl")
    assert b"\x1b" not in process(file).stdout
    assert b"\x1b[" in process(file, FORCE_COLOR="1").stdout
    assert b"\x1b[3" not in process(file, FORCE_COLOR="1", NO_COLOR="1").stdout


@pytest.mark.parametrize("width", [30, 50, 70, 90])
def test_a_narrow_terminal_gets_fewer_columns_and_no_broken_lines(trace, width):
    old = trace("old.jsonl", gen_ai__usage__cost=0.01)
    done = process(
        trace("new.jsonl"), "--against", old, "--by", "model", FORCE_COLOR="1", NO_COLOR="1", COLUMNS=str(width)
    )
    lines = done.stdout.decode().splitlines()[-2:]
    assert all(len(one) <= width + 16 for one in lines), lines  # the columns that never go, and 14 letters of a name
    assert "calls" in lines[0]
    assert width < 90 or "max" in lines[0]
