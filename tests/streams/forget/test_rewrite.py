from __future__ import annotations

from pathlib import Path

import pytest

from streams.embedded.log import Log
from streams.embedded.records import Entry
from streams.forget.rewrite import rewrite

TOPIC = "c.turns"
SECRET = b"the Nightjar at nine"


@pytest.fixture
def log(tmp_path: Path) -> Log:
    made = Log(tmp_path / "log.db")
    made.create_topic(TOPIC, 2)
    for number in range(600):
        filler = b"%d " % number * 300
        said = SECRET if number in (3, 400, 599) else b"nothing"
        made.append_many([Entry(TOPIC, 0, number, b"k", filler + said)])
    made.append_many([Entry(TOPIC, 1, 5, b"k", b"elsewhere")])
    return made


def bytes_of(log: Log) -> bytes:
    return b"".join(
        path.read_bytes() for path in log.path.parent.glob(f"{log.path.name}*") if path.is_file()
    )


def test_no_byte_of_a_removed_record_is_left(log: Log) -> None:
    assert SECRET in bytes_of(log)
    rewrite(log, {(TOPIC, 0): [3, 400, 599]}, [])
    assert SECRET not in bytes_of(log)
    log.close()


def test_the_others_keep_their_offsets(log: Log) -> None:
    rewrite(log, {(TOPIC, 0): [3, 400]}, [])
    found = log.read(TOPIC, 0, 0, max_records=1000, max_bytes=1 << 30)
    assert [record.offset for record in found] == [n for n in range(600) if n not in (3, 400)]
    assert log.high_water(TOPIC, 0) == 600
    assert log.append_many([Entry(TOPIC, 0, 700, b"k", b"next")]) == [600]
    assert [record.value for record in log.read(TOPIC, 1, 0)] == [b"elsewhere"]
    log.close()


def test_a_group_does_not_wait_for_records_that_are_gone(log: Log) -> None:
    log.commit("behind", {(TOPIC, 0): 598})
    rewrite(log, {(TOPIC, 0): [599]}, [])
    assert log.high_water(TOPIC, 0) == 599
    log.commit("behind", {(TOPIC, 0): 599})
    assert log.lag("behind", TOPIC)[0].records == 0
    log.close()


def test_a_group_that_had_read_them_is_not_behind_either(log: Log) -> None:
    log.commit("there", {(TOPIC, 0): 600})
    log.commit("behind", {(TOPIC, 0): 10})
    rewrite(log, {(TOPIC, 0): [599]}, [])
    assert log.lag("there", TOPIC)[0].records == 0
    assert log.append_many([Entry(TOPIC, 0, 700, b"k", b"next")]) == [599]
    assert log.lag("there", TOPIC)[0].records == 1
    assert log.lag("behind", TOPIC)[0].records == 590
    log.close()


def test_an_emptied_partition_begins_anew(log: Log) -> None:
    log.commit("there", {(TOPIC, 1): 1})
    rewrite(log, {(TOPIC, 1): [0]}, [])
    assert log.lag("there", TOPIC)[1].records == 0
    assert log.append_many([Entry(TOPIC, 1, 700, b"k", b"next")]) == [0]
    assert log.lag("there", TOPIC)[1].records == 1
    log.close()


def test_named_groups_read_everything_again(log: Log) -> None:
    log.commit("c.pairs", {(TOPIC, 0): 600})
    rewrite(log, {}, ["c.pairs"])
    assert log.committed("c.pairs", [(TOPIC, 0)]) == {(TOPIC, 0): None}
    log.close()
