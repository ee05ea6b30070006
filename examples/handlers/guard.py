"""A program that neither sends card numbers to a model nor says secrets of its own: `callspan.Guard`.

Run it as it is: the model says what a script says.
"""

from __future__ import annotations

import re

import callspan
from callspan.testing import ScriptedChatModel


def is_card(words: str) -> bool:
    """Tell whether there is a number that passes the check of card numbers."""
    return any(_checks(re.sub(r"\D", "", found)) for found in re.findall(r"\d(?:[ -]?\d){14,15}", words))


def _checks(digits: str) -> bool:
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0


GUARDS = (
    callspan.Guard({"card number": is_card}, outputs=False, instead="Please do not send me card numbers."),
    callspan.Guard({"code name": r"(?i)bluebird"}, inputs=False),
)


def main() -> None:
    """Ask three times."""
    model = ScriptedChatModel("It ships on Monday.", "Project Bluebird ships on Monday.")
    for question in ("When does it ship?", "My card is 4111 1111 1111 1111", "What ships on Monday?"):
        try:
            print(model.invoke(question).content)
        except callspan.Stop as stop:
            print("stopped:", stop)
    # -> It ships on Monday.
    # -> Please do not send me card numbers.
    # -> stopped: the output of llm 'ScriptedChatModel' is against the rule 'code name'


if __name__ == "__main__":
    callspan.instrument(callbacks=GUARDS)
    main()
