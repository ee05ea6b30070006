"""What an agent does, a line a step, on standard error: `callspan.Console`.

Run it as it is: the model says what a script says, and its second call fails.
"""

from __future__ import annotations

from langchain_core.runnables import RunnableLambda

import callspan
from callspan.testing import ScriptedChatModel

model = ScriptedChatModel("Paris", ConnectionError("the network is down"), "Rome")


@RunnableLambda
def capitals(countries: list[str]) -> list[str]:
    """Ask for each capital, and once more after a failure."""
    patient = model.with_retry(wait_exponential_jitter=False, stop_after_attempt=2)
    return [str(patient.invoke(f"The capital of {country}?").content) for country in countries]


if __name__ == "__main__":
    callspan.instrument(callbacks=[callspan.Console()])
    print(capitals.invoke(["France", "Italy"]))
    # -> ['Paris', 'Rome']
