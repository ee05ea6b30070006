"""A chat model that gives the replies of a script: without a network, and the same each time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from callspan.testing.replies import CallTools, Say, ToolCall, count_tokens, pieces, words


class ScriptedChatModel(BaseChatModel):
    """Give the replies of a script, one for each call, invoked or streamed.

    A reply is a text, `Say`, `CallTools` or one `ToolCall`; a list of texts: the pieces of a streamed answer; an
    exception, which is raised, within a list between the pieces; or an `AIMessage`, as it is. Instead of all replies
    there may be one function that makes each, given the messages.

    Args:
        replies: The replies.
        model: The name of the model.
        counts: Whether its answers have token counts.
        asked: The messages of each call so far.
    """

    replies: list[Any]
    model: str = "scripted"
    counts: bool = True
    asked: list[list[BaseMessage]] = []  # noqa: RUF012 - pydantic gives each its own
    _due: Iterator[Any] = PrivateAttr()

    def __init__(self, *replies: Any, **settings: Any) -> None:
        if replies:
            settings["replies"] = list(replies)
        super().__init__(**settings)
        self._due = iter(self.replies)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        """Return the model with tools bound to its calls; the script decides whether they are called."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _reply(self, messages: list[BaseMessage]) -> Any:
        self.asked.append(messages)
        first = self.replies[0] if self.replies else None
        if callable(first) and not isinstance(first, type):
            return first(messages)
        try:
            return next(self._due)
        except StopIteration:
            raise LookupError(f"the script has {len(self.replies)} replies, and this is one call more") from None

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        reply = self._reply(messages)
        if isinstance(reply, AIMessage):
            message = reply.model_copy(deep=True)  # LangChain gives it an id
        else:
            whole: Any = None
            for piece in self._pieces(reply, messages):
                whole = piece if whole is None else whole + piece
            message = AIMessage(
                whole.content,
                tool_calls=whole.tool_calls,
                usage_metadata=whole.usage_metadata,
                response_metadata=whole.response_metadata,
            )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return self._generate(messages)

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for piece in self._pieces(self._reply(messages), messages):
            yield ChatGenerationChunk(message=piece)

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for piece in self._pieces(self._reply(messages), messages):
            yield ChatGenerationChunk(message=piece)

    def _pieces(self, reply: Any, messages: list[BaseMessage]) -> Iterator[AIMessageChunk]:
        """Return the chunks of a reply, the last with finish reason and token counts."""
        if isinstance(reply, AIMessage):
            yield _as_one_chunk(reply)
            return
        written = ""
        for text in _texts(reply):
            if isinstance(text, BaseException):
                raise text
            written += text
            yield AIMessageChunk(content=text)
        calls = [reply] if isinstance(reply, ToolCall) else list(reply.calls) if isinstance(reply, CallTools) else []
        for index, call in enumerate(calls):
            # Like a provider: name and id come first, then the arguments in pieces
            yield _call_chunk(index, name=call.name, id=call.id or f"call_{len(self.asked)}_{index}")
            for piece in pieces(call.arguments):
                yield _call_chunk(index, args=piece)
        reason = reply.finish_reason if isinstance(reply, Say) else "tool_calls" if calls else "stop"
        yield AIMessageChunk(
            content="",
            response_metadata={"model_name": self.model, "finish_reason": reason},
            usage_metadata=_usage(messages, written + "".join(call.arguments for call in calls))
            if self.counts
            else None,
        )


def _texts(reply: Any) -> list[Any]:
    """Return the pieces of the text of a reply, with the exceptions that are raised between them."""
    if isinstance(reply, (list, tuple)):
        return list(reply)
    if isinstance(reply, BaseException) or (isinstance(reply, type) and issubclass(reply, BaseException)):
        return [reply if isinstance(reply, BaseException) else reply()]
    if isinstance(reply, ToolCall):
        return []
    text: Any = reply if isinstance(reply, str) else getattr(reply, "text", None)
    if not isinstance(text, str):
        raise TypeError(f"no reply of a script: {reply!r}")
    return words(text)


def _as_one_chunk(message: AIMessage) -> AIMessageChunk:
    calls: Any = [
        {"name": call["name"], "args": json.dumps(call["args"]), "id": call["id"], "index": index}
        for index, call in enumerate(message.tool_calls)
    ]
    fields = message.model_dump(include={"content", "additional_kwargs", "response_metadata", "usage_metadata", "id"})
    return AIMessageChunk(**fields, tool_call_chunks=calls)


def _call_chunk(index: int, **fields: str) -> AIMessageChunk:
    chunk: Any = {"name": None, "args": "", "id": None, "type": "tool_call_chunk", **fields, "index": index}
    return AIMessageChunk(content="", tool_call_chunks=[chunk])


def _usage(asked: list[BaseMessage], written: str) -> Any:
    prompt, answer = sum(count_tokens(str(message.content)) for message in asked), count_tokens(written)
    return {"input_tokens": prompt, "output_tokens": answer, "total_tokens": prompt + answer}
