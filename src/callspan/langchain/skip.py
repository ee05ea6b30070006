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
from callspan.langchain.announcement import tool_call_id


def offer(told: Notification, runs: Sequence[Run], *, unwinds: bool) -> None:
    """Let the hooks of a start answer its call.

    Args:
        told: The hooks.
        runs: The runs of the call, whose frame waits for them.
        unwinds: Whether the frame itself gives the answer; else each run's body does.
    """
    if runs[0].row.made is None:
        return
    for run in runs:
        run.skippable = True
    told.then(partial(_over, runs, unwinds=unwinds))


def _over(runs: Sequence[Run], *, unwinds: bool) -> None:
    """See what the hooks said, once all have; a stop wins, and has ended the runs."""
    for run in runs:
        run.skippable = False
    if unwinds and runs[0].skipped is not None and not runs[0].ended:
        _skip(runs[0])


def skip_body(run: Run) -> Notification:
    """Return what keeps the frame of a skipped run's body from running it."""
    return Notification((), after=partial(_skip, run))


def _skip(run: Run) -> None:
    raise SkipSignal(run)


def answer_of(run: Run, run_manager: Any) -> SkipResult:
    """Give what stands for the call of a run that was skipped.

    Args:
        run: The run.
        run_manager: Its run manager, if nobody else reports the end.
    """
    made: Any = run.skipped[0] if run.skipped else None
    if run_manager is None:
        return SkipResult(made)
    if run.row.name == "tool":
        return SkipResult(made, (partial(run_manager.on_tool_end, made, color=None, name=run.subject.name),))
    if run.row.name == "retriever":
        return SkipResult(made, (partial(run_manager.on_retriever_end, made),))
    outputs: Any = import_module("langchain_core.outputs")
    message = _in_one_piece(made.generations[0].message)
    chunk = outputs.ChatGenerationChunk(message=message)
    token = partial(run_manager.on_llm_new_token, message.content, chunk=chunk)
    return SkipResult(message, (token, partial(run_manager.on_llm_end, outputs.LLMResult(generations=[[chunk]]))))


def chat_result(run: Run, result: Any) -> Any:
    """Make the `ChatResult` of a chat model: of one, of a message, or of a text.

    Args:
        run: The run.
        result: What the hook gives; it is not changed, as it may be given again.

    Raises:
        TypeError: It is none of these.
    """
    messages: Any = import_module("langchain_core.messages")
    outputs: Any = import_module("langchain_core.outputs")
    if isinstance(result, outputs.ChatResult) and result.generations:
        given = [generation.message for generation in result.generations]
        update = {"generations": [outputs.ChatGeneration(message=_own(message, run)) for message in given]}
        return result.model_copy(update=update)
    message = messages.AIMessage(result) if isinstance(result, str) else result
    if not isinstance(message, messages.AIMessage):
        raise TypeError(f"a chat model is answered with a text, an AIMessage or a ChatResult, not {type(result)}")
    return outputs.ChatResult(generations=[outputs.ChatGeneration(message=_own(message, run))])


def _own(message: Any, run: Run) -> Any:
    """Copy a message, with an id of this call: a graph takes two with one id for the same message."""
    return message.model_copy(update={} if message.id else {"id": f"run-{run.id}-0"})


def _in_one_piece(message: Any) -> Any:
    """Make a chunk of a message, as the only one of a stream."""
    messages: Any = import_module("langchain_core.messages")
    if isinstance(message, messages.AIMessageChunk):
        return message
    calls = [
        {"name": call["name"], "args": args, "id": call["id"], "index": index}
        for index, (call, args) in enumerate(
            [
                *((call, json.dumps(call["args"], default=str)) for call in message.tool_calls),
                *((call, call["args"]) for call in message.invalid_tool_calls),
            ]
        )
    ]
    names = ("content", "additional_kwargs", "response_metadata", "usage_metadata", "name", "id")
    return messages.AIMessageChunk(**{name: getattr(message, name) for name in names}, tool_call_chunks=calls)


def tool_output(run: Run, result: Any) -> Any:
    """Make what a tool gives: a `ToolMessage` where LangChain would make one.

    Args:
        run: The run.
        result: What the hook gives: what the tool would return, or a `ToolMessage`, whose call is this one.

    Raises:
        TypeError: It is no pair where the tool gives one.
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
    """Make what a retriever finds.

    Args:
        run: The run.
        result: What the hook gives.

    Raises:
        TypeError: It is no list of documents.
    """
    if not isinstance(result, (list, tuple)) or not all(hasattr(one, "page_content") for one in result):
        raise TypeError(f"a retriever is answered with a list of documents, not {type(result)}")
    return list(result)
