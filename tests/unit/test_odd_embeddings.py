"""Embeddings classes as users write them: odd ones cost their span at most."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import replace

import pytest
from langchain_core.embeddings import Embeddings

from callspan.core import state


@pytest.fixture
def in_production(recording, monkeypatch):
    """What fails is logged and does not raise, as it is for users."""
    inforce = state.active()
    monkeypatch.setattr(state, "_current", replace(inforce, settings=replace(inforce.settings, strict=False)))


def test_a_method_that_hands_a_coroutine_on_is_a_body_to_its_end(http, tree):
    """A plain function that returns another one's coroutine: the span lasts until that is done."""

    class Handing(Embeddings):
        def embed_documents(self, texts):
            return [self.embed_query(text) for text in texts]

        def embed_query(self, text):
            return [1.0]

        def aembed_query(self, text):
            return self._embed(text)

        async def _embed(self, text):
            http()
            return [2.0]

    assert asyncio.run(Handing().aembed_query("x")) == [2.0]
    assert tree() == "embeddings\n  http\n"


def test_a_class_statement_never_fails_because_of_us(recording):
    """A decorator that copies the looks of a callable object makes a method without code."""

    class Odd(Embeddings):
        def embed_documents(self, texts):
            return [[1.0] for _ in texts]

        @functools.wraps(functools.partial(print))
        def embed_query(self, text):
            return [1.0]

    assert Odd().embed_query("x") == [1.0]
    assert Odd().embed_documents(["x"]) == [[1.0]]


@pytest.mark.may_log
def test_a_model_name_that_cannot_be_read_costs_the_name(in_production, tree):
    """The span is there, without the second word of its name."""

    class Unready(Embeddings):
        @property
        def model(self):
            raise RuntimeError("not loaded")

        def embed_documents(self, texts):
            return [[1.0] for _ in texts]

        def embed_query(self, text):
            return [1.0]

    assert Unready().embed_query("x") == [1.0]
    assert tree() == "embeddings\n"
