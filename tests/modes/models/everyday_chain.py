"""The everyday chain, `prompt | chat | parser`."""

from __future__ import annotations

from typing import Any

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

STREAMED = """\
invoke_workflow
  chain ChatPromptTemplate
  chat m
    http
    http
    http
  chain StrOutputParser
"""
GIVEN = {"topic": "bears"}


def everyday_chain(model: Any) -> Any:
    """Make the chain around a model."""
    return ChatPromptTemplate.from_template("tell me about {topic}") | model | StrOutputParser()


def by_start(tree: str) -> str:
    """Put the parser last: in a stream it starts first or last, as the version of LangChain likes."""
    lines = tree.splitlines(keepends=True)
    parser = [line for line in lines if "StrOutputParser" in line]
    return "".join([line for line in lines if line not in parser] + parser)
