"""Which turns a replay is about."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.turn import Turn
from streams.replay.select import TURN_FIELDS, VERDICT_FIELDS, facts, moment, selection
from streams.replay.where import WhereError
from tests.support.turns import make_turn

VERDICT = {"status": "scored", "spread": 1.0, "scores": {"overall": 4.0, "efficiency": 5.0}}


def as_json(turn: Turn) -> dict[str, Any]:
    return turn.model_dump(mode="json", by_alias=True)


def test_facts_are_told_of_every_field_and_of_no_other() -> None:
    turn = as_json(make_turn(calls=2, failed=1))
    known = facts(turn, VERDICT)
    assert known.keys() == {*TURN_FIELDS, *VERDICT_FIELDS}
    assert (known["calls"], known["failed"], known["tools"]) == (2, 1, ["exec"])
    assert (known["verdict.overall"], known["verdict.spread"]) == (4.0, 1.0)
    assert facts(turn, None)["verdict.overall"] is None
    for name, kind in TURN_FIELDS.items():
        if known[name] is not None:
            assert isinstance(known[name], int if kind is float else kind) or kind is float


def test_time_and_session_select() -> None:
    turn = as_json(make_turn(session="abcdef", started_ms=1_000))
    assert selection(1_000, 1_001, (), "").takes(turn, None)
    assert not selection(1_001, None, (), "").takes(turn, None)
    assert not selection(None, 1_000, (), "").takes(turn, None)
    assert selection(None, None, ("zzz", "abc"), "").takes(turn, None)
    assert not selection(None, None, ("bcd",), "").takes(turn, None)


def test_an_expression_selects_by_turn_and_verdict() -> None:
    chosen = selection(None, None, (), "tools ~ exec and verdict.overall <= 4")
    assert chosen.needs_verdicts
    turn = as_json(make_turn(calls=1))
    assert chosen.takes(turn, VERDICT)
    assert not chosen.takes(turn, None)


def test_what_selects_all_reads_no_turn() -> None:
    assert not selection(None, None, (), " ").needs_turns
    assert selection(None, None, (), "calls > 1").needs_turns
    assert not selection(None, None, (), "calls > 1").needs_verdicts


def test_a_selection_is_kept_and_made_again() -> None:
    chosen = selection(5, None, ("a",), "calls > 1")
    kept = chosen.to_json()
    again = selection(kept["since_ms"], kept["until_ms"], kept["sessions"], kept["where"])
    assert again == chosen


def test_points_in_time() -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert moment("2026-03-01", zone, 0) == 1_772_319_600_000
    assert moment("2026-03-01T12:00:00Z", zone, 0) == 1_772_366_400_000
    assert moment("7d", zone, 8 * 86_400_000) == 86_400_000
    assert moment("30m", None, 1_800_000) == 0
    with pytest.raises(WhereError, match="'soon' is no time"):
        moment("soon", zone, 0)
