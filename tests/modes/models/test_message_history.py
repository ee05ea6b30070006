"""A chain with a message history: the history is loaded before the chain, and written after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ANSWER, ChatNative

CONFIG: Any = {"configurable": {"session_id": "1"}}


class History(BaseChatMessageHistory):
    """Keeps messages, and makes a span when it is asked or told.

    Args:
        body: Called with what is done.
    """

    def __init__(self, body: Callable[[str], None]) -> None:
        self.body = body
        self._messages: list[BaseMessage] = []

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        self.body("load")
        return self._messages

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        self.body("save")
        self._messages.extend(messages)

    def clear(self) -> None:
        self._messages = []


@pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory is deprecated")
@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_history(form: str, native: ChatNative, http: Callable[..., None], recording: Any) -> None:
    """The history is read in its own run; it is written when the chain inside is over, in the run around that."""
    history = History(http)
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("history"), ("human", "{text}")])
    chain = RunnableWithMessageHistory(
        prompt | native, lambda session_id: history, input_messages_key="text", history_messages_key="history"
    )
    call(form, chain, {"text": "hello"}, CONFIG)
    assert [message.content for message in history.messages] == ["hello", ANSWER]
    chunks = "        http\n" * (3 if form.endswith("stream") else 1)
    assert (
        recording.tree()
        == f"""\
invoke_workflow
  chain insert_history
    chain RunnableParallel<history>
      chain load_history
        load
  chain check_sync_or_async
    chain RunnableSequence
      chain ChatPromptTemplate
      chat m
{chunks}    save
load
"""
    )
