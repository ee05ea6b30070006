"""The terminal that callspan shares with the program: lines that are drawn again, lines that stay, and the keyboard."""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from threading import RLock
from typing import IO, Any

from callspan.viewer.background import Background, is_on_loop
from callspan.viewer.terminal import Look, cells, is_terminal, look_of, size_of

_CODES = re.compile(r"\x1b\[[0-9;]*m")


class Screen:
    """Where lines are shown.

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
        self.lock = RLock()  # a generator that ends while we write may have something to say itself
        self._typing = 0
        self._stopped = self._withdrawn = False
        self.when_cleared: Callable[[], None] | None = None
        self._later: Background[tuple[IO[str], str]] = Background(_write_texts, "callspan-screen", pause=0)
        self.look = self._look()

    def _look(self) -> Look:
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
        """Return how lines look now: somebody may have pulled at the window."""
        if self.is_moving and size_of(self._stream) != (self.look.width, self.look.height):
            self.look = self._look()
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
        """Put lines where those stand that were drawn before; they are drawn when the program is at a line's begin."""
        with self.lock:
            held = self._within_line or self._typing or self._stopped or self._withdrawn
            if held or not self.is_moving or list(lines) == self._drawn:
                return
            self._write(self._erasure() + "".join(f"{line}\n" for line in lines))
            self._drawn = list(lines)

    def write_for(self, write: Callable[[Any], int], text: Any) -> int:
        """Allow the program to write: what is drawn makes way."""
        with self.lock:
            if not text or not isinstance(text, str):
                return write(text)  # which says what is wrong with it
            if self._drawn:
                self._write(self._erasure())
                if self.when_cleared is not None:
                    self.when_cleared()
            seen = _CODES.sub("", text) if "\x1b" in text else text
            if seen:
                self._within_line = not seen.endswith("\n")
            return write(text)

    @contextmanager
    def typing(self) -> Generator[None]:
        """Draw nothing in this block: somebody types, and ends it with a line's end."""
        with self.lock:
            self._write(self._erasure())
            self._typing += 1
        try:
            yield
        finally:
            with self.lock:
                self._typing -= 1
                self._within_line = False

    def withdraw(self) -> None:
        """Move no more: others write here too, whose lines would be taken away with ours. What is said still is."""
        with self.lock:
            self._write(self._erasure())
            self._withdrawn = True

    def stop(self) -> None:
        """Erase what is drawn, and draw no more."""
        with self.lock:
            self._write(self._erasure())
            self._stopped = True

    def forget(self) -> None:
        """Stop drawing, in a process of its own: what is drawn is another's."""
        self.lock = RLock()
        self._drawn = []

    def _erasure(self) -> str:
        """Return what takes away that which is drawn; it counts as taken away."""
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


class Stand:
    """Stands for a stream on the same terminal; what it does not do itself is the stream's own.

    Args:
        stream: The stream.
        screen: The terminal.
    """

    def __init__(self, stream: Any, screen: Screen) -> None:
        self._stream = stream
        self._screen = screen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Bytes(Stand):
    """Stands for the stream of bytes below the program's own."""

    def write(self, data: Any, /) -> int:
        """Write, when what is drawn has made way; where its lines end we do not know."""
        self._screen.withdraw()
        written: int = self._stream.write(data)
        self._stream.flush()
        return written


class Proxy(Stand):
    """Stands for a stream that the program writes."""

    def write(self, text: str, /) -> int:
        """Write, when what is drawn has made way."""
        written = self._screen.write_for(self._stream.write, text)
        self._stream.flush()  # else what we write would come before it
        return written

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for text in lines:
            self.write(text)

    @property
    def buffer(self) -> Any:
        """The stream below, for bytes."""
        return Bytes(self._stream.buffer, self._screen)

    def __iter__(self) -> Any:
        return iter(self._stream)

    def __enter__(self) -> Any:
        self._stream.__enter__()
        return self

    def __exit__(self, *said: object) -> None:
        self._stream.__exit__(*said)


class Keyboard(Stand):
    """Stands for the program's stdin."""

    def read(self, *size: Any) -> Any:
        """Read all, or so much."""
        with self._screen.typing():
            return self._stream.read(*size)

    def readline(self, *size: Any) -> Any:
        """Read a line."""
        with self._screen.typing():
            return self._stream.readline(*size)

    def readlines(self, *size: Any) -> Any:
        """Read lines."""
        with self._screen.typing():
            return self._stream.readlines(*size)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with self._screen.typing():
            return next(self._stream)


def asking(screen: Screen, ask: Callable[..., str]) -> Callable[..., str]:
    """Return `input` such that nothing is drawn until it is answered; it writes its prompt past `sys.stdout`."""

    @wraps(ask)
    def asked(*prompt: Any) -> str:
        with screen.typing():
            return ask(*prompt)

    return asked


# What Python tells of processes that write to the same terminal, past us
_OTHERS = frozenset({"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"})


def _listener(screen: Screen) -> Callable[[str, Any], None]:
    def heard(event: str, told: Any) -> None:
        if event in _OTHERS:
            screen.withdraw()

    return heard


def share(screen: Screen) -> None:
    """Notify the program's streams of the terminal that is drawn on, as far as they are on it."""
    if not screen.is_moving:
        return
    streams: Any = sys  # whatever has the methods is a stream
    streams.stderr = Proxy(sys.stderr, screen)
    if is_terminal(sys.stdout):
        streams.stdout = Proxy(sys.stdout, screen)
    sys.addaudithook(_listener(screen))
    if is_terminal(sys.stdin):
        streams.stdin = Keyboard(sys.stdin, screen)
        builtins.input = asking(screen, builtins.input)
