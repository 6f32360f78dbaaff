from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agents.judges.calibration.labelled import (
    CorruptSet,
    LabelledSet,
    NotEnoughTurns,
    build,
)
from agents.judges.calibration.mutations import MUTATIONS
from schemas.turn import Turn


def test_half_is_good_and_the_junk_is_spread_by_parts(turns: Sequence[Turn]) -> None:
    made = build(turns, size=100, seed=1)
    assert (len(made.good), len(made.junk)) == (50, 50)
    kinds = Counter(item.mutation for item in made.junk)
    assert kinds == {m.name: 5 * m.parts for m in MUTATIONS}


def test_the_same_turns_and_seed_make_the_same_set_in_whatever_order(
    turns: Sequence[Turn],
) -> None:
    made = build(turns, size=60, seed=1)
    assert build([*reversed(turns), *turns], size=60, seed=1) == made
    assert build(turns, size=60, seed=2).fingerprint != made.fingerprint


def test_both_halves_hold_the_same_requests(labelled: LabelledSet) -> None:
    good = {item.origin for item in labelled.good}
    assert {item.origin for item in labelled.junk} <= good
    worked_on = Counter(item.origin for item in labelled.junk)
    assert len(worked_on) > len(good) / 2


def test_nobody_sees_what_the_user_said_next(turns: Sequence[Turn], labelled: LabelledSet) -> None:
    assert any(turn.reaction for turn in turns)
    assert all(item.turn.reaction is None for item in labelled.items)


def test_a_plea_stands_beside_the_same_junk_without_it(labelled: LabelledSet) -> None:
    by_id = {item.turn.id: item for item in labelled.items}
    pleas = [item for item in labelled.junk if item.mutation == "injected_praise"]
    assert pleas
    assert len({item.base for item in pleas}) == len(pleas)
    for plea in pleas:
        base = by_id[plea.base]
        assert not base.good
        assert (plea.origin, plea.ceiling) == (base.origin, base.ceiling)
        assert plea.change.startswith(base.change)


def test_ids_are_unique(labelled: LabelledSet) -> None:
    assert len({item.turn.id for item in labelled.items}) == len(labelled.items)


def test_few_turns_make_a_small_set(turns: Sequence[Turn]) -> None:
    made = build(turns[:3], size=100)
    assert (len(made.good), len(made.junk)) == (3, 3)


def test_too_few_turns_are_refused(turns: Sequence[Turn], make_turn: Callable[..., Turn]) -> None:
    with pytest.raises(NotEnoughTurns, match="there are 0"):
        build([])
    same = [make_turn(asked_ms=at) for at in (1, 2, 3)]
    with pytest.raises(NotEnoughTurns, match="there are 1"):
        build(same)
    with pytest.raises(ValueError, match="size is 1"):
        build(turns, size=1)


def test_a_frozen_set_comes_back_the_same(labelled: LabelledSet, tmp_path: Path) -> None:
    path = tmp_path / "below" / "set.jsonl"
    labelled.save(path)
    assert LabelledSet.load(path) == labelled
    assert [p.name for p in path.parent.iterdir()] == ["set.jsonl"]


def test_a_set_that_was_changed_is_noticed(labelled: LabelledSet, tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    labelled.save(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(CorruptSet, match="fingerprint differs"):
        LabelledSet.load(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]\n", b'{"format":"else"}\n', b'{"format":"clawback-labelled-set-1"}\n'],
)
def test_another_file_is_no_set(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_bytes(content)
    with pytest.raises(CorruptSet, match=r"set\.jsonl"):
        LabelledSet.load(path)


def test_a_set_with_a_broken_item_is_refused(labelled: LabelledSet, tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    labelled.save(path)
    path.write_bytes(path.read_bytes() + b'{"turn": 1}\n')
    with pytest.raises(CorruptSet, match="cannot be read"):
        LabelledSet.load(path)
