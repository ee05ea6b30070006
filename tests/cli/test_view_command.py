"""`callspan view`: the page, its text, what is chosen, and what cannot be read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

click_testing = pytest.importorskip("click.testing", reason="needs the extra cli")

from callspan.cli.commands import commands  # noqa: E402 - click is there
from callspan.viewer import page_limit  # noqa: E402
from callspan.viewer.serve import server  # noqa: E402


def span(
    trace: int, number: int, *, parent: int | None = None, failed: bool = False, said: str = "hi"
) -> dict[str, Any]:
    """A span as a file has it; trace and number make its ids and its time."""
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": said}]}])
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{trace:08x}{number:08x}",
        **({} if parent is None else {"parentSpanId": f"{trace:08x}{parent:08x}"}),
        "name": "chat gpt" if parent is not None else f"invoke_workflow run{trace}",
        "startTimeUnixNano": str(trace * 10**9 + number * 10**6),
        "endTimeUnixNano": str(trace * 10**9 + number * 10**6 + 5 * 10**5),
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_workflow" if parent is None else "chat"}},
            {"key": "gen_ai.input.messages", "value": {"stringValue": messages}},
            *([{"key": "error.type", "value": {"stringValue": "ValueError"}}] if failed else []),
        ],
        "status": {"code": 2} if failed else {},
    }


def line(*spans: dict[str, Any]) -> str:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}) + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three runs, the second of which failed."""
    path = tmp_path / "trace.jsonl"
    runs = [line(span(n, 2, parent=1), span(n, 1, failed=n == 2)) for n in (1, 2, 3)]
    path.write_text("".join(runs))
    return path


def view(*arguments: object) -> Any:
    return click_testing.CliRunner().invoke(commands, ["view", *map(str, arguments)])


def data_in(page: Path) -> Any:
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def names(page: Path) -> list[str]:
    return [trace["spans"][0]["name"].split()[-1] for trace in data_in(page)["traces"]]


def test_the_page_is_written_beside_the_file_and_named(file: Path) -> None:
    done = view(file)
    assert (done.exit_code, done.stdout) == (0, f"{file}.html\n")
    assert names(Path(f"{file}.html")) == ["run1", "run2", "run3"]


def test_it_is_written_where_it_is_wanted(file: Path, tmp_path: Path) -> None:
    assert view(file, "-o", tmp_path / "page.html").exit_code == 0
    assert names(tmp_path / "page.html") == ["run1", "run2", "run3"]


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (["--errors"], ["run2"]),
        (["--last", "2"], ["run2", "run3"]),
        (["--trace", f"{3:032x}"], ["run3"]),
        (["--trace", "0" * 31 + "1", "--trace", "0" * 31 + "2"], ["run1", "run2"]),
    ],
)
def test_what_is_shown_can_be_chosen(file: Path, options: list[str], chosen: list[str]) -> None:
    view(file, *options)
    assert names(Path(f"{file}.html")) == chosen


def test_as_text_it_is_the_tree_and_the_sum(file: Path) -> None:
    done = view(file, "--text", "--last", "1")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0].startswith("■ run3")
    assert done.stdout.splitlines()[1].startswith("└─● gpt")
    assert "1 run · 1 model call" in done.stdout


def test_what_cannot_be_read_is_said_with_its_line_and_the_rest_is_shown(file: Path) -> None:
    file.write_text(f"{file.read_text()}{{nothing\n{line(span(4, 1))[:-20]}")
    done = view(file)
    assert done.exit_code == 0
    assert [said.rpartition("trace.jsonl, ")[2].partition(":")[0] for said in done.stderr.splitlines()] == [
        "line 4",
        "line 5",
    ]
    assert len(data_in(Path(f"{file}.html"))["source"]["skipped"]) == 2


