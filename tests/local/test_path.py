"""Where the time went, and what ran beside what."""

from tests.local.spans_in_files import by_name, model, span, trace_of


def paths(trace):
    return {
        name: [(start / 1000, stop / 1000) for start, stop in one.path]
        for name, one in by_name(trace).items()
        if one.path
    }


def besides(*spans):
    return {one.raw.name: one.beside for one in trace_of(*spans).spans if one.beside > 1}


def test_the_path_goes_back_into_what_ended_last():
    trace = trace_of(
        span("root", 0, 100), span("short", 10, 50, "root"), span("long", 20, 90, "root"), span("in", 30, 60, "long")
    )
    assert paths(trace) == {"root": [(90, 100), (0, 20)], "long": [(60, 90), (20, 30)], "in": [(30, 60)]}


def test_the_parts_of_the_path_are_as_long_as_the_run():
    trace = trace_of(span("root", 0, 100), *(span(f"c{at}", at, at + 30, "root") for at in range(0, 90, 7)))
    assert sum(stop - start for one in trace.spans for start, stop in one.path) == 100_000


def test_a_model_has_its_time_whatever_requests_it_makes():
    assert paths(trace_of(model("chat", 0, 50), span("http", 5, 45, "chat"))) == {"chat": [(0, 50)]}


def test_what_goes_on_after_its_parent_is_not_on_the_path():
    assert paths(trace_of(span("root", 0, 50), span("left behind", 10, 500, "root"))) == {"root": [(0, 50)]}


def test_what_did_not_end_lasts_as_long_as_what_is_under_it():
    trace = trace_of(span("a", 0, 40, "killed"), span("b", 50, 90, "killed"))
    assert paths(trace) == {"did not end": [(40, 50)], "a": [(0, 40)], "b": [(50, 90)]}


def test_spans_that_run_at_once_say_how_many_they_are():
    assert besides(
        *(span("root", 0, 90), span("a", 0, 30, "root"), span("b", 10, 40, "root"), span("c", 20, 50, "root")),
        *(span("d", 60, 70, "root"), span("e", 70, 80, "root")),
    ) == {"a": 3, "b": 3, "c": 3}


def test_a_group_is_as_wide_as_its_widest_moment():
    assert besides(
        span("root", 0, 90), span("a", 0, 80, "root"), span("b", 10, 20, "root"), span("c", 30, 40, "root")
    ) == {"a": 2, "b": 2, "c": 2}


def test_spans_that_touch_ran_one_after_the_other():
    assert besides(span("root", 0, 90), span("a", 0, 30, "root"), span("b", 29.5, 60, "root")) == {}
