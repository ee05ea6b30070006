"""Spans in their places: every span exactly once, parents before children, children by their start."""

from itertools import pairwise

from tests.local.spans_in_files import ORIGIN, by_name, id_of, model, span, trace_of, tree

from callspan.viewer.analyze import analyze
from callspan.viewer.trace import DEEPEST, ELSEWHERE, MISSING


def test_parents_come_before_their_children_and_those_by_their_start():
    trace = trace_of(
        *(
            span("late", 5, 6, "a"),
            span("early", 1, 2, "a"),
            span("b", 7, 9, "root"),
            span("a", 1, 7, "root"),
            span("root", 0, 9),
        )
    )
    assert tree(trace) == "root\n  a\n    early\n    late\n  b\n"
    assert [one.parent for one in trace.spans] == [-1, 0, 1, 1, 0]
    assert [trace.spans[child].raw.name for child in trace.spans[0].children] == ["a", "b"]


def test_times_are_microseconds_from_the_start_of_the_trace():
    trace = trace_of(span("root", 2, 9.5), span("child", 3.25, 4, "root"))
    assert trace.start == ORIGIN + 2_000_000
    assert [(one.start, one.duration, one.stop) for one in trace.spans] == [(0, 7500, 7500), (1250, 750, 2000)]
    assert trace.duration == 7500


def test_traces_come_by_their_start():
    found = analyze(
        [span("b", 5, trace="second"), span("a", 1, trace="first"), span("c", 6, under="b", trace="second")]
    )
    assert [trace.id for trace in found] == [id_of("first", 32), id_of("second", 32)]


def test_a_span_that_stands_there_twice_counts_once():
    assert tree(trace_of(span("root"), span("a", under="root"), span("a", under="root"))) == "root\n  a\n"


def test_after_a_kill_children_hang_under_what_did_not_end():
    trace = trace_of(span("a", 1, 2, "killed"), span("b", 3, 4, "killed"))
    assert tree(trace) == f"{MISSING}\n  a\n  b\n"
    root = trace.spans[0]
    assert (root.raw.span_id, root.start, root.duration) == (id_of("killed"), 0, None)


def test_beside_a_root_that_ended_a_missing_parent_is_elsewhere():
    trace = trace_of(
        span("root", 0, 20), span("a", 3, 5, "lost"), span("b", 1, 9, "lost"), span("c", 11, 12, "lost too")
    )
    assert tree(trace) == f"root\n  {ELSEWHERE}\n    b\n    a\n  {ELSEWHERE}\n    c\n"
    assert (trace.spans[1].start, trace.spans[1].duration) == (1000, 8000)


def test_a_run_that_was_called_from_another_process_is_a_root():
    trace = trace_of(span("served", under="caller", is_remote=True), span("a", under="served"))
    assert tree(trace) == "served\n  a\n"


def test_a_parent_in_another_process_that_is_in_the_file_is_the_parent():
    assert tree(trace_of(span("served", under="caller", is_remote=True), span("caller"))) == "caller\n  served\n"


def test_rings_of_parents_are_cut_and_nothing_is_missing():
    trace = trace_of(
        *(
            span("deep", 3, 4, "below"),
            span("below", 2, 4, "b"),
            span("a", 0, 9, "b"),
            span("b", 1, 9, "a"),
            span("own", 5, 6, "own"),
        )
    )
    assert tree(trace) == "b\n  a\n  below\n    deep\nown\n"


def test_what_is_too_deep_hangs_at_the_deepest_level():
    names = [f"{number:05}" for number in range(2000)]
    trace = trace_of(span(names[0]), *(span(below, under=above) for above, below in pairwise(names)))
    assert len(trace.spans) == 2000
    assert max(one.depth for one in trace.spans) == DEEPEST
    assert all(one.parent < place for place, one in enumerate(trace.spans))


def test_ends_before_starts_and_missing_times_make_no_time_negative():
    trace = trace_of(span("root", 5, 1), span("lost in time", 0, 9, "root"))
    trace.spans[1].raw.start = 0
    (again,) = analyze([one.raw for one in trace.spans])
    assert again.start == ORIGIN + 5_000_000
    assert [(one.start, one.duration) for one in again.spans] == [(0, 0), (0, 4000)]


def test_service_and_conversation_are_those_of_the_first_span_that_says_them():
    trace = trace_of(
        span("root", service="shop", said={"gen_ai.conversation.id": 7}),
        span("a", under="root", said={"gen_ai.conversation.id": "thread"}),
    )
    assert (trace.service, trace.conversation) == ("shop", "thread")


def test_what_a_span_says_of_itself_has_its_type():
    said = {"gen_ai.response.time_to_first_chunk": 0.25, "langchain.run.attempt": 2, "langchain.run.outcome": "paused"}
    trace = trace_of(model("good", said=said), model("bad", said=dict.fromkeys(said, "x" * 9), under="good"))
    good, bad = by_name(trace)["good"], by_name(trace)["bad"]
    assert (good.first_token, good.attempt, good.outcome) == (250_000, 2, "paused")
    assert (bad.first_token, bad.attempt) == (None, None)
