"""What models say, for somebody who reads it while they say it: in another thread, or in the same event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import ExitStack
from typing import Any, Self

from callspan.callback.callback import Callback, is_selected
from callspan.callback.checks import texts
from callspan.callback.scope import callbacks
from callspan.core.run import FAILED, Run
from callspan.handlers.arguments import seconds, whole
from callspan.handlers.channel import Channel


class TokenStream(Callback):
    """The texts that models say within one run, to be read once, by `for` or by `async for`.

    It takes the first run that it hears and what that calls, and ends with it: the reader gets its exception if it
    failed. As a context manager it is a block that takes all runs in it, and ends with the block. Whoever stops
    reading, or is cancelled, lets go of it, and models go on without. Neither makes `invoke` stream.

    Args:
        names: The names of the models' runs whose tokens are wanted; empty: all.
        tags: Runs with one of these tags; empty: all.
        size: How many texts may wait for the reader; a model that is faster waits for the reader then.
        patience: For how many seconds. After that the reader gets a `TimeoutError`, and the model goes on without.
        lasting: Whether it outlasts the first run, until `close()`: for one that hears the whole process.

    Raises:
        TypeError: `names` or `tags` are no texts.
        ValueError: The size or the patience is none.
    """

    def __init__(
        self,
        *,
        names: Iterable[str] = (),
        tags: Iterable[str] = (),
        size: int = 1000,
        patience: float = 60.0,
        lasting: bool = False,
    ) -> None:
        self._names, self._tags = texts("names", names), texts("tags", tags)
        self._channel: Channel[str] = Channel(whole("size", size))
        self._patience = seconds("patience", patience)
        self._lasting = lasting
        self._run_id: Any = None  # of the run that is taken
        self._reader: asyncio.AbstractEventLoop | None = None
        self._block = ExitStack()

    def wants(self, run: Run) -> bool:
        """Return whether it is the run that is taken, or one inside it."""
        if self._channel.closed or run.is_foreign:
            return False
        if not self._lasting and self._run_id is None:
            self._run_id = run.id
        return self._lasting or run.id == self._run_id or self._run_id in run.ancestors

    def on_llm_new_token(self, run: Run, token: Any, chunk: Any) -> Any:
        return self._say(run, "token", _text_of(token))

    def on_stream_event(self, run: Run, event: Any) -> Any:
        inside = event.get("delta") if isinstance(event, Mapping) else None
        return self._say(run, "event", _text_of([inside]))

    def on_run_end(self, run: Run) -> None:
        if run.id == self._run_id:
            self._channel.close()

    def on_run_error(self, run: Run) -> None:
        if run.id == self._run_id:
            self._channel.close(run.error if run.outcome in FAILED else None)

    def close(self) -> None:
        """End it: what was said and not read yet can still be read."""
        self._channel.close()

    def __enter__(self) -> Self:
        self._lasting = True
        self._block.enter_context(callbacks(self))
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._block.close()
        self._channel.close(error if isinstance(error, Exception) else None)

    def __iter__(self) -> Generator[str]:
        """Wait for each text here; event loops of this thread wait too."""
        channel = self._channel
        try:
            while channel.wait(channel.has_news):
                if not (said := channel.take()):
                    break
                yield said[0]
            self._end()
        finally:
            channel.drop()

    async def __aiter__(self) -> AsyncGenerator[str]:
        channel, self._reader = self._channel, asyncio.get_running_loop()
        try:
            while await channel.awaited(channel.has_news):
                if not (said := channel.take()):
                    break
                yield said[0]
            self._end()
        finally:
            channel.drop()

    def _end(self) -> None:
        if self._channel.error is not None:
            raise self._channel.error

    def _say(self, run: Run, way: str, text: str) -> Any:
        """Add a text; where there is no room, wait for it."""
        if not text or not is_selected(run, (), self._names, self._tags):
            return None
        if run.state.setdefault(self, way) != way:  # some models tell of one text in both ways
            return None
        channel = self._channel
        if channel.has_room():
            channel.put(text)
            return None
        loop = _running_loop()
        if loop is not None:
            return self._say_later(text, loop)
        self._put(text, patient=channel.wait(channel.has_room, self._patience))
        return None

    async def _say_later(self, text: str, called_in: asyncio.AbstractEventLoop) -> None:
        """Likewise; a call that blocks its event loop blocks a reader there too, and cannot wait for that."""
        blocked = asyncio.get_running_loop() is not called_in and self._reader in (called_in, None)
        room = blocked or await self._channel.awaited(self._channel.has_room, self._patience)
        self._put(text, patient=room)

    def _put(self, text: str, *, patient: bool) -> None:
        if patient:
            self._channel.put(text)
        else:
            self._channel.close(TimeoutError(f"nobody has read the tokens for {self._patience:g} s"))


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _text_of(said: Any) -> str:
    """Return the words of the answer, of a text or of content blocks: neither thoughts nor calls of tools."""
    if isinstance(said, str):
        return said
    blocks = said if isinstance(said, (list, tuple)) else ()
    texts = (one.get("text") if isinstance(one, Mapping) else one for one in blocks)
    return "".join(text for text in texts if isinstance(text, str))
