"""Work shared out over processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import count, islice
from pathlib import Path

import psutil
import pytest

from streams.pairs.crew import AHEAD, Crew, CrewError

MANY = 20
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _found_by_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    # They look for the functions of this file where their parent would.
    monkeypatch.syspath_prepend(ROOT)


def twice(number: int) -> int:
    return 2 * number


def here(_number: int) -> int:
    return os.getpid()


def fail(number: int) -> int:
    raise ValueError(number)


def die(number: int) -> int:
    if number == MANY // 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("processes", [0, 1, 2])
def test_results_come_in_the_order_of_the_items(processes: int) -> None:
    with Crew(processes) as crew:
        assert list(crew(twice, range(MANY + 3))) == [2 * n for n in range(MANY + 3)]
        assert list(crew(twice, ())) == []


def test_several_pieces_are_done_elsewhere_and_one_here() -> None:
    with Crew(2) as crew:
        assert list(crew(here, [1])) == [os.getpid()]
        assert os.getpid() not in set(crew(here, range(MANY)))
    with Crew(0) as alone:
        assert set(alone(here, range(MANY))) == {os.getpid()}


def test_items_are_taken_only_some_way_ahead() -> None:
    numbers = count()
    with Crew(2) as crew:
        assert list(islice(crew(twice, numbers), 3)) == [0, 2, 4]
    assert next(numbers) <= 2 * AHEAD + 4


def test_two_streams_of_work_share_the_processes() -> None:
    with Crew(2) as crew:
        assert list(crew(twice, crew(twice, range(MANY)))) == [4 * n for n in range(MANY)]


def test_a_mistake_of_the_function_is_told() -> None:
    with Crew(1) as crew, pytest.raises(ValueError, match="0"):
        list(crew(fail, range(MANY)))


def test_a_killed_process_is_told() -> None:
    with Crew(2) as crew, pytest.raises(CrewError, match="--processes 0"):
        list(crew(die, range(MANY)))


def test_processes_end_with_their_parent() -> None:
    code = (
        "from itertools import count\n"
        "from tests.streams.pairs.test_crew import twice\n"
        "from streams.pairs.crew import Crew\n"
        "import psutil\n"
        "with Crew(2) as crew:\n"
        "    done = crew(twice, count())\n"
        "    next(done)\n"
        "    print(*(child.pid for child in psutil.Process().children()), flush=True)\n"
        "    for _ in done: pass\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        helpers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(helpers) >= 2
        parent.kill()
    deadline = time.monotonic() + 60
    while any(map(psutil.pid_exists, helpers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
