"""The root runs of a block, to be looked at once it is over: which failed, and what each used."""

from __future__ import annotations

from langchain_core.runnables import RunnableLambda

import callspan
from callspan.testing import ScriptedChatModel


def check(question: str) -> str:
    if not question.endswith("?"):
        raise ValueError("that is no question")
    return question


def main() -> None:
    callspan.instrument()
    chain = RunnableLambda(check) | ScriptedChatModel(lambda messages: "In the drawer")
    with callspan.callbacks(callspan.Collect()) as collect:
        chain.with_config(run_name="answer").batch(["Where are my keys?", "Hm."], return_exceptions=True)

    for run in sorted(collect.runs, key=lambda run: run.started_at):
        print(f"{run.inputs!r}: {run.outcome} {run.error_text or run.outputs.content!r}, {run.usage.tokens} tokens")


if __name__ == "__main__":
    main()
