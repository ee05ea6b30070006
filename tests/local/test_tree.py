"""The terminal's lines: one span each, in columns that hold, whatever was said."""

# ruff: noqa: RUF001 - the signs are those that are shown
from __future__ import annotations

import io
from dataclasses import replace

import pytest
from tests.local.spans import chat, refund, span, trace_of

from callspan.viewer.formats import one_line
from callspan.viewer.rows import plain_line, plain_root, sums_of
from callspan.viewer.summary import Summary, names_to, path_text, place_in, summary_lines
from callspan.viewer.terminal import ASCII, UNICODE, Look, cells, look_of
from callspan.viewer.tree import live_lines, tree_lines

WIDE = Look(width=104)


DESIGN = """
◆ refund_agent ✗                                                 Σ 824→48    $0.0004            9.84s
├─○ model                                                        Σ 412→24    $0.0002            1.50s
│ └─● gpt-5-mini → lookup_order                                    412→24    $0.0002    480ms ▸ 1.45s
├─○ tools                                                                                       340ms
│ └─ƒ lookup_order A-1042                                                                       320ms
├─○ model                                                        Σ 412→24    $0.0002            1.71s
│ └─● gpt-5-mini I am sorry about the zip! Your order              412→24    $0.0002            1.66s
└─○ tools ✗                                                                                     6.20s
  ├─ƒ issue_refund ✗ TimeoutError: slow                                                         2.03s
  ├─ƒ issue_refund try 2 ✗ TimeoutError: slow                                                   2.03s
  └─ƒ issue_refund try 3 ✗ PaymentGatewayError: card_not…                                       590ms
"""


def test_a_failed_agent_reads_as_in_the_design():
    assert "\n".join(["", *tree_lines(refund(), WIDE), ""]) == DESIGN


@pytest.mark.parametrize(("width", "has", "lacks"), [(90, "$0.0002", "\0"), (89, "A-1", "$"), (49, "1.45s", "A-1")])
def test_a_narrow_place_loses_numbers_then_words_but_never_structure(width, has, lacks):
    lines = tree_lines(refund(), Look(width=width))
    assert len(lines) == 11
    assert has in "\n".join(lines)
    assert lacks not in "\n".join(lines)
    assert lines[2].startswith("│ └─● gpt-5-mini")


@pytest.mark.parametrize("width", [20, 37, 49, 50, 89, 90, 200])
@pytest.mark.parametrize("signs", [UNICODE, ASCII])
def test_no_line_is_wider_than_the_place(width, signs):
    wide = trace_of(*(span(n, "node " + "語" * 60, n, 900 - n, n - 1 if n > 1 else None) for n in range(1, 60)))
    for trace in (refund(), wide):
        for line in tree_lines(trace, Look(width=width, signs=signs)):
            assert cells(line) < width, line


def test_ascii_is_ascii():
    assert "\n".join(tree_lines(refund(), Look(width=120, signs=ASCII))).isascii()


def test_what_was_said_cannot_move_the_cursor_or_turn_the_line_around():
    hostile = "\x1b[2J\x1b[1;1Hgone\r\n\u202eevil\u2066\x9b31m\x07 \u2028 \ud800 \u200b"
    trace = trace_of(
        span(
            1, f"execute_tool {hostile}", 0, 5, gen_ai__tool__call__arguments=hostile, langchain__run__outcome=hostile
        ),
        span(2, "chain x", 1, 2, 1, error=f"E{hostile}: {hostile}"),
        span(3, f"chain {hostile}", 6, 7, error=f"E{hostile}: {hostile}"),
    )
    summary = Summary()
    summary.add(trace, WIDE)
    plain = [plain_line(one, [], WIDE) for one in trace.spans]
    for line in (*tree_lines(trace, WIDE), *summary_lines(summary, WIDE)[1:3], *plain):
        assert line.isprintable(), ascii(line)
        assert "U+001B" in line
    assert one_line("a\u202eb") == "aU+202Eb"


