"""MessageIndex that are the same stand once."""

from callspan.viewer.conversation import MessageIndex


def message(text, role="assistant", **more):
    return {"role": role, "parts": [{"type": "text", "content": text}], **more}


def test_the_same_message_has_the_same_place():
    messages = MessageIndex()
    assert messages.places([message("a"), message("b"), message("a")]) == [0, 1, 0]
    assert messages.places([message("b"), message("a", role="user")]) == [1, 2]
    assert len(messages.every) == 3


def test_the_order_of_what_a_part_says_makes_no_difference():
    part = {"type": "tool_call", "id": "1", "name": "x"}
    messages = MessageIndex()
    assert messages.places(
        [{"role": "r", "parts": [part]}, {"role": "r", "parts": [dict(reversed(part.items()))]}]
    ) == [0, 0]


def test_a_name_that_comes_later_is_kept_and_makes_no_other_message():
    messages = MessageIndex()
    assert messages.places([message("yes"), message("yes", name="agent"), message("yes")]) == [0, 0, 0]
    assert messages.every == [message("yes", name="agent")]


def test_two_names_are_two_messages():
    messages = MessageIndex()
    assert messages.places(
        [message("yes", name="a"), message("yes", name="b"), message("yes"), message("yes", name="b")]
    ) == [*(0, 1, 0, 1)]
