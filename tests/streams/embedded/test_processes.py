"""Several processes on one log, and what is left when one is killed."""

import random
import subprocess
import sys
from pathlib import Path

from streams.embedded.log import Log

WRITE = """
import sys
from streams.embedded.log import Log
from streams.embedded.records import Entry

path, name, count = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])
log = Log(path)
for number in range(count):
    (offset, _) = log.append_many(
        [Entry("t", 0, number, name, b"%d" % number), Entry("t", 1, number, name, b"x" * 2000)]
    )
    print(offset, flush=True)
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path), name, str(count)], stdout=subprocess.PIPE
    )


def test_writers_in_several_processes_take_turns(log: Log) -> None:
    log.create_topic("t", 2)
    writers = [writer(log.path, name, 150) for name in ("a", "b", "c")]
    offsets = [int(line) for each in writers for line in each.communicate()[0].split()]
    assert sorted(offsets) == list(range(450))
    records = log.read("t", 0, 0, max_records=1000)
    assert [record.offset for record in records] == list(range(450))
    for name in (b"a", b"b", b"c"):
        mine = [int(record.value or b"") for record in records if record.key == name]
        assert mine == list(range(150))


def test_nobody_waits_long_for_their_turn(log: Log) -> None:
    log.create_topic("t", 2)
    writers = [writer(log.path, name, 10_000_000) for name in ("a", "b")]
    try:
        lines = [each.stdout for each in writers if each.stdout is not None]
        for _ in range(200):
            for line in lines:
                assert line.readline()
    finally:
        for each in writers:
            each.kill()
            each.communicate()
    # Both were made to write the same number of records, so neither can have been shut out; and
    # neither ran far ahead of what was read of it, which is bounded by the pipe.
    records = log.read("t", 0, 0, max_records=100_000, max_bytes=1 << 30)
    shares = [sum(record.key == name for record in records) for name in (b"a", b"b")]
    assert min(shares) * 4 > max(shares)


def test_what_was_acknowledged_survives_being_killed(log: Log) -> None:
    log.create_topic("t", 2)
    chance = random.Random(7)
    expected = 0
    for _ in range(3):
        process = writer(log.path, "a", 1_000_000)
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(chance.randrange(1, 150))]
        process.kill()
        acknowledged += [int(line) for line in process.stdout.read().splitlines() if line]
        process.wait()
        process.stdout.close()
        assert acknowledged == list(range(expected, expected + len(acknowledged)))
        expected = log.high_water("t", 0)
        # One more may have been committed without the chance to say so.
        assert 0 <= expected - 1 - acknowledged[-1] <= 1
        assert log.high_water("t", 1) == expected
    records = log.read("t", 0, 0, max_records=100_000, max_bytes=1 << 30)
    assert [record.offset for record in records] == list(range(expected))
