"""What a chain's span says, and which of the runs that LangChain calls chains is one."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from opentelemetry.trace import SpanKind

from callspan import semconv
from callspan.core.operations import Kind
from callspan.core.run import Run
from callspan.core.text import name_without_ids
from callspan.langchain.announcement import ALWAYS, Announcement
from callspan.langchain.said import CHAIN_ANSWERED, CHAIN_ASKED, ROOT_ANSWERED, ROOT_ASKED

# Names that LangChain makes up from its own classes; a workflow has no name then.
_MADE_UP = re.compile(
    r"""Runnable[A-Z]\w*(<.*>)? | LangGraph | CompiledStateGraph | Pregel | StateGraph
      | LLMChain | AgentExecutor | ConversationChain | RetrievalQA\w* | TransformChain
      | (Simple)?SequentialChain | (Stuff|MapReduce|MapRerank|Refine|Reduce)DocumentsChain
      | Conversational\w*Chain | LLM\w+Chain | \w*RouterChain""",
    re.VERBOSE | re.DOTALL,
)


_STEPS = ("seq:step:", "map:key:")
_COMPOSED = ("RunnableBranch", "RunnableWithFallbacks")


@lru_cache(maxsize=512)
def _made_up(name: str) -> bool:
    return _MADE_UP.fullmatch(name) is not None


def given_name(said: Announcement) -> str | None:
    """Give the name of a chain or graph, unless LangChain made it up; without ids, as metrics have it too."""
    return None if _made_up(said.name) else name_without_ids(said.name)


def run_type(said: Announcement) -> str:
    """Give LangChain's type of a chain run: `chain`, `prompt`, `parser` or `llm`."""
    return str(said.extra.get("run_type") or "chain")


def is_step(run: Run, above: Run) -> bool:
    """Return whether LangChain itself reads this stream: as one of a sequence, beside others, or for the run above."""
    if type(above.subject).__name__ in _COMPOSED or above.name.startswith("RunnableAssign"):
        return True
    for tag in run.tags:  # noqa: SIM110 - a generator costs more than all the rest
        if type(tag) is str and tag.startswith(_STEPS):
            return True
    return False


CHAIN = Kind(
    name="chain",
    word="chain",
    span_kind=SpanKind.INTERNAL,
    depth=2,
    target=None,
    start=(*ALWAYS, (semconv.RUN_TYPE, run_type)),
    asked=CHAIN_ASKED,
    answered=CHAIN_ANSWERED,
)

WORKFLOW = replace(
    CHAIN,
    word=semconv.INVOKE_WORKFLOW,
    depth=0,
    target=semconv.WORKFLOW_NAME,
    identity=(
        (semconv.OPERATION, semconv.INVOKE_WORKFLOW),
        (semconv.WORKFLOW_NAME, given_name),
    ),
    operation=semconv.INVOKE_WORKFLOW,
    asked=ROOT_ASKED,
    answered=ROOT_ANSWERED,
)