@pytest.mark.parametrize("content", ["", "not a trace\n", '{"a": 1}\n'])
def test_a_file_without_spans_is_unreadable(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.txt"
    path.write_text(content)
    done = view(path, "--text")
    assert done.exit_code == 3
    assert "line 1" in done.stderr


def test_a_file_that_is_not_there_is_unreadable(tmp_path: Path) -> None:
    done = view(tmp_path / "nothing.jsonl")
    assert done.exit_code == 3
    assert "nothing.jsonl" in done.stderr


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Eight runs of two spans, each with 6,000 characters; the first one failed."""
    path = tmp_path / "many.jsonl"
    runs = [line(span(n, 2, parent=1, said="x" * 6000), span(n, 1, failed=n == 1)) for n in range(1, 9)]
    path.write_text("".join(runs))
    return path


@pytest.mark.parametrize("limits", [(30_000, 100), (10**9, 9)])
def test_of_more_than_a_page_holds_it_has_the_newest_runs(
    many: Path, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int]
) -> None:
    monkeypatch.setattr(page_limit.PageLimit.__init__, "__defaults__", limits)
    done = view(many)
    data = data_in(Path(f"{many}.html"))
    assert names(Path(f"{many}.html")) == ["run5", "run6", "run7", "run8"]
    assert all("in" in trace["spans"][1] for trace in data["traces"])
    assert data["source"]["dropped"]["spans"] == 8
    assert "4 older runs are left out" in data["source"]["dropped"]["why"]
    assert "4 older runs are left out" in done.stderr


def test_runs_that_are_left_out_are_reported_with_the_text_too(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_limit.PageLimit.__init__, "__defaults__", (10**9, 9))
    assert "4 older runs are left out" in view(many, "--text").stderr


def test_failed_runs_are_kept_where_they_are_asked_for(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_limit.PageLimit.__init__, "__defaults__", (10**9, 9))
    view(many, "--errors")
    assert names(Path(f"{many}.html")) == ["run1"]


def test_the_newest_run_is_shown_however_large_it_is(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_limit.PageLimit.__init__, "__defaults__", (1000, 1))
    view(many)
    assert names(Path(f"{many}.html")) == ["run8"]


@pytest.fixture
def served(file: Path) -> Any:
    """The page of a file, served; gives its address and how often it was made."""
    made: list[int] = []

    def page() -> str:
        made.append(1)
        return f"page {len(made)}"

    with server(page, [file], 0, "key") as listening:
        thread = Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/key", made
        listening.shutdown()
        thread.join()


def test_a_served_page_is_made_anew_only_when_its_file_has_grown(served: Any, file: Path) -> None:
    address, made = served
    assert [urlopen(address).read(), urlopen(address).read()] == [b"page 1", b"page 1"]
    with file.open("a") as more:
        more.write(line(span(9, 1)))
    assert urlopen(address).read() == b"page 2"
    assert len(made) == 2


def test_who_does_not_know_the_address_gets_nothing(served: Any) -> None:
    """Others who work on this machine can ask for it, too."""
    with pytest.raises(HTTPError, match="404"):
        urlopen(served[0].removesuffix("key"))


def test_a_page_is_its_owners_alone_and_never_the_file_itself(file: Path) -> None:
    view(file)
    assert Path(f"{file}.html").stat().st_mode & 0o077 == 0
    before = file.read_text()
    done = view(file, "-o", file)
    assert (done.exit_code, file.read_text()) == (2, before)
    assert "is the trace file itself" in done.stderr


def test_a_page_that_cannot_be_written_is_a_wrong_call(file: Path, tmp_path: Path) -> None:
    done = view(file, "-o", tmp_path / "nowhere" / "page.html")
    assert done.exit_code == 2
    assert "cannot be written: No such file" in done.stderr


def test_what_failed_is_wanted_also_where_the_run_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "killed.jsonl"
    path.write_text(line(span(1, 2, parent=1, failed=True)))
    view(path, "--errors")
    assert len(data_in(Path(f"{path}.html"))["traces"]) == 1


def test_a_page_of_somebody_elses_gets_nothing(served: Any) -> None:
    """A name that points to this machine is not this machine's."""
    address, made = served
    with pytest.raises(HTTPError, match="403"):
        urlopen(Request(address, headers={"Host": "evil.example"}))
    assert made == []


def test_where_no_run_is_wanted_nothing_is_written(file: Path) -> None:
    """A page that is there already is not replaced by an empty one."""
    page = Path(f"{file}.html")
    page.write_text("the page")
    done = view(file, "--trace", "ffff")
    assert (done.exit_code, done.stdout, page.read_text()) == (0, "", "the page")
    assert "no run matches the options" in done.stderr


def test_a_port_that_is_taken_is_said_in_a_line(served: Any, file: Path) -> None:
    done = view(file, "--serve", "--port", served[0].removesuffix("/key").rpartition(":")[2])
    assert done.exit_code == 2
    assert "cannot be had" in done.stderr
