import os
import sqlite3
import stat
from pathlib import Path

import pytest

from streams.embedded.log import Log
from streams.embedded.records import (
    Entry,
    Lag,
    LogError,
    LogFull,
    RecordTooLarge,
    StaleGeneration,
    Topic,
    UnknownTopic,
)


def entry(partition: int = 0, value: bytes | None = b"v", time_ms: int = 1, topic: str = "t"):
    return Entry(topic, partition, time_ms, b"k", value)


def test_a_topic_keeps_what_it_was_first_declared_with(log: Log) -> None:
    first = log.create_topic("t", 3, retention_ms=5)
    assert first == Topic("t", 3, retention_ms=5)
    assert log.create_topic("t", 7, compact=True) == first
    assert log.topics() == [first]
    assert log.partitions("t") == 3


def test_a_topic_needs_a_partition(log: Log) -> None:
    with pytest.raises(LogError, match="at least one partition"):
        log.create_topic("t", 0)


def test_retention_can_be_changed_later(log: Log) -> None:
    log.create_topic("t", 1)
    log.set_retention("t", retention_ms=10, retention_bytes=20)
    assert log.topic("t") == Topic("t", 1, 10, 20)
    with pytest.raises(UnknownTopic):
        log.set_retention("other", retention_ms=1)


def test_offsets_are_dense_in_each_partition(log: Log) -> None:
    log.create_topic("t", 2)
    assert log.append_many([entry(0), entry(1), entry(0)]) == [0, 0, 1]
    assert log.append_many([entry(1), entry(0)]) == [1, 2]
    assert log.bounds([("t", 0), ("t", 1)]) == {("t", 0): (0, 3), ("t", 1): (0, 2)}


def test_a_record_comes_back_as_it_went_in(log: Log) -> None:
    log.create_topic("t", 1)
    headers = (("a", b"1"), ("a", b""), ("ü", b"\0\xff"))
    log.append_many(
        [
            Entry("t", 0, 123, b"key", b"value", headers),
            Entry("t", 0, 124, None, b""),
            Entry("t", 0, 125, b"", None),
        ]
    )
    assert log.read("t", 0, 0) == [
        (0, 123, b"key", b"value", headers),
        (1, 124, None, b"", ()),
        (2, 125, b"", None, ()),
    ]


def test_reading_is_bounded_by_records_and_by_bytes(log: Log) -> None:
    log.create_topic("t", 1)
    log.append_many([entry(value=b"x" * 1000) for _ in range(10)])
    assert len(log.read("t", 0, 0, max_records=3)) == 3
    assert len(log.read("t", 0, 0, max_bytes=3500)) == 3
    assert [r.offset for r in log.read("t", 0, 8)] == [8, 9]
    assert log.read("t", 0, 10) == []
    assert len(log.read("t", 0, 4, max_bytes=1)) == 1


def test_partitions_share_a_read_fairly(log: Log) -> None:
    log.create_topic("t", 3)
    log.append_many([entry(0)] * 100 + [entry(1)] * 100 + [entry(2)] * 2)
    positions = {("t", number): 0 for number in range(3)}
    found = log.read_many(positions, max_records=30)
    assert {at[1]: len(records) for at, records in found.items()} == {0: 10, 1: 10, 2: 2}
    found = log.read_many({("t", 2): 0, ("t", 0): 50, ("t", 1): 0}, max_records=30)
    assert {at[1]: len(records) for at, records in found.items()} == {2: 2, 0: 14, 1: 14}


def test_a_read_of_several_partitions_brings_a_large_record(log: Log) -> None:
    log.create_topic("t", 2)
    log.append_many([entry(0, b"x" * 5000), entry(1, b"x" * 5000)])
    found = log.read_many({("t", 0): 0, ("t", 1): 0}, max_bytes=100)
    assert [at[1] for at in found] == [0]


def test_a_record_of_eight_mib_is_taken_and_a_larger_one_refused(log: Log) -> None:
    log.create_topic("t", 1)
    large = os.urandom(8 * 1024 * 1024)
    log.append_many([entry(value=large)])
    assert log.read("t", 0, 0)[0].value == large
    with pytest.raises(RecordTooLarge, match="limit"):
        log.append_many([entry(), entry(value=large + b"x" * 64 * 1024)])
    assert log.high_water("t", 0) == 1


