"""A table that knows what was never put gives what any table gives."""

from __future__ import annotations

import pytest

from schemas.table import MemoryTable
from streams.pairs import fresh
from streams.pairs.fresh import FreshTable


@pytest.mark.parametrize("bits", [1 << 3, 1 << 12])
def test_it_gives_what_was_put(monkeypatch: pytest.MonkeyPatch, bits: int) -> None:
    monkeypatch.setattr(fresh, "_BITS", bits)
    plain = MemoryTable()
    table = FreshTable(plain)
    for number in range(0, 200, 2):
        table.put(f"key {number}", str(number).encode())
    table.delete("key 4")
    table.delete("key 5")
    for number in range(200):
        assert table.get(f"key {number}") == plain.get(f"key {number}")
    assert list(table.scan("key 1")) == list(plain.scan("key 1"))


def test_what_was_never_put_is_not_looked_up() -> None:
    class Watched(MemoryTable):
        asked: list[str] = []

        def get(self, key: str) -> bytes | None:
            self.asked.append(key)
            return super().get(key)

    watched = Watched()
    table = FreshTable(watched)
    table.put("there", b"1")
    assert (table.get("not there"), table.get("there")) == (None, b"1")
    assert watched.asked == ["there"]
