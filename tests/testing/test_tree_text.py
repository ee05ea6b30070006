"""Trees as text: the language in which tests say what they expect."""

from callspan.testing import TreeText

TREE = TreeText("invoke_workflow a\n  chat m\n    POST\n  chat n\n")


def test_a_tree_equals_the_same_lines_however_they_are_indented_as_a_whole():
    """The expected text may stand in the test as the code around it stands."""
    assert (
        TREE
        == """
        invoke_workflow a
          chat m
            POST
          chat n
        """
    )
    assert str(TREE) == TREE
    assert TreeText("") == ""


def test_a_tree_is_another_one_if_a_line_or_a_place_is():
    """Indentation within the tree counts, and so does order."""
    assert TREE != "invoke_workflow a\n  chat m\n  POST\n  chat n\n"
    assert TREE != "invoke_workflow a\n  chat n\n  chat m\n    POST\n"
    assert TREE != 1


def test_the_difference_shows_what_is_missing_and_what_is_too_many():
    """A few lines around each place that differs."""
    assert TREE.difference("invoke_workflow a\n  chat m\n  chat n\n  chat o") == [
        "  ...",
        "    chat m",
        "+     POST",
        "    chat n",
        "-   chat o",
    ]
