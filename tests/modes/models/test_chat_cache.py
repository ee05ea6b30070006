"""A chat model with a cache: on a hit there is a run, and the body is not called."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import get_llm_cache, set_llm_cache
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ANSWER, ChatInvoking

MISS_AND_HIT = """\
chat m
  http
chat m
"""


@pytest.fixture
def process_cache() -> Iterator[None]:
    """The cache that every model of the process uses."""
    before = get_llm_cache()
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(before)


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_miss_then_hit_in_the_models_own_cache(form: str, chat: ChatInvoking, tree: Callable[..., str]) -> None:
    """A hit is a span without what the body does."""
    chat.cache = InMemoryCache()
    assert [call(form, chat, "hello").content for _ in range(2)] == [ANSWER] * 2
    assert tree() == MISS_AND_HIT


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_miss_then_hit_in_the_cache_of_the_process(
    form: str, chat: ChatInvoking, process_cache: None, tree: Callable[..., str]
) -> None:
    """The cache of the process is heard like the model's own."""
    assert [call(form, chat, "hello").content for _ in range(2)] == [ANSWER] * 2
    assert tree() == MISS_AND_HIT


class CacheOverHTTP(InMemoryCache):
    """Asks somebody else at each look-up and at each update."""

    def __init__(self, work: Callable[[str], None]) -> None:
        super().__init__()
        self.work = work

    def lookup(self, prompt: str, llm_string: str) -> object:  # type: ignore[override]
        self.work("lookup")
        return super().lookup(prompt, llm_string)

    def update(self, prompt: str, llm_string: str, return_val: object) -> None:  # type: ignore[override]
        self.work("update")
        super().update(prompt, llm_string, return_val)  # type: ignore[arg-type]

    async def alookup(self, prompt: str, llm_string: str) -> object:  # type: ignore[override]
        return self.lookup(prompt, llm_string)

    async def aupdate(self, prompt: str, llm_string: str, return_val: object) -> None:  # type: ignore[override]
        self.update(prompt, llm_string, return_val)


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_what_the_cache_does_is_the_calls(
    form: str, chat: ChatInvoking, http: Callable[..., None], tree: Callable[..., str]
) -> None:
    """A cache that calls a server does so under the model's span."""
    chat.cache = CacheOverHTTP(http)
    for _ in range(2):
        call(form, chat, "hello")
    assert (
        tree()
        == """\
chat m
  lookup
  http
  update
chat m
  lookup
"""
    )