def test_an_append_to_what_does_not_exist_appends_nothing(log: Log) -> None:
    log.create_topic("t", 1)
    for wrong in (entry(1), entry(-1), entry(topic="other")):
        with pytest.raises(UnknownTopic):
            log.append_many([entry(), wrong])
    assert log.high_water("t", 0) == 0


def test_the_first_offset_at_or_after_a_time(log: Log) -> None:
    log.create_topic("t", 1)
    times = [1000 + number // 3 for number in range(3000)]
    times[10] = 1500  # one clock was ahead for a moment
    for start in range(0, 3000, 250):
        log.append_many([entry(time_ms=time_ms) for time_ms in times[start : start + 250]])
    for time_ms in (0, 1000, 1001, 1003, 1004, 1499, 1500, 1501, 1999, 2000):
        expected = next((at for at, when in enumerate(times) if when >= time_ms), None)
        assert log.offset_for_time("t", 0, time_ms) == expected


def test_commits_and_lag(log: Log) -> None:
    log.create_topic("t", 2)
    log.append_many([entry(0)] * 5)
    assert log.committed("g", [("t", 0)]) == {("t", 0): None}
    log.commit("g", {("t", 0): 3})
    assert log.committed("g", [("t", 0), ("t", 1)]) == {("t", 0): 3, ("t", 1): None}
    assert log.lag("g", "t") == {0: Lag(3, 0, 5), 1: Lag(None, 0, 0)}
    assert [lag.records for lag in log.lag("g", "t").values()] == [2, 0]
    assert log.groups() == ["g"]


def test_a_replaced_member_cannot_commit(log: Log) -> None:
    log.create_topic("t", 1)
    first = log.new_generation("g")
    second = log.new_generation("g")
    assert second > first
    log.commit("g", {("t", 0): 1}, generation=second)
    with pytest.raises(StaleGeneration):
        log.commit("g", {("t", 0): 7}, generation=first)
    assert log.committed("g", [("t", 0)]) == {("t", 0): 1}


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "log.db"
    log = Log(path)
    log.create_topic("t", 1)
    log.append_many([entry()])
    log.commit("g", {("t", 0): 1}, generation=log.new_generation("g"))
    log.close()
    log = Log(path)
    assert log.append_many([entry()]) == [1]
    assert log.committed("g", [("t", 0)]) == {("t", 0): 1}
    assert log.new_generation("g") == 2
    log.close()


def test_only_the_owner_may_read_it(log: Log) -> None:
    log.create_topic("t", 1)
    for path in [log.path, Path(f"{log.path}-wal"), *log.database.side.iterdir()]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_a_full_disk_is_told_and_survived(log: Log) -> None:
    log.create_topic("t", 1)
    log.append_many([entry()])
    with log.database.writing() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(LogFull, match="no space"):
        log.append_many([entry(value=b"x" * 1_000_000)])
    assert log.high_water("t", 0) == 1
    with log.database.writing() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    assert log.append_many([entry(value=b"x" * 1_000_000)]) == [1]


def test_the_write_ahead_log_stays_bounded_while_others_read(log: Log) -> None:
    log.create_topic("t", 1)
    reader = sqlite3.connect(log.path)
    for _ in range(60):
        log.append_many([entry(value=os.urandom(2_000_000))])
        reader.execute("SELECT max(id) FROM records").fetchall()
    reader.close()
    assert Path(f"{log.path}-wal").stat().st_size < 80 * 1024 * 1024


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("kafka://localhost", "expected embedded:///"),
        ("embedded://relative/log.db", "expected embedded:///"),
        ("embedded:///tmp/x.db?sync=full", "unknown option sync"),
    ],
)
def test_a_wrong_url_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(LogError, match=complaint):
        Log.from_url(url)


def test_a_url_names_the_file_and_its_durability(tmp_path: Path) -> None:
    log = Log.from_url(f"embedded://{tmp_path}/a%20b.db?synchronous=normal")
    assert log.path == tmp_path / "a b.db"
    log.close()
    with pytest.raises(LogError, match="'full' or 'normal'"):
        Log.from_url(f"embedded://{tmp_path}/c.db?synchronous=off")


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database" * 100)
    with pytest.raises(LogError, match="cannot open"):
        Log(tmp_path / "text.db")
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("PRAGMA user_version = 9")
    other.execute("CREATE TABLE x (y)")
    other.close()
    with pytest.raises(LogError, match="not a log"):
        Log(tmp_path / "other.db")
