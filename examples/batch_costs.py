"""A batch job that says what it cost: by model, by customer, and for those that failed.

Run it:

    python examples/batch_costs.py
"""

from __future__ import annotations

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda

import callspan
from callspan.testing import ScriptedChatModel

JOBS = [
    ("acme", "Summarise the contract of May."),
    ("acme", "Summarise the contract of June."),
    ("globex", "Summarise the report, all 300 pages of it, with its tables."),
    ("globex", "Summarise nothing."),
]


def answer(messages: list[BaseMessage]) -> str:
    """Stand in for a model."""
    if "nothing" in str(messages[-1].content):
        raise ValueError("there is nothing to summarise")
    return "It is all fine. " * 20


# In a service: ChatOpenAI(model="gpt-5-mini") and ChatOpenAI(model="gpt-5").
metadata = {"ls_provider": "openai"}
small = ScriptedChatModel(answer, model="gpt-5-mini", metadata=metadata | {"ls_model_name": "gpt-5-mini"})
large = ScriptedChatModel(answer, model="gpt-5", metadata=metadata | {"ls_model_name": "gpt-5"})


def summarise(text: str) -> str:
    model = large if len(text) > 40 else small
    return str(model.invoke(text).content)


job = RunnableLambda(summarise, name="summarise")


def work(usage: callspan.Usage) -> list[str | Exception]:
    """Do all jobs, those of a customer at once."""
    done: list[str | Exception] = []
    at_once: RunnableConfig = {"max_concurrency": 4}
    for customer in dict.fromkeys(customer for customer, _ in JOBS):
        texts = [text for one, text in JOBS if one == customer]
        with callspan.session(customer), callspan.callbacks(usage):
            done += job.batch(texts, at_once, return_exceptions=True)
    return done


def main() -> None:
    callspan.instrument()
    usage = callspan.Usage(prices="builtin")
    done = work(usage)
    used = usage.snapshot()
    for title, sums in (("model", used.models), ("customer", used.sessions)):
        for name, each in sorted(sums.items()):
            print(f"{title} {name}: {each.calls} calls, {each.tokens} tokens, ${each.cost or 0:.6f}")
    failed = sum(isinstance(one, Exception) for one in done)
    print(f"all: ${used.total.cost:.6f}; {failed} of {len(done)} failed, {used.total.uncounted} not counted")


if __name__ == "__main__":
    main()
