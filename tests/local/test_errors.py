"""Where a failure began, who passed it on, and who went on without it."""

from tests.local.spans_in_files import by_name, span, tool, trace_of

from callspan.viewer.otlp import Event


def ranks(*spans):
    return {one.raw.name: one.rank for one in trace_of(*spans).spans}


def fails(name, *where, **more):
    return span(name, *where, failed=True, **more)


def test_a_failure_begins_in_the_deepest_span_and_passes_through_those_above():
    assert ranks(fails("root"), fails("node", 1, 9, "root"), fails("tool", 2, 8, "node"), span("ok", 2, 3, "node")) == {
        "root": "passed",
        "node": "passed",
        "tool": "origin",
        "ok": None,
    }


def test_a_failure_whose_caller_went_on_is_handled_and_so_is_what_failed_in_it():
    assert ranks(span("root"), fails("tool", 1, 9, "root"), fails("http", 2, 8, "tool")) == {
        "root": None,
        "tool": "handled",
        "http": "handled",
    }


def test_the_attempts_before_the_last_are_handled():
    call = {"gen_ai.tool.call.id": "call_1"}
    found = ranks(
        fails("root"),
        tool("try 1", 1, 2, "root", failed=True, said=call),
        tool("try 2", 3, 4, "root", failed=True, said=call),
        tool("other", 5, 6, "root", failed=True, said={"gen_ai.tool.call.id": "call_2"}),
    )
    assert found == {"root": "passed", "try 1": "handled", "try 2": "origin", "other": "origin"}


def test_what_a_retry_or_a_fallback_names_is_handled():
    first, second, third = fails("first", 1, 2, "root"), fails("second", 3, 4, "root"), fails("third", 5, 6, "root")
    second.attributes["langchain.retry_of"] = first.span_id
    third.attributes["langchain.instead_of"] = second.span_id
    assert ranks(fails("root"), first, second, third) == {
        "root": "passed",
        "first": "handled",
        "second": "handled",
        "third": "origin",
    }


def test_a_span_that_names_itself_is_not_handled():
    alone = fails("alone")
    alone.attributes["langchain.retry_of"] = alone.span_id
    assert ranks(alone) == {"alone": "origin"}


def test_nobody_went_on_after_a_kill():
    assert ranks(fails("tool", 1, 2, "killed"))["tool"] == "origin"


def test_a_failure_says_its_type_its_text_and_where_it_was_raised():
    event = Event(
        "exception", 0, {"exception.type": "ValueError", "exception.message": "no", "exception.stacktrace": "Traceback"}
    )
    failed = by_name(trace_of(fails("a", said={"error.type": "app.NoError"}, events=[event])))["a"].failure
    assert (failed.type, failed.message, failed.stack) == ("app.NoError", "no", "Traceback")


def test_without_an_event_the_status_says_it():
    failed = by_name(trace_of(fails("a", message="it failed")))["a"].failure
    assert (failed.type, failed.message, failed.stack) == ("error", "it failed", "")


def test_an_exception_in_a_span_that_did_not_fail_is_no_failure():
    assert ranks(span("a", events=[Event("exception", 0, {"exception.type": "ValueError"})])) == {"a": None}


def test_an_outcome_is_no_failure():
    (only,) = trace_of(span("a", said={"langchain.run.outcome": "paused"})).spans
    assert (only.outcome, only.failure, only.rank) == ("paused", None, None)
