"""Answers from notes, scored as they are given: by a rule, and by another model: `callspan.Evaluate`.

Run it as it is: the models say what scripts say.
"""

from __future__ import annotations

from typing import Any

from langchain_core.documents import Document
from langchain_core.runnables import chain

import callspan
from callspan.testing import ScriptedChatModel

NOTES = [Document("Greenland sharks live for 400 years."), Document("Bowhead whales live for 200 years.")]

model = ScriptedChatModel("A Greenland shark lives for 400 years.", "A whale lives for 90 years.")
judge = ScriptedChatModel("5", "1")


@chain
def answer(question: str) -> dict[str, Any]:
    """Answer from the notes that share a word with the question."""
    found = [note for note in NOTES if set(note.page_content.split()) & set(question.split())]
    notes = "\n".join(note.page_content for note in found)
    return {"answer": model.invoke(f"{notes}\n\n{question}").content, "notes": notes}


def grounded(run: callspan.Run) -> float:
    """Score how many of the numbers in the answer stand in the notes."""
    numbers = [word for word in run.outputs["answer"].split() if word.isdigit()]
    return sum(number in run.outputs["notes"] for number in numbers) / max(1, len(numbers))


async def helpful(run: callspan.Run) -> callspan.Score:
    """Let a model judge; its call is in the run's trace, and is not scored itself."""
    said = await judge.ainvoke(f"From 1 to 5, how helpful is: {run.outputs['answer']}")
    grade = int(said.content)
    return callspan.Score(grade / 5, "pass" if grade > 3 else "fail", f"the judge says {grade}")


if __name__ == "__main__":
    callspan.instrument()
    with callspan.callbacks(callspan.Evaluate(grounded, helpful)) as evaluate:
        answer.batch(["How old are Greenland sharks?", "How old are Bowhead whales?"], {"max_concurrency": 1})
    for result in evaluate.results:
        print(result.name, result.score.value, result.score.label)
    # -> grounded 1.0 None
    # -> helpful 1.0 pass
    # -> grounded 0.0 None
    # -> helpful 0.2 fail
