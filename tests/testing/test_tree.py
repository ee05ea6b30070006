"""The text of a span tree."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

from callspan.testing.tree import SpanRecord, span_record, span_tree


def span(name, span_id, parent_id=None, *, start=0, end=None, failed=False, trace_id="t", **attributes):
    """Make a span as a file gives it; `__` in a key stands for a dot."""
    dotted = {key.replace("__", "."): value for key, value in attributes.items()}
    return SpanRecord(name, trace_id, span_id, parent_id, start, dotted, failed, end)


def test_children_under_their_parents():
    """A child hangs under its parent, two spaces deeper, whatever the order in which the spans ended."""
    spans = [
        span("leaf", "c", "b", start=3),
        span("branch", "b", "a", start=2),
        span("other root", "d", start=9),
        span("root", "a", start=1),
    ]
    assert span_tree(spans) == "root\n  branch\n    leaf\nother root\n"


def test_siblings_by_start_then_as_given():
    """Siblings stand by start time; those that started at once, in the order given."""
    spans = [span("late", "a", start=2), span("z", "b", start=1), span("y", "c", start=1)]
    assert span_tree(spans) == "z\ny\nlate\n"


def test_siblings_sorted_by_text():
    """With `sort`, siblings stand by their whole text, so that the order of threads does not show."""
    spans = [
        span("root", "r"),
        span("same", "1", "r", start=1),
        span("x", "2", "1", start=1),
        span("same", "3", "r", start=2),
        span("a", "4", "3", start=3),
        span("first", "5", "r", start=4),
    ]
    assert span_tree(spans, sort=True) == "root\n  first\n  same\n    a\n  same\n    x\n"


def test_marks_error_outcome_and_attributes():
    """A line has the name, the error, the outcome, and the asked attributes that the span has, in the asked order."""
    spans = [span("chat m", "a", failed=True, error__type="Timeout", langchain__run__outcome="stopped", n=3, b=True)]
    assert span_tree(spans, attributes=["b", "none", "n"]) == "chat m !Timeout ~stopped b=true n=3\n"


def test_marks_a_failure_without_its_type():
    """An ERROR without `error.type` is marked too; an `error.type` without the status is not."""
    spans = [span("one", "a", failed=True), span("two", "b", error__type="Timeout")]
    assert span_tree(spans) == "one !?\ntwo\n"


def test_orphans_are_roots():
    """A span whose parent is not among them is a root, also if another trace has that id."""
    spans = [span("orphan", "b", "gone"), span("other", "c", "a", trace_id="u"), span("root", "a", start=1)]
    assert span_tree(spans) == "orphan\nother\nroot\n"


def test_no_span_is_lost_or_told_twice():
    """Spans in a ring of parents, and an id that is there twice, each have one line."""
    ring = [span("one", "a", "b"), span("two", "b", "a", start=1), span("self", "s", "s", start=2)]
    assert sorted(span_tree(ring).split()) == ["one", "self", "two"]
    twice = [span("root", "a"), span("root", "a", start=1), span("child", "c", "a", start=2)]
    assert span_tree(twice) == "root\n  child\nroot\n"


def test_one_line_for_each_span():
    """A line break in a name or a value is written as an escape; sequences look alike from SDK and file."""
    spans = [span("two\nlines", "a", tags=("a", "é"), text="x\r\ny")]
    assert span_tree(spans, attributes=["tags", "text"]) == 'two\\nlines tags=["a", "é"] text=x\\r\\ny\n'


def test_no_spans_no_text():
    """No spans make an empty text."""
    assert span_tree([]) == ""


@pytest.fixture
def recorded():
    """Spans of the SDK: a root, and two children of which the second failed."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("root"):
        with tracer.start_as_current_span("good", attributes={"langchain.run.tags": ["a", "b"]}):
            pass
        with tracer.start_as_current_span("bad", attributes={"error.type": "ValueError"}) as bad:
            bad.set_status(Status(StatusCode.ERROR))
    return exporter.get_finished_spans()


def test_takes_spans_of_the_sdk(recorded):
    """The SDK's spans and the records made of them give the same text."""
    text = 'root\n  good langchain.run.tags=["a", "b"]\n  bad !ValueError\n'
    assert span_tree(recorded, attributes=["langchain.run.tags"]) == text
    assert span_tree(map(span_record, recorded), attributes=["langchain.run.tags"]) == text
