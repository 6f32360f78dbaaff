from streams.embedded.compaction import TOMBSTONE_MS, compact, maintain
from streams.embedded.log import Log
from streams.embedded.records import Entry
from streams.embedded.retention import enforce_retention


def append(log: Log, *records: tuple[int, bytes | None, bytes | None], topic: str = "t") -> None:
    log.append_many([Entry(topic, 0, *record) for record in records])


def test_nothing_is_deleted_unless_asked(log: Log) -> None:
    log.create_topic("t", 1)
    append(log, (1, b"k", b"v"))
    assert maintain(log, 10**15) == 0
    assert log.low_water("t", 0) == 0


def test_retention_by_time_deletes_up_to_the_first_young_record(log: Log) -> None:
    log.create_topic("t", 1, retention_ms=100)
    append(log, *[(time_ms, None, b"v") for time_ms in (10, 20, 950, 30, 960)])
    assert enforce_retention(log, 1000) == 2
    assert log.bounds([("t", 0)]) == {("t", 0): (2, 5)}
    assert [record.offset for record in log.read("t", 0, 0)] == [2, 3, 4]
    assert log.offset_for_time("t", 0, 0) == 2
    assert enforce_retention(log, 5000) == 3
    assert log.bounds([("t", 0)]) == {("t", 0): (5, 5)}
    log.append_many([Entry("t", 0, 6000, None, b"v")])
    assert [record.offset for record in log.read("t", 0, 0)] == [5]


def test_retention_by_size_keeps_the_newest(log: Log) -> None:
    log.create_topic("t", 1, retention_bytes=25_000)
    append(log, *[(1, None, b"x" * 10) for _ in range(4000)])
    assert enforce_retention(log, 1) == 1500
    assert log.low_water("t", 0) == 1500
    assert enforce_retention(log, 1) == 0


def test_times_are_found_after_retention(log: Log) -> None:
    log.create_topic("t", 1, retention_bytes=30_000)
    for start in range(0, 5000, 500):
        append(log, *[(start + at, None, b"x" * 10) for at in range(500)])
    enforce_retention(log, 1)
    for time_ms in (0, 1999, 2000, 2001, 4999, 5000):
        expected = max(time_ms, 2000) if time_ms < 5000 else None
        assert log.offset_for_time("t", 0, time_ms) == expected


def test_compaction_keeps_the_newest_of_each_key_at_its_offset(log: Log) -> None:
    log.create_topic("t", 1, compact=True)
    append(log, (1, b"a", b"1"), (1, b"b", b"1"), (1, b"a", b"2"), (1, None, b"x"), (1, b"c", b"1"))
    assert compact(log, 10, min_dirty=1) == 1
    assert [(r.offset, r.key, r.value) for r in log.read("t", 0, 0)] == [
        (1, b"b", b"1"),
        (2, b"a", b"2"),
        (3, None, b"x"),
        (4, b"c", b"1"),
    ]
    assert log.bounds([("t", 0)]) == {("t", 0): (0, 5)}


def test_a_tombstone_stays_for_a_while_and_the_last_record_for_ever(log: Log) -> None:
    log.create_topic("t", 1, compact=True)
    append(log, (1, b"a", b"1"), (5, b"a", None), (6, b"b", b"1"), (7, b"b", None))
    assert compact(log, 10, min_dirty=1) == 2
    assert [r.offset for r in log.read("t", 0, 0)] == [1, 3]
    append(log, (8, b"c", None))
    assert compact(log, 10 + TOMBSTONE_MS, min_dirty=1, dirty_ratio=0) == 2
    assert [r.offset for r in log.read("t", 0, 0)] == [4]


def test_a_changelog_that_is_rewritten_for_ever_stays_small(log: Log) -> None:
    log.create_topic("t", 1, compact=True)
    for _ in range(30):
        append(log, *[(1, b"%d" % at, b"x" * 100) for at in range(200)])
        maintain(log, 10)
    assert len(log.read("t", 0, 0, max_records=10_000)) < 1500
    with log.database.reading() as connection:
        (size,) = connection.execute("SELECT bytes FROM partitions").fetchone()
        (stored,) = connection.execute("SELECT sum(length(key) + length(value)) FROM records")
    assert (size,) == stored


def test_compaction_waits_for_enough_new_records(log: Log) -> None:
    log.create_topic("t", 1, compact=True)
    append(log, *[(1, b"a", b"1")] * 999)
    assert compact(log, 1) == 0
    append(log, (1, b"a", b"1"))
    assert compact(log, 1) == 999
