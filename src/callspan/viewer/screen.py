"""The terminal that callspan shares with the program: lines that are drawn again, lines that stay, and the keyboard."""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from threading import RLock
from typing import IO, Any

from callspan.viewer.background import Background, is_on_loop
from callspan.viewer.terminal import Look, cells, is_terminal, look_of, size_of

_CODES = re.compile(r"\x1b\[[0-9;]*m")

# Audit events of processes that write to the same terminal, past us
_OTHERS = frozenset({"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"})


class Screen:
    """Shows lines in a stream; those that are drawn make way for what the program writes there.

    Args:
        stream: Where they go.
        ascii: Whether only ASCII signs are wanted.
        plain: Whether neither colours nor movement are wanted.
    """

    def __init__(self, stream: IO[str] | None, *, ascii: bool = False, plain: bool = False) -> None:  # noqa: A002 - the option's name
        self._stream = stream
        self._ascii, self._plain = ascii, plain
        self._drawn: list[str] = []
        self._within_line = False  # the program has begun a line: nothing may be drawn behind it
        self.lock = RLock()  # a generator that ends while we write may write a line itself
        self._typing = 0
        self._withdrawn = False
        self.when_cleared: Callable[[], None] | None = None
        self._later: Background[tuple[IO[str], str]] = Background(_write_texts, "callspan-screen", pause=0)
        self.look = self._current_look()

    def _current_look(self) -> Look:
        look = look_of(self._stream, ascii=self._ascii, plain=self._plain)
        # Where nothing can be drawn again there are plain lines, which somebody's `grep` may read.
        return look if look.moving else look_of(self._stream, plain=True)

    @property
    def is_watched(self) -> bool:
        """Whether it is a terminal."""
        return is_terminal(self._stream)

    @property
    def is_moving(self) -> bool:
        """Whether lines can be drawn again."""
        return self.look.moving

    def measure(self) -> Look:
        """Return how lines look now: the window may have been resized."""
        if self.is_moving and size_of(self._stream) != (self.look.width, self.look.height):
            self.look = self._current_look()
        return self.look

    def say(self, lines: Sequence[str]) -> None:
        """Write lines that stay, above those that are drawn."""
        with self.lock:
            drawn = self._drawn
            begun = "\n" if self._within_line else ""
            self._within_line = False
            self._write(self._erasure() + begun + "".join(f"{line}\n" for line in (*lines, *drawn)))
            self._drawn = drawn

    def draw(self, lines: Sequence[str]) -> None:
        """Replace the lines that were drawn before, unless the program is in the middle of a line of its own."""
        with self.lock:
            held = self._within_line or self._typing or self._withdrawn
            if held or not self.is_moving or list(lines) == self._drawn:
                return
            self._write(self._erasure() + "".join(f"{line}\n" for line in lines))
            self._drawn = list(lines)

    def write_for(self, write: Callable[[Any], int], text: Any) -> int:
        """Call the program's own `write`, after the drawn lines are erased."""
        with self.lock:
            if not text or not isinstance(text, str):
                return write(text)  # which raises for what is no text
            if self._drawn:
                self._write(self._erasure())
                if self.when_cleared is not None:
                    self.when_cleared()
            visible = _CODES.sub("", text) if "\x1b" in text else text
            if visible:
                self._within_line = not visible.endswith("\n")
            return write(text)

    def while_typing(self, read: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that reads from the keyboard such that nothing is drawn until it returns."""

        @wraps(read)
        def reading(*args: Any, **kwargs: Any) -> Any:
            with self.lock:
                self._write(self._erasure())
                self._typing += 1
            try:
                return read(*args, **kwargs)
            finally:
                with self.lock:
                    self._typing -= 1
                    self._within_line = False

        return reading

    def withdraw(self) -> None:
        """Erase what is drawn and draw no more; lines that stay are still written."""
        with self.lock:
            self._write(self._erasure())
            self._withdrawn = True

    def forget(self) -> None:
        """Stop drawing, in a forked process: what is drawn belongs to its parent."""
        self.lock = RLock()
        self._drawn = []

    def share(self) -> None:
        """Replace the program's streams on this terminal by ones that make it give way."""
        if not self.is_moving:
            return
        streams: Any = sys  # whatever has the methods is a stream
        streams.stderr = _Output(sys.stderr, self)
        if is_terminal(sys.stdout):
            streams.stdout = _Output(sys.stdout, self)
        if is_terminal(sys.stdin):
            streams.stdin = _Input(sys.stdin, self)
            builtins.input = self.while_typing(builtins.input)  # it writes its prompt past `sys.stdout`
        sys.addaudithook(lambda event, args: self.withdraw() if event in _OTHERS else None)

    def _erasure(self) -> str:
        """Return the codes that erase what is drawn, which counts as erased from here on."""
        if not self._drawn:
            return ""
        width, _ = size_of(self._stream)
        # A window that was made narrower has broken the lines.
        rows = sum(max(1, -(-cells(_CODES.sub("", line)) // width)) for line in self._drawn)
        self._drawn = []
        return f"\x1b[{rows}A\r\x1b[J"

    def _write(self, text: str) -> None:
        if not text or self._stream is None:
            return
        on_loop = is_on_loop()
        if self._later.has_begun and not on_loop:
            self._later.flush(1)
        try:
            _write_texts([(self._stream, text)])
        except Exception:  # a detector of blocking calls, for a stream that is not the program's stderr any more
            if not on_loop:
                raise
            self._later.put((self._stream, text))


def _write_texts(texts: Sequence[tuple[IO[str], str]]) -> None:
    for stream, text in texts:
        try:
            stream.write(text)
            stream.flush()
        except (OSError, ValueError):  # nobody reads it any more: the program goes on
            return


class _Stream:
    """Stands in for a stream of the program's; what it does not do itself, the stream does."""

    def __init__(self, stream: Any, screen: Screen) -> None:
        self._stream = stream
        self._screen = screen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> Any:
        self._stream.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.__exit__(*error)


class _Output(_Stream):
    """Stands in for stdout or stderr."""

    def write(self, text: str, /) -> int:
        written = self._screen.write_for(self._stream.write, text)
        self._stream.flush()  # else what we write would come before it
        return written

    def writelines(self, lines: Any) -> None:
        for text in lines:
            self.write(text)

    @property
    def buffer(self) -> Any:
        return _Bytes(self._stream.buffer, self._screen)


class _Bytes(_Stream):
    """Stands in for the bytes below stdout or stderr."""

    def write(self, data: Any, /) -> int:
        self._screen.withdraw()  # nobody knows where the lines of bytes end
        written: int = self._stream.write(data)
        self._stream.flush()
        return written


class _Input(_Stream):
    """Stands in for stdin: what is typed is seen on the terminal too."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._stream, name)
        return self._screen.while_typing(found) if name in ("read", "readline", "readlines") else found

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self._screen.while_typing(next)(self._stream)
