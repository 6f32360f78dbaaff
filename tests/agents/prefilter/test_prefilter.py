"""The decision as a whole: once a turn, by name, and the same in every interleaving."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from agents.prefilter import NAME, Prefilter
from schemas.judgement import Judgement
from schemas.settings import Prefilter as Settings
from schemas.settings import Rule
from schemas.table import MemoryTable
from schemas.turn import Turn

MakeTurn = Callable[..., Turn]


def test_a_good_turn_passes_unchanged(make_turn: MakeTurn) -> None:
    turn = make_turn()
    assert Prefilter().apply(turn, MemoryTable()) is turn


def test_a_drop_names_its_rule_and_what_it_saw(make_turn: MakeTurn) -> None:
    turn = make_turn(trigger="heartbeat")
    skip = Prefilter().apply(turn, MemoryTable())
    assert isinstance(skip, Judgement)
    assert (skip.status, skip.kind, skip.judge) == ("skipped", "prefilter", NAME)
    assert (skip.turn_id, skip.reason, skip.rationale) == (
        turn.id,
        "trigger",
        "started by heartbeat",
    )
    assert skip.scores is None


def test_the_same_turn_again_is_passed_over(make_turn: MakeTurn) -> None:
    table = MemoryTable()
    prefilter = Prefilter()
    for turn in (make_turn(), make_turn(asked_ms=5, trigger="heartbeat")):
        assert prefilter.apply(turn, table) is not None
        assert prefilter.apply(turn, table) is None


def test_a_copy_is_left_to_its_original_in_whatever_order_they_come(make_turn: MakeTurn) -> None:
    original = make_turn()
    copy = original.model_copy(update={"session": "fork", "copied": True})
    for order in ((original, copy), (copy, original)):
        table = MemoryTable()
        decided = {turn.copied: Prefilter().apply(turn, table) for turn in order}
        assert decided == {True: None, False: original}


def test_a_copy_is_remembered_where_its_session_asks_the_same_again(make_turn: MakeTurn) -> None:
    table = MemoryTable()
    assert Prefilter().apply(make_turn(asked_ms=1_000, copied=True), table) is None
    skip = Prefilter().apply(make_turn(asked_ms=2_000), table)
    assert isinstance(skip, Judgement)
    assert skip.reason == "duplicate"


def test_the_same_again_later_is_a_duplicate(make_turn: MakeTurn) -> None:
    table = MemoryTable()
    first, again = make_turn(asked_ms=1_000), make_turn(asked_ms=2_000, answer="Put otherwise.")
    assert Prefilter().apply(first, table) is first
    skip = Prefilter().apply(again, table)
    assert isinstance(skip, Judgement)
    assert skip.reason == "duplicate"
    assert skip.rationale == f"same request, 1 calls and 1 results as turn {first.id}"


def test_another_result_is_no_duplicate(make_turn: MakeTurn) -> None:
    table = MemoryTable()
    call = {"name": "exec", "arguments": {"command": "ls"}}
    for number, text in enumerate(("a.txt", "a.txt b.txt")):
        turn = make_turn(asked_ms=number, calls=[{**call, "text": text}])
        assert Prefilter().apply(turn, table) is turn


def test_another_session_is_no_duplicate(make_turn: MakeTurn) -> None:
    table = MemoryTable()
    for number, session in enumerate(("s-1", "s-2")):
        turn = make_turn(asked_ms=number, session=session)
        assert Prefilter().apply(turn, table) is turn


def test_duplicates_pass_where_the_rule_is_off(make_turn: MakeTurn) -> None:
    prefilter, table = Prefilter(Settings(duplicate=Rule(enabled=False))), MemoryTable()
    for asked_ms in (1, 2):
        turn = make_turn(asked_ms=asked_ms)
        assert prefilter.apply(turn, table) is turn


def test_bytes_that_pass_are_the_same_object(make_turn: MakeTurn) -> None:
    table, value = MemoryTable(), make_turn().to_bytes()
    assert Prefilter().apply_bytes(value, table) is value
    assert Prefilter().apply_bytes(value, table) is None
    skip = Prefilter().apply_bytes(make_turn(asked_ms=9).to_bytes(), table)
    assert isinstance(skip, Judgement)


@given(
    sessions=st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=8), max_size=4
    ),
    seed=st.integers(0, 1 << 30),
)
def test_interleaving_and_redelivery_change_nothing(
    make_turn: MakeTurn, sessions: list[list[tuple[int, int]]], seed: int
) -> None:
    """Each session decides as it would alone, and redelivery adds nothing."""
    streams = [
        [
            make_turn(session=f"s-{number}", asked_ms=asked_ms, request=f"request number {what}")
            for asked_ms, what in drawn
        ]
        for number, drawn in enumerate(sessions)
    ]
    alone = {(turn.session, turn.id): d for s in streams for turn, d in _decide(s).values()}
    random, mixed, left = Random(seed), [], [list(stream) for stream in streams]
    while any(left):
        stream = random.choice([stream for stream in left if stream])
        mixed += [stream[0]] * random.choice((1, 1, 2))
        stream.pop(0)
    together = {(turn.session, turn.id): d for turn, d in _decide(mixed).values()}
    assert together == alone


def _decide(turns: list[Turn]) -> dict[tuple[str, str], tuple[Turn, bytes]]:
    table, prefilter, decided = MemoryTable(), Prefilter(), {}
    for turn in turns:
        decision = prefilter.apply(turn, table)
        if decision is not None:
            assert (turn.session, turn.id) not in decided
            decided[turn.session, turn.id] = (turn, decision.to_bytes())
    return decided
