"""`run.skip`: a call answered without being made. What stands for its result, and how it is reported to LangChain.

What is invoked through `generate` has a body of its own for each prompt, which gives the answer instead of asking the
model; LangChain reports the end itself. Streams, tools and retrievers unwind from their start event to their frame,
which reports it: LangChain does not watch over the run yet.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any

from callspan.core.dispatch import Notification
from callspan.core.run import Run
from callspan.core.skip import SkipResult, SkipSignal
from callspan.langchain.runs import tool_call_id


def offer(hooks: Notification, runs: Sequence[Run], *, unwinds: bool) -> None:
    """Allow the hooks of a start to answer its call."""
    if runs[0].row.made is not None:
        for run in runs:
            run.skippable = True
        hooks.then(partial(_after_hooks, runs, unwinds=unwinds))


def _after_hooks(runs: Sequence[Run], *, unwinds: bool) -> None:
    """Skip the call if a hook answered it; a stop has ended the runs, and wins."""
    for run in runs:
        run.skippable = False
    if unwinds and runs[0].skipped is not None and not runs[0].ended:
        _skip(runs[0])


def skip_body(run: Run) -> Notification:
    """Return what keeps the frame of a skipped run from executing its body."""
    return Notification((), after=partial(_skip, run))


def _skip(run: Run) -> None:
    raise SkipSignal(run)


def answer_of(run: Run, run_manager: Any) -> SkipResult:
    """Return what stands for the call of a skipped run; the run manager is given if nobody else reports the end."""
    result: Any = run.skipped[0] if run.skipped else None
    if run_manager is None:
        return SkipResult(result)
    if run.row.name == "tool":
        return SkipResult(result, (partial(run_manager.on_tool_end, result, color=None, name=run.subject.name),))
    if run.row.name == "retriever":
        return SkipResult(result, (partial(run_manager.on_retriever_end, result),))
    outputs: Any = import_module("langchain_core.outputs")
    message = _as_chunk(result.generations[0].message)
    chunk = outputs.ChatGenerationChunk(message=message)
    token = partial(run_manager.on_llm_new_token, message.content, chunk=chunk)
    return SkipResult(message, (token, partial(run_manager.on_llm_end, outputs.LLMResult(generations=[[chunk]]))))


def _as_chunk(message: Any) -> Any:
    """Return a message as the only chunk of a stream."""
    messages: Any = import_module("langchain_core.messages")
    if isinstance(message, messages.AIMessageChunk):
        return message
    valid = [{**call, "args": json.dumps(call["args"], default=str)} for call in message.tool_calls]
    chunks = [
        {"name": call["name"], "args": call["args"], "id": call["id"], "index": index}
        for index, call in enumerate([*valid, *message.invalid_tool_calls])
    ]
    names = ("content", "additional_kwargs", "response_metadata", "usage_metadata", "name", "id")
    return messages.AIMessageChunk(**{name: getattr(message, name) for name in names}, tool_call_chunks=chunks)


# What a hook gave, made into what the call would return; it is copied, as the hook may give it again ---------------


def chat_result(run: Run, result: Any) -> Any:
    """Return a chat model's `ChatResult`, made of one, of a message or of a text; raise TypeError for anything else."""
    messages: Any = import_module("langchain_core.messages")
    outputs: Any = import_module("langchain_core.outputs")
    if isinstance(result, outputs.ChatResult) and result.generations:
        own = [outputs.ChatGeneration(message=_own(generation.message, run)) for generation in result.generations]
        return result.model_copy(update={"generations": own})
    message = messages.AIMessage(result) if isinstance(result, str) else result
    if not isinstance(message, messages.AIMessage):
        raise TypeError(f"a chat model is answered with a text, an AIMessage or a ChatResult, not {type(result)}")
    return outputs.ChatResult(generations=[outputs.ChatGeneration(message=_own(message, run))])


def _own(message: Any, run: Run) -> Any:
    """Copy a message, with an id of this call: a graph takes two with one id for the same message."""
    return message.model_copy(update={} if message.id else {"id": f"run-{run.id}-0"})


def tool_output(run: Run, result: Any) -> Any:
    """Return what a tool would: a `ToolMessage` where LangChain makes one, whose call is this one.

    Raises:
        TypeError: The tool returns a content and an artifact, and the result is no pair.
    """
    base: Any = import_module("langchain_core.tools.base")
    content, artifact, call = result, None, tool_call_id(run)
    if run.subject.response_format == "content_and_artifact" and isinstance(result, tuple):
        if len(result) != 2:  # noqa: PLR2004 - content, artifact
            raise TypeError(f"{run.name} is answered with its content and its artifact, not {len(result)} things")
        content, artifact = result
    if call is not None and type(content).__name__ == "ToolMessage":
        return content.model_copy(update={"tool_call_id": call, "name": content.name or run.subject.name})
    return base._format_output(content, artifact, call, run.subject.name, "success")


def documents(run: Run, result: Any) -> list[Any]:
    """Return a retriever's documents; raise TypeError if they are none."""
    if not isinstance(result, (list, tuple)) or not all(hasattr(one, "page_content") for one in result):
        raise TypeError(f"a retriever is answered with a list of documents, not {type(result)}")
    return list(result)
