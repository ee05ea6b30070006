"""What an exception may say on a span."""

from __future__ import annotations

import json

import pytest
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, ValidationError

from callspan.core.errors import STACK_LIMIT, error_text, error_type, exception_event
from callspan.core.text import ERROR_LIMIT

PASSWORD = "".join(["my ", "password"])
"""What must not get out; put together, because a stack shows lines of source."""


class Own(Exception):
    """An exception of the program's own."""


def raised(error: BaseException) -> BaseException:
    """Raise and catch it, so that it has a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


def test_a_builtin_has_its_bare_name_and_others_their_full_one():
    """`error.type` is a class's canonical name."""
    assert error_type(ValueError("x")) == "ValueError"
    assert error_type(Own("x")) == f"{__name__}.Own"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("no route to 10.0.0.1", "no route to 10.0.0.1"),
        ("bad key sk-proj-abcdefghijklmnop in use", "bad key [redacted] in use"),
        ("header Bearer abcdefghijkl.mnop", "header [redacted]"),
        ("GET https://u:hunter22@host/x?api_key=12345678", "GET https://[redacted]@host/x?api_key=[redacted]"),
        ("lone \ud800 surrogate", "lone ? surrogate"),
    ],
)
def test_text_is_kept_but_for_secrets_and_what_cannot_be_encoded(text, kept):
    """The text helps to find the fault; a key in it must not leave the process."""
    assert error_text(RuntimeError(text)) == kept


def test_long_text_is_cut():
    """An error that quotes a whole response body does not become a whole response body on a span."""
    text = error_text(RuntimeError("x" * 100_000))
    assert len(text) == ERROR_LIMIT
    assert text.endswith("…")


@pytest.mark.parametrize("error", [OutputParserException(f"the model said: {PASSWORD}"), None])
def test_errors_that_quote_a_model_give_their_type_only(error):
    """A parser's error contains what the model wrote; so does the decoder's below it."""
    if error is None:
        with pytest.raises(json.JSONDecodeError) as caught:
            json.loads(PASSWORD)
        error = caught.value
    event = exception_event(raised(error), error_text(error))
    assert error_text(error) == ""
    assert PASSWORD not in str(event)
    assert event["exception.type"] == error_type(error)
    assert "exception.message" not in event


def test_a_validation_error_is_written_without_its_input():
    """Pydantic prints values and keys of the input; only the kinds of faults are the program's own."""

    class Order(BaseModel):
        number: int

    with pytest.raises(ValidationError) as caught:
        Order.model_validate({"number": PASSWORD})
    assert error_text(caught.value) == "1 validation error for Order: int_parsing"
    assert PASSWORD not in str(exception_event(caught.value, error_text(caught.value)))


def test_the_stack_shows_frames_but_no_text_of_chained_exceptions():
    """The cause of an error has its own event where it began; its text is not repeated."""
    try:
        try:
            raise ValueError(PASSWORD)
        except ValueError as cause:
            raise RuntimeError("no answer") from cause
    except RuntimeError as caught:
        stack = exception_event(caught, error_text(caught))["exception.stacktrace"]
    assert stack.startswith("Traceback (most recent call last):\n")
    assert "test_errors.py" in stack
    assert stack.endswith("RuntimeError: no answer\n")
    assert PASSWORD not in stack


def test_an_error_that_repeats_a_quoting_one_gives_no_text():
    """An agent that cannot read an answer says so, with the answer in its own words."""

    def parse():
        try:
            raise OutputParserException(f"the model said: {PASSWORD}")
        except OutputParserException as cause:
            raise RuntimeError(f"could not parse: {cause}") from cause

    with pytest.raises(RuntimeError) as caught:
        parse()
    assert error_text(caught.value) == ""
    assert PASSWORD not in str(exception_event(caught.value, ""))


def test_an_exception_that_is_raised_again_and_again_gives_its_innermost_frames():
    """Its traceback grows with each raise, and what is written of it does not."""
    error = ValueError("again")

    def again():
        raise error

    for _ in range(500):
        with pytest.raises(ValueError, match="again"):
            again()
    stack = exception_event(error, "")["exception.stacktrace"]
    assert stack.count("raise error") <= 100
    assert "outer frames" in stack
    assert len(stack) < 2 * STACK_LIMIT
