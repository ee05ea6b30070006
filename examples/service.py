"""A service that streams its answers; each user has a budget, and an answer that goes over it ends in its middle.

Run it, and ask it:

    pip install fastapi uvicorn
    uvicorn --app-dir examples service:app
    curl -N -H 'X-User: ada' 'localhost:8000/ask?question=bears'
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

import callspan
from callspan.testing import ScriptedChatModel

budget = callspan.Budget(output_tokens=30, per="user")


def answer(messages: list[BaseMessage]) -> str:
    """Stand in for a model."""
    return f"You ask for {messages[-1].content}. There is much to say of that, and here is all of it."


model = ScriptedChatModel(answer, model="small")
chain = (ChatPromptTemplate.from_messages([("human", "{question}")]) | model | StrOutputParser()).with_config(
    run_name="ask"
)


class WhoseCall:
    """Says whose call it is of all that runs for a request, the stream of its answer included.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        user = Headers(scope=scope).get("x-user", "anonymous")
        with callspan.session(f"{user}-today", user=user):
            await self.app(scope, receive, send)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    callspan.instrument()  # or start it with opentelemetry-instrument
    undo = callspan.add_callback(budget)
    yield
    undo()
    callspan.flush()


app = FastAPI(lifespan=lifespan)
app.add_middleware(WhoseCall)


@app.get("/ask")
async def ask(question: str, request: Request) -> StreamingResponse:
    """Answer word by word; 429 if nothing is left."""
    if not budget.left(request.headers.get("x-user", "anonymous"))["output_tokens"]:
        raise HTTPException(429, "your budget is spent")
    return StreamingResponse(words(question), media_type="text/plain")


async def words(question: str) -> AsyncIterator[str]:
    try:
        async for word in chain.astream({"question": question}):
            yield word
    except callspan.Stop as stop:
        yield f" [{stop}]"
