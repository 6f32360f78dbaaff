"""Which shard a record is in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import digest
from sinks.bulk.shards import MOST, RECORDS, Shards, shards_for

WHERE = Path("unused")


@given(st.integers(1, 50), st.lists(st.text()))
def test_shards_of_turns_are_in_order(count: int, ids: list[str]) -> None:
    shards = Shards(WHERE, count)
    ids = sorted([*ids, *(digest("turn", n) for n in range(20))])
    found = [shards.of_turn(each) for each in ids]
    assert found == sorted(found)
    assert set(found) <= set(range(count))


def test_turns_are_cut_evenly() -> None:
    shards = Shards(WHERE, 10)
    found = [shards.of_turn(digest("turn", n)) for n in range(10_000)]
    assert all(900 < found.count(shard) < 1100 for shard in range(10))


@pytest.mark.parametrize(
    ("records", "count"),
    [(0, 1), (1, 1), (RECORDS, 1), (RECORDS + 1, 2), (10**12, MOST)],
)
def test_there_are_as_many_as_the_records_need(records: int, count: int) -> None:
    assert shards_for(WHERE, records).count == count
