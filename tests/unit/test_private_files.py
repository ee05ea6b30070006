"""Files are opened for their owner alone, and nothing at the other end of a path is waited for."""

from __future__ import annotations

import gzip
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from callspan.viewer.private import NotAFile, open_private, open_readable
from callspan.viewer.read import opened

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes, pipes and descriptors are POSIX's")

APPEND = os.O_CREAT | os.O_APPEND | os.O_WRONLY


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o640, 0o600])
def test_a_file_that_is_there_is_closed_to_others_before_it_is_written(tmp_path, mode):
    path = tmp_path / "there"
    path.write_text("old ")
    path.chmod(mode)
    with os.fdopen(open_private(path, APPEND), "a") as file:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        file.write("new")
    assert path.read_text() == "old new"


def test_a_new_file_is_its_owners_alone(tmp_path):
    os.close(open_private(tmp_path / "new", APPEND))
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


def test_devices_keep_their_mode():
    before = Path(os.devnull).stat().st_mode
    os.close(open_private(os.devnull, APPEND))
    assert Path(os.devnull).stat().st_mode == before


def test_a_pipe_without_a_reader_a_directory_and_a_socket_are_refused_in_words(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name, why in {
            "pipe": "it is a named pipe that nobody reads",
            "folder": "it is a directory",
            "socket": "it is a socket",
        }.items():
            with pytest.raises(NotAFile, match=why):
                open_private(tmp_path / name, APPEND)


def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotAFile, match="it is a named pipe that nobody writes"):
        open_readable(tmp_path / "pipe")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_pipe_that_somebody_writes_is_read_whole(pack):
    content = os.urandom(200_000) + b"\nend"
    reading, writing = os.pipe()

    def write():
        with os.fdopen(writing, "wb") as file:
            file.write(pack(content))

    thread = Thread(target=write)
    thread.start()
    with opened(f"/dev/fd/{reading}") as file:
        assert file.read() == content
    thread.join()
    os.close(reading)


def test_a_file_never_takes_the_place_of_a_closed_stream(tmp_path):
    program = """
import os
from callspan.viewer.private import open_private
file = open_private("t", os.O_CREAT | os.O_WRONLY)
print(file > 2, os.get_inheritable(file))
"""
    command = ["sh", "-c", f"{sys.executable} -c '{program}' 2>&- <&-"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout == "True False\n"
