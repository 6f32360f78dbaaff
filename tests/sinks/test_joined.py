"""Reading side by side is the same as looking up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.table import MemoryTable
from sinks.joined import joined

NAMES = st.sets(st.text("ab/é", max_size=3), max_size=12)


@given(NAMES, NAMES, NAMES)
def test_it_gives_what_looking_up_gives(first: set[str], one: set[str], other: set[str]) -> None:
    table = MemoryTable()
    for prefix, names in (("x/", first), ("a/", one), ("z/", other), ("x", {"", "0"})):
        for name in names:
            table.put(prefix + name, f"{prefix}{name}".encode())
    expected = [
        (name, f"x/{name}".encode(), [table.get(f"z/{name}"), table.get(f"a/{name}")])
        for name in sorted(first)
    ]
    assert list(joined(table, "x/", "z/", "a/")) == expected
