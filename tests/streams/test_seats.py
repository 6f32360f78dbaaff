"""Each worker of a stage on a machine has a seat, and finds it again."""

import subprocess
import sys
from pathlib import Path

from streams.seats import Seat
from streams.stage import seat_table


def test_the_lowest_free_seat_is_taken(tmp_path: Path) -> None:
    first, second, third = (Seat(tmp_path, "extract") for _ in range(3))
    assert [each.number for each in (first, second, third)] == [0, 1, 2]
    assert [seat_table("extract", each.number) for each in (first, second)] == [
        "extract",
        "extract.1",
    ]
    assert len({each.member for each in (first, second, third)}) == 3
    second.close()
    again = Seat(tmp_path, "extract")
    assert (again.number, again.member) == (1, second.member)
    assert Seat(tmp_path, "prefilter").number == 0


def test_machines_are_told_apart(tmp_path: Path) -> None:
    one, two = Seat(tmp_path / "one", "extract"), Seat(tmp_path / "two", "extract")
    assert one.number == two.number
    assert one.member != two.member


def test_a_seat_is_free_once_its_worker_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from streams.seats import Seat;"
        "seat = Seat(Path(sys.argv[1]), 'extract'); print(seat.number, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    other = Seat(tmp_path, "extract")
    assert other.number == 1
    process.kill()
    process.wait()
    assert Seat(tmp_path, "extract").number == 0
    process.stdout.close()
    other.close()
