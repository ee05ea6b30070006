"""A terminal of a few words, and programs that run on one."""

from __future__ import annotations

import os
import re
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.cli.conftest import environment

_SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b.|[\r\n]|[^\x1b\r\n]+")


class Screen:
    """What somebody would see: all lines that were ever written, with the cursor moved as they ask for it."""

    def __init__(self) -> None:
        self.lines = [""]
        self.row = self.column = 0
        self.unknown: list[str] = []

    def feed(self, text: str) -> None:
        """Show what was written."""
        for found in _SEQUENCE.finditer(text):
            whole, number, letter = found[0], found[1], found[2]
            if whole == "\r":
                self.column = 0
            elif whole == "\n":
                self.row += 1
                self.lines += [""] * (self.row + 1 - len(self.lines))
            elif letter == "A":
                self.row = max(0, self.row - int(number or 1))
            elif letter == "J":
                self.lines[self.row] = self.lines[self.row][: self.column]
                del self.lines[self.row + 1 :]
            elif letter == "m":
                pass
            elif whole.startswith("\x1b"):
                self.unknown.append(whole)
            else:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + whole + line[self.column + len(whole) :]
                self.column += len(whole)

    @property
    def text(self) -> str:
        """What is seen, without the spaces at the ends."""
        return "\n".join(line.rstrip() for line in self.lines)


_TAKE_IT = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
"""Makes the terminal that of the process, so that Ctrl-C comes from it; a fork of our own would warn of our threads."""


class OnTerminal:
    """A program on a terminal of its own.

    Args:
        command: What is run.
        folder: Where.
        size: The lines and columns of the terminal.
        echo: Whether what is typed is seen; typed past Python, it would push what is drawn down.
        **variables: Variables to set.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        size: tuple[int, int] = (30, 110),
        *,
        echo: bool = False,
        **variables: str,
    ) -> None:
        import fcntl
        import pty
        import termios

        self.screen = Screen()
        self.raw = ""
        self._terminal, programs = pty.openpty()
        told = termios.tcgetattr(programs)
        if not echo:
            told[3] &= ~termios.ECHO
            termios.tcsetattr(programs, termios.TCSANOW, told)
        fcntl.ioctl(programs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_IT, *command],
            cwd=folder,
            env=environment(**{"TERM": "xterm-256color"} | variables),
            stdin=programs,
            stdout=programs,
            stderr=programs,
            start_new_session=True,
        )
        os.close(programs)

    def until(self, seen: Callable[[str], bool], seconds: float = 60) -> str:
        """Read until something is seen; gives what is seen then."""
        end = time.monotonic() + seconds
        while not seen(self.screen.text):
            ready, _, _ = select.select([self._terminal], [], [], max(0, end - time.monotonic()))
            assert ready, f"not seen in time; seen:\n{self.screen.text}"
            if not self._read():
                break
        return self.screen.text

    def _read(self) -> bool:
        try:
            piece = os.read(self._terminal, 65536).decode(errors="replace")
        except OSError:  # Linux says so at the end
            return False
        self.raw += piece
        self.screen.feed(piece)
        return bool(piece)

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._terminal, text.encode())

    def end(self, number: int | None = None) -> int:
        """Wait for the end, after a signal if one is given; gives the exit code, negative for a signal."""
        if number is not None:
            self._process.send_signal(number)
        self.until(lambda text: False)
        return self._process.wait(60)

    def kill(self) -> None:
        """End it in any case."""
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)