def test_parallel_spans_have_double_guides():
    trace = trace_of(
        span(1, "invoke_workflow g", 0, 100),
        span(2, "node a", 0, 50, 1),
        chat(3, 5, 40, 2),
        span(4, "node b", 1, 60, 1),
        span(5, "node c", 70, 90, 1),
    )
    starts = [line.split("  ")[0].rstrip() for line in tree_lines(trace, Look(width=60))]
    assert starts == ["■ g", "╠═○ a", "║ └─● gpt-5-mini", "╠═○ b", "└─○ c"]


def test_parallel_spans_that_are_still_running_have_them_too():
    trace = trace_of(
        span(1, "invoke_workflow g", 0, None),
        span(2, "node a", 0, 20, 1),
        span(3, "node b", 50, None, 1),
        span(4, "node c", 60, None, 1),
    )
    lines = live_lines(trace, Look(width=60), 400_000, 10)
    assert [line.split("  ")[0].rstrip() for line in lines] == ["■ g", "├─○ a", "╠═○ b", "╚═○ c"]


def test_a_request_shows_only_if_it_failed():
    get = {"http__request__method": "POST"}
    trace = trace_of(
        chat(1, 0, 100, None), span(2, "POST", 1, 20, 1, error="503: busy", **get), span(3, "POST", 30, 90, 1, **get)
    )
    assert [line.split("  ")[0] for line in tree_lines(trace, WIDE)] == ["● gpt-5-mini", "└─→ POST ✗ 503: busy"]


def test_an_unknown_price_is_a_dash_and_a_sum_with_gaps_says_so():
    trace = trace_of(span(1, "invoke_agent a", 0, 9), chat(2, 0, 1, 1), chat(3, 2, 3, 1, gen_ai__usage__cost=None))
    lines = tree_lines(trace, WIDE)
    assert "≥ $0.0002" in lines[0]
    assert "—" in lines[2]


def test_a_pause_is_said_with_what_it_waits_for():
    said = {"langchain__run__outcome": "paused", "langgraph__interrupt__value": '{"question": "Refund 40 €?"}'}
    (line,) = tree_lines(trace_of(span(1, "node ask", 0, 9, **said)), WIDE)
    assert line.startswith("○ ask paused: Refund 40 €?")
    assert "paused" in tree_lines(trace_of(span(1, "node ask", 0, 9, **said)), replace(WIDE, colour=True))[0]


def test_what_did_not_end_is_said():
    (root, _) = tree_lines(trace_of(chat(2, 0, 1, 1)), WIDE)
    assert root.startswith("• did not end")


def test_colours_are_of_the_16_and_end_with_the_text():
    text = "\n".join(tree_lines(refund(), replace(WIDE, colour=True)))
    assert "\x1b[1;31missue_refund\x1b[0m" in text
    assert "38;5" not in text
    assert "38;2" not in text


def test_a_long_tree_keeps_what_failed_and_what_was_slow():
    spans = [span(1, "invoke_workflow g", 0, 100_000)]
    spans += [span(n, f"node n{n}", n, n + n % 7 + 1, 1) for n in range(2, 1000)]
    spans += [span(2000, "node slow", 500, 90_000, 1), span(2001, "node bad", 510, 511, 2000, error="E: x")]
    lines = tree_lines(trace_of(*spans), WIDE, most=50)
    assert len(lines) == 50
    assert lines[-1] == "… 952 more spans"
    assert any("bad ✗ E: x" in line for line in lines)
    assert any("slow" in line for line in lines)


