"""A stage's table: read-your-writes, atomic with its offsets, undone record by record."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.table import MemoryTable
from streams.table import TableLockedError, TableStore


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    store = TableStore(tmp_path / "t", "one")
    store.table("0").put("a", b"1")
    store.advance("turns", 0, 7)
    store.commit()
    store.table("0").put("a", b"2")
    store.advance("turns", 0, 8)
    store.close()

    again = TableStore(tmp_path / "t", "one")
    assert again.table("0").get("a") == b"1"
    assert again.applied("turns", 0) == 7
    assert again.applied("turns", 1) is None
    again.close()


def test_a_store_of_another_lineage_starts_empty(tmp_path: Path) -> None:
    store = TableStore(tmp_path / "t", "one")
    store.table("0").put("a", b"1")
    store.commit()
    store.close()

    other = TableStore(tmp_path / "t", "two")
    assert other.table("0").get("a") is None
    other.close()


def test_a_second_process_is_told_that_the_store_is_in_use(tmp_path: Path) -> None:
    store = TableStore(tmp_path / "t", "one")
    with pytest.raises(TableLockedError, match="in use"):
        TableStore(tmp_path / "t", "one")
    store.close()


def test_undo_takes_back_one_record_only(tmp_path: Path) -> None:
    store = TableStore(tmp_path / "t", "one")
    table = store.table("0")
    store.begin()
    table.put("a", b"1")
    store.begin()
    table.put("a", b"2")
    table.put("b", b"3")
    table.delete("a")
    store.undo()
    assert (table.get("a"), table.get("b")) == (b"1", None)
    store.close()


def test_scopes_do_not_see_each_other(tmp_path: Path) -> None:
    store = TableStore(tmp_path / "t", "one")
    store.table("1").put("a", b"1")
    store.table("10").put("a", b"10")
    store.commit()
    assert list(store.table("1").scan("")) == [("a", b"1")]
    store.close()


keys = st.text(alphabet="ab/", max_size=3)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, st.binary(max_size=4)),
        st.tuples(st.just("delete"), keys, st.just(b"")),
        st.tuples(st.just("commit"), st.just(""), st.just(b"")),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(actions=actions, prefix=keys)
def test_it_reads_like_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, str, bytes]], prefix: str
) -> None:
    store = TableStore(tmp_path_factory.mktemp("table"), "one")
    table, model = store.table("0"), MemoryTable()
    for action, key, value in actions:
        if action == "put":
            table.put(key, value)
            model.put(key, value)
        elif action == "delete":
            table.delete(key)
            model.delete(key)
        else:
            store.commit()
    assert list(table.scan(prefix)) == list(model.scan(prefix))
    for _, key, _ in actions:
        assert table.get(key) == model.get(key)
    store.close()
