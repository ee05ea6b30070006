"""What is handed to the thread that writes is written, in order, within the time there is, and dropped with a count."""

from __future__ import annotations

import asyncio
import os
import sys
from threading import Event, Thread, get_ident

import pytest

from callspan.viewer.background import Background


def test_it_writes_in_order_in_a_thread_of_its_own():
    written: list[int] = []
    threads: set[int] = set()

    def write(items):
        written.extend(items)
        threads.add(get_ident())

    background = Background(write, "test")
    for number in range(1000):
        background.put(number)
    assert background.flush(10)
    assert written == list(range(1000))
    assert get_ident() not in threads


def test_what_comes_after_the_end_is_written_at_once():
    written: list[int] = []
    background = Background(written.extend, "test")
    background.put(1)
    assert background.close(10)
    background.put(2)
    assert written == [1, 2]


def test_nobody_waits_longer_than_wanted_for_a_file_that_takes_nothing():
    blocked, go_on = Event(), Event()

    def write(items):
        blocked.set()
        go_on.wait()

    background = Background(write, "test")
    background.put(1)
    blocked.wait()
    assert not background.flush(0.01)
    assert not background.close(0.01)
    go_on.set()
    assert background.flush(10)


def test_an_event_loop_drops_what_has_no_room_and_counts_it():
    go_on = Event()
    background = Background(lambda items: go_on.wait(), "test", limit=10)

    async def main():
        for number in range(400):
            background.put(number)

    asyncio.run(main())
    assert background.dropped >= 400 - 10 - 257
    go_on.set()
    assert background.flush(10)


def test_a_thread_without_a_loop_waits_for_room():
    written: list[int] = []
    background = Background(written.extend, "test", limit=10)
    threads = [Thread(target=lambda: [background.put(number) for number in range(500)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert background.flush(10)
    assert (len(written), background.dropped) == (1500, 0)


@pytest.mark.may_log
def test_what_fails_is_logged_once_and_the_next_is_written(caplog):
    written: list[str] = []

    def write(items):
        if "bad" in items:
            raise OSError("no space")
        written.extend(items)

    background = Background(write, "test")
    for item in ("bad", "good", "bad", "better"):
        background.put(item)
        assert background.flush(10)
    assert (written, background.dropped) == (["good", "better"], 2)
    assert len(caplog.records) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="forks are POSIX's")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_writes_what_is_its_own(tmp_path):
    path = tmp_path / "written"

    def write(items):
        with path.open("a") as file:
            file.writelines(f"{item}\n" for item in items)

    background = Background(write, "test")
    background.put("parent")
    assert background.flush(10)
    with background.lock:
        child = os.fork()
    if child == 0:
        background.forget()
        background.put("child")
        os._exit(0 if background.flush(10) else 1)
    assert os.waitpid(child, 0)[1] == 0
    background.put("parent again")
    assert background.flush(10)
    assert path.read_text().splitlines() == ["parent", "child", "parent again"]