@pytest.mark.parametrize("most", [4, 5, 8, 20])
def test_a_running_tree_folds_what_has_ended_first_and_keeps_what_runs(most):
    spans = [span(1, "invoke_workflow g", 0, None)]
    for n in range(2, 12):
        spans += [span(n, f"node n{n}", n * 10, n * 10 + 9, 1), chat(100 + n, n * 10, n * 10 + 8, n)]
    spans += [span(50, "node last", 500, None, 1), chat(150, 510, None, 50)]
    lines = live_lines(trace_of(*spans), WIDE, 700_000, most)
    assert len(lines) <= most
    assert lines[0].startswith("■ g")
    assert "gpt-5-mini" in lines[-1]
    assert lines[-1].rstrip()[-1] in UNICODE.spinner
    if most == 20:
        assert "n2 ✓ 1 span" in "\n".join(lines)


def test_plain_lines_say_the_path_and_root_says_what_failed_it():
    trace, look = refund(), look_of(io.StringIO(), plain=True, environ={})
    lines = [plain_line(one, names_to(trace, one, look)[:-1], look) for one in trace.spans]
    assert lines[2].endswith(" refund_agent > model > gpt-5-mini  1.45s  first 480ms  412>24  $0.0002")
    assert lines[8].endswith(" refund_agent > tools > issue_refund  2.03s  ERROR TimeoutError: slow")
    root = plain_root(trace, trace.spans[0], look, sums_of(trace)[0])
    failed = "FAILED app.gateway.PaymentGatewayError: card_not_refundable: closed (issue_refund, try 3)"
    assert root.endswith(f" refund_agent  9.84s  {failed}")


def test_the_summary_says_where_it_began_and_what_was_slow():
    summary = Summary()
    summary.add(refund(), WIDE)
    assert summary_lines(summary, WIDE) == [
        "1 run (1 failed) · 2 model calls · 4 tools (3 failed) · 824→48 tokens · $0.0004 · 9.84s",
        "✗ PaymentGatewayError  card_not_refundable: closed",
        "  refund_agent › tools › issue_refund (try 3)   client.py:118",
        "slowest path  refund_agent › tools › issue_refund  2.03s of 9.84s",
    ]


@pytest.mark.parametrize(
    ("room", "path"),
    [
        (40, "agent › model › search › Wiki"),
        (28, "agent › model › … › Wiki"),
        (20, "agent › … › Wiki"),
        (15, "age… › … › Wiki"),
        (10, "Wiki"),
        (3, "Wi…"),
    ],
)
def test_a_path_that_is_too_long_keeps_its_last_name_and_loses_its_middle(room, path):
    look = Look(width=80, signs=UNICODE)
    assert path_text(["agent", "model", "search", "Wiki"], room, look) == path


def test_the_place_is_the_programs_own_if_a_frame_is():
    frames = '  File "/p/app.py", line 4, in f\n  File "/v/site-packages/x/y.py", line 9, in g\n'
    assert place_in(frames) == "/p/app.py:4"
    assert place_in("") == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environ", "stream", "colour", "moving", "width"),
    [
        ({}, Terminal(), True, True, 80),
        ({"NO_COLOR": "1"}, Terminal(), False, True, 80),
        ({"TERM": "dumb"}, Terminal(), False, False, 80),
        ({"COLUMNS": "57"}, Terminal(), True, True, 57),
        ({}, io.StringIO(), False, False, 100),
        ({"FORCE_COLOR": "1"}, io.StringIO(), True, False, 100),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, io.StringIO(), False, False, 100),
        ({"COLUMNS": "nonsense"}, io.StringIO(), False, False, 100),
        ({}, None, False, False, 100),
    ],
)
def test_the_environment_is_obeyed(environ, stream, colour, moving, width, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    look = look_of(stream, environ=environ)
    assert (look.colour, look.moving, look.width) == (colour, moving, width)


_ENCODINGS = [("utf-8", UNICODE), ("ascii", ASCII), ("cp1252", ASCII), ("UTF8", UNICODE)]


@pytest.mark.parametrize(("encoding", "signs"), _ENCODINGS)
def test_signs_are_those_that_the_encoding_has(encoding, signs):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    look = look_of(stream, environ={})
    assert look.signs is signs
    for line in tree_lines(trace_of(span(1, "node 語", 0, 1)), look):
        stream.write(line)
