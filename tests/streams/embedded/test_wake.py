import os
import select
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from streams.embedded.log import Log
from streams.embedded.records import Entry
from streams.embedded.wake import Bell, wake


def rings(bell: Bell) -> bool:
    return bool(select.select(bell.descriptors, [], [], 0)[0])


def pipes(side: Path) -> list[Path]:
    return [path for path in (side / "wake").rglob("*") if path.is_fifo()]


def test_only_readers_of_the_topic_are_woken(tmp_path: Path) -> None:
    one, both = Bell(tmp_path, ["a"]), Bell(tmp_path, ["a", "b"])
    wake(tmp_path, ["b"])
    assert not rings(one)
    assert rings(both)
    both.silence()
    assert not rings(both)
    wake(tmp_path, ["a"])
    assert rings(one)
    assert rings(both)
    one.close()
    both.close()
    assert pipes(tmp_path) == []


def test_a_topic_nobody_reads_is_no_error(tmp_path: Path) -> None:
    wake(tmp_path, ["nobody"])


@pytest.mark.parametrize("topic", ["..", ".", "a/b", "ü"])
def test_a_topics_name_cannot_leave_the_folder(tmp_path: Path, topic: str) -> None:
    bell = Bell(tmp_path, [topic])
    assert [path.parent.parent for path in pipes(tmp_path)] == [tmp_path / "wake"]
    wake(tmp_path, [topic])
    assert rings(bell)
    bell.close()


def test_a_full_pipe_does_not_hold_up_who_rings(tmp_path: Path) -> None:
    bell = Bell(tmp_path, ["a"])
    for _ in range(70_000):
        wake(tmp_path, ["a"])
    bell.silence()
    assert not rings(bell)
    bell.close()


def test_a_dead_consumers_pipe_is_removed(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from streams.embedded.wake import Bell;"
        "Bell(Path(sys.argv[1]), ['a']); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert len(pipes(tmp_path)) == 1
    wake(tmp_path, ["a"])
    assert pipes(tmp_path) == []


def test_no_pipe_is_lost_to_writers_who_take_it_for_left_over(tmp_path: Path) -> None:
    done = threading.Event()

    def ring() -> None:
        while not done.is_set():
            wake(tmp_path, ["a"])

    writers = [threading.Thread(target=ring) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(200):
            bell = Bell(tmp_path, ["a"])
            (fd,) = bell.descriptors
            (pipe,) = pipes(tmp_path)
            assert os.path.samestat(os.fstat(fd), pipe.stat())
            bell.close()
    finally:
        done.set()
        for writer in writers:
            writer.join()


def test_an_append_wakes(log: Log) -> None:
    log.create_topic("t", 1)
    bell = Bell(log.database.side, ["t"])
    log.append_many([Entry("t", 0, 1, None, b"v")])
    assert rings(bell)
    bell.close()
