"""The best few of very many turns, against a plain sorted list."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.table import MemoryTable
from sinks.sides import KEPT, Group, Kind, note_side, side, side_of
from sinks.strategies.select import SIDES, Candidate

KINDS: tuple[Kind, ...] = ("chosen", "rejected")


def best_of(turns: dict[str, tuple[Kind, float]], kind: Kind) -> list[Candidate]:
    sign = -1 if kind == "chosen" else 1
    mine = [Candidate(i, overall, 5) for i, (k, overall) in turns.items() if k == kind]
    return sorted(mine, key=lambda one: (sign * one.overall, one.turn_id))[:SIDES]


@settings(max_examples=50, deadline=None)
@given(
    first=st.integers(0, 3 * KEPT),
    changes=st.lists(
        st.tuples(st.integers(0, 3 * KEPT), st.sampled_from([None, 1.0, 2.5, 7.0, 10.0])),
        max_size=120,
    ),
)
def test_the_best_are_known_after_any_changes(
    first: int, changes: list[tuple[int, float | None]]
) -> None:
    table = MemoryTable()
    turns: dict[str, tuple[Kind, float]] = {}
    start: list[tuple[int, float | None]] = [(n, 1.0 + n % 10) for n in range(first)]
    for number, overall in [*start, *changes]:
        turn_id = f"t{number}"
        group = Group("r", table)
        old = side_of("branch", turn_id, table)
        if old is not None:
            group.remove(old.kind, old.member)
            del turns[turn_id]
        now = None
        if overall is not None:
            kind: Kind = "chosen" if overall >= 6 else "rejected"
            now = side("r", kind, Candidate(turn_id, overall, 5))
            group.add(kind, now.member)
            turns[turn_id] = (kind, overall)
        note_side("branch", turn_id, now, table)
        group.save()
        assert side_of("branch", turn_id, table) == now
    for kind in KINDS:
        assert Group("r", table).best(kind) == best_of(turns, kind)
    assert len(list(table.scan("pairs/member/"))) == len(turns)
    if not turns:
        assert not list(table.scan(""))


def test_a_record_stays_small_however_often_it_is_asked() -> None:
    table = MemoryTable()
    for number in range(500):
        group = Group("r", table)
        group.add("chosen", side("r", "chosen", Candidate(f"{number}", 8, number)).member)
        group.save()
    stored = table.get("pairs/group/r")
    assert stored is not None
    assert len(orjson.loads(stored)[0][0]) == KEPT
