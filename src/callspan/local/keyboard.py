"""What is typed, on the terminal that is drawn on: it stands there too, so nothing is drawn while it is waited for."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from callspan.local.screen import Proxy, Screen, Stand
from callspan.local.tree_look import is_terminal


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
