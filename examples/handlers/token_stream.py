"""Tokens of an agent as they come, for whoever waits at the other end of a connection: `callspan.TokenStream`.

Run it as it is: the model says what a script says. `answer()` is what an endpoint would stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from langchain_core.runnables import RunnableLambda

import callspan
from callspan.testing import ScriptedChatModel

model = ScriptedChatModel(replies=[lambda messages: f"You said: {messages[-1].content}"])
chain = RunnableLambda(str.strip) | model


async def answer(question: str) -> AsyncIterator[str]:
    """Give the answer piece by piece; a caller that goes away lets the chain go on without."""
    tokens = callspan.TokenStream()

    async def call() -> None:
        async for _ in chain.astream(question, {"callbacks": [tokens]}):
            pass

    task = asyncio.create_task(call())
    async for text in tokens:
        yield text
    await task


async def main() -> None:
    """Answer two at once, each with its own tokens."""

    async def print_all(question: str) -> str:
        return "|".join([text async for text in answer(question)])

    for line in await asyncio.gather(print_all("one"), print_all("two ")):
        print(line)
    # -> You| said:| one
    # -> You| said:| two


if __name__ == "__main__":
    callspan.instrument()
    asyncio.run(main())
