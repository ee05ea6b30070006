"""The text of a tree: compared as trees are, however the test that expects it is indented."""

from __future__ import annotations

import difflib
import textwrap


class TreeText(str):
    """A tree as text.

    It equals a text with the same lines, whatever that is indented by as a whole, and with or without empty lines
    around it: so the expected tree can stand indented within a test. Its hash is that of the very text.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and (str.__eq__(self, other) or laid_out(self) == laid_out(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def difference(self, expected: str) -> list[str]:
        """Return the lines that differ, each with the line before and after it: `-` is missing, `+` is too many.

        Args:
            expected: The tree that was expected.
        """
        lines = difflib.unified_diff(laid_out(expected), laid_out(self), n=1, lineterm="")
        return ["  ..." if line.startswith("@@") else f"{line[0]} {line[1:]}" for line in list(lines)[2:]]


def laid_out(tree: str) -> list[str]:
    """Return the lines of a tree, the first of them at the margin.

    Args:
        tree: Its text.
    """
    lines = textwrap.dedent(tree).rstrip().split("\n")
    while lines and not lines[0].strip():
        del lines[0]
    return [line.rstrip() for line in lines]
