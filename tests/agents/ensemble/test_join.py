"""The windowed join: deadlines, revisions, repeats, restarts."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.ensemble import Ensemble, decide
from schemas.judgement import Judgement
from schemas.settings import Panel
from schemas.table import MemoryTable
from schemas.verdict import Verdict

Make = Callable[..., Judgement]
Event = tuple[Judgement, int]
PANEL = Panel(name="p", judges=("a", "b", "c"), quorum=2, window=100.0)
WINDOW_MS = 100_000
TURNS = ("1" * 32, "2" * 32)


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def ensemble() -> Ensemble:
    return Ensemble(PANEL)


def test_the_verdict_comes_with_the_last_judge(
    ensemble: Ensemble, table: MemoryTable, make_judgement: Make
) -> None:
    assert ensemble.apply(make_judgement("a"), 0, table) == []
    assert ensemble.apply(make_judgement("b"), 1, table) == []
    assert ensemble.next_due(table) == WINDOW_MS
    (verdict,) = ensemble.apply(make_judgement("c"), 2, table)
    assert (verdict.status, verdict.revision) == ("scored", 1)
    assert ensemble.due(WINDOW_MS, table) == []
    assert ensemble.next_due(table) is None


def test_a_window_is_measured_from_its_first_judgement(
    ensemble: Ensemble, table: MemoryTable, make_judgement: Make
) -> None:
    ensemble.apply(make_judgement("a"), 5_000, table)
    ensemble.apply(make_judgement("b"), 90_000, table)
    assert ensemble.due(WINDOW_MS + 4_999, table) == []
    (verdict,) = Ensemble(PANEL).due(WINDOW_MS + 5_000, table)
    assert (verdict.status, verdict.missing) == ("scored", ("c",))
    assert ensemble.due(10**13, table) == []
    assert ensemble.next_due(table) is None


def test_a_late_judgement_makes_a_revision(
    ensemble: Ensemble, table: MemoryTable, make_judgement: Make
) -> None:
    ensemble.apply(make_judgement("a"), 0, table)
    (first,) = ensemble.due(WINDOW_MS, table)
    (second,) = ensemble.apply(make_judgement("b"), WINDOW_MS + 1, table)
    (third,) = ensemble.apply(make_judgement("c"), WINDOW_MS + 2, table)
    assert [v.revision for v in (first, second, third)] == [1, 2, 3]
    assert [v.status for v in (first, second, third)] == ["incomplete", "scored", "scored"]
    assert first.id == second.id == third.id


def test_a_late_record_meets_a_closed_window_without_a_timer(
    ensemble: Ensemble, table: MemoryTable, make_judgement: Make
) -> None:
    ensemble.apply(make_judgement("a"), 0, table)
    verdicts = ensemble.apply(make_judgement("b"), WINDOW_MS, table)
    assert [(v.revision, v.missing) for v in verdicts] == [(1, ("b", "c")), (2, ("c",))]
    assert ensemble.due(10**13, table) == []
    assert ensemble.next_due(table) is None


def test_the_next_deadline_is_never_later_than_that_of_an_open_window(
    ensemble: Ensemble, table: MemoryTable, make_judgement: Make
) -> None:
    for at_ms, turn in ((500, "1"), (300, "2"), (900, "3")):
        ensemble.apply(make_judgement("a", turn_id=turn), at_ms, table)
    assert ensemble.next_due(table) == WINDOW_MS + 300
    assert [v.turn_id for v in ensemble.due(WINDOW_MS + 300, table)] == ["2"]
    assert ensemble.next_due(table) == WINDOW_MS + 500
    for judge in "bc":
        ensemble.apply(make_judgement(judge, turn_id="1"), 1000, table)
    assert ensemble.due(WINDOW_MS + 500, table) == []
    assert ensemble.next_due(table) == WINDOW_MS + 900


def test_a_repeat_changes_nothing(
    ensemble: Ensemble, table: MemoryTable, make_judgement: Make
) -> None:
    for judge in "abc":
        ensemble.apply(make_judgement(judge), 0, table)
    before = dict(table.scan(""))
    assert ensemble.apply(make_judgement("a", latency_ms=5.0), 1, table) == []
    assert ensemble.apply(make_judgement("a", 1), 1, table) == []
    other_rule = PANEL.model_copy(update={"max_spread": 0.0, "quorum": 3})
    assert Ensemble(other_rule).apply(make_judgement("a"), 1, table) == []
    assert dict(table.scan("")) == before


def test_a_score_replaces_its_abstention_and_not_the_reverse(
    ensemble: Ensemble, table: MemoryTable, make_judgement: Make
) -> None:
    for judge in "abc":
        ensemble.apply(make_judgement(judge, None if judge == "c" else 8), 0, table)
    (verdict,) = ensemble.apply(make_judgement("c", 2), 1, table)
    assert (verdict.revision, verdict.status) == (2, "ensemble_disagreement")
    assert ensemble.apply(make_judgement("c", None), 2, table) == []


def test_a_judgement_that_says_nothing_new_makes_no_revision(
    ensemble: Ensemble, table: MemoryTable, make_judgement: Make
) -> None:
    for judge in "abc":
        ensemble.apply(make_judgement(judge, rubric="v2"), 0, table)
    assert ensemble.apply(make_judgement("a", 1, rubric="v1"), 1, table) == []
    (verdict,) = ensemble.apply(make_judgement("a", 6, rubric="v3"), 2, table)
    assert (verdict.revision, verdict.opinions[0].rubric) == (2, "v3")


def test_a_skip_speaks_at_once(ensemble: Ensemble, table: MemoryTable, make_skip: Make) -> None:
    (verdict,) = ensemble.apply(make_skip("short"), 0, table)
    assert (verdict.status, verdict.revision) == ("skipped", 1)
    assert ensemble.next_due(table) is None
    assert ensemble.apply(make_skip("short"), 1, table) == []


def test_a_stranger_opens_no_window(
    ensemble: Ensemble, table: MemoryTable, make_judgement: Make
) -> None:
    assert ensemble.apply(make_judgement("stranger"), 0, table) == []
    assert not list(table.scan(""))


def test_many_windows_close_in_pieces(
    ensemble: Ensemble, table: MemoryTable, make_judgement: Make
) -> None:
    for number in range(25):
        ensemble.apply(make_judgement("a", turn_id=f"{number:032x}"), 1000 - number, table)
    counts = []
    while (at := ensemble.next_due(table)) is not None and at <= 10**9:
        counts.append(len(ensemble.due(10**9, table, limit=10)))
    assert counts == [10, 10, 5]


def test_no_time_and_no_latency_gets_into_a_verdict(make_judgement: Make) -> None:
    made = []
    for shift in (0, 12_345):
        table, ensemble = MemoryTable(), Ensemble(PANEL)
        for judge in "abc":
            judgement = make_judgement(judge, latency_ms=float(shift), tokens_in=shift, raw="x")
            made += ensemble.apply(judgement, shift, table)
    assert made[0].to_bytes() == made[1].to_bytes()


@st.composite
def _events(draw: st.DrawFn, make: Make, skip: Make, span_ms: int) -> list[Event]:
    """Draw judgements of two turns in the order in which the broker got them."""
    events: list[Event] = []
    now = 0
    for _ in range(draw(st.integers(1, 14))):
        now += draw(st.integers(0, span_ms))
        judge = draw(st.sampled_from(["a", "b", "c", "stranger", "prefilter"]))
        turn_id = draw(st.sampled_from(TURNS))
        if judge == "prefilter":
            events.append((skip(draw(st.sampled_from(["short"])), turn_id=turn_id), now))
            continue
        rubric = draw(st.sampled_from(["v1", "v1", "v2"]))
        # What a judge says of a turn by one rubric is said once; a repeat says the same.
        overall = (ord(judge[0]) * 7 + int(rubric[1]) * 3 + int(turn_id[0])) % 10 + 1
        scored = draw(st.integers(0, 4)) > 0
        judgement = make(judge, overall if scored else None, turn_id=turn_id, rubric=rubric)
        events.append((judgement, now))
    return events


@pytest.fixture(scope="session")
def events(
    make_judgement: Make, make_skip: Make
) -> Callable[[int], st.SearchStrategy[list[Event]]]:
    return lambda span_ms: _events(make_judgement, make_skip, span_ms)


def _play(events: list[Event], *, timer: bool = False) -> list[Verdict]:
    table, verdicts = MemoryTable(), []
    for judgement, at_ms in events:
        if timer:
            verdicts += Ensemble(PANEL).due(at_ms, table)
        verdicts += Ensemble(PANEL).apply(judgement, at_ms, table)
    return verdicts + Ensemble(PANEL).due(10**12, table)


def _last(verdicts: list[Verdict]) -> dict[str, Verdict]:
    return {verdict.turn_id: verdict for verdict in verdicts}


def _content(verdicts: list[Verdict]) -> dict[str, Verdict]:
    return {k: v.model_copy(update={"revision": 0}) for k, v in _last(verdicts).items()}


Drawn = Callable[[int], st.SearchStrategy[list[Event]]]


@settings(deadline=None)
@given(data=st.data())
def test_the_final_verdict_is_a_function_of_the_judgements(
    events: Drawn, data: st.DataObject
) -> None:
    drawn = data.draw(events(1))
    final = _content(_play(drawn))
    judgements = data.draw(st.permutations([judgement for judgement, _ in drawn]))
    gap = data.draw(st.sampled_from([0, 1, WINDOW_MS // 2, WINDOW_MS]))
    assert _content(_play([(j, gap * n) for n, j in enumerate(judgements)])) == final
    for turn_id in TURNS:
        by_id: dict[str, Judgement] = {}
        for judgement, _ in drawn:
            if judgement.turn_id == turn_id:
                known = by_id.get(judgement.id)
                if known is None or known.status == "abstained":
                    by_id[judgement.id] = judgement
        verdict = decide(PANEL, by_id, closed=True)
        expected = None if verdict is None else verdict.model_copy(update={"revision": 0})
        assert final.get(turn_id) == expected


@settings(deadline=None)
@given(data=st.data())
def test_when_the_timer_is_looked_at_makes_no_difference(
    events: Drawn, data: st.DataObject
) -> None:
    drawn = data.draw(events(WINDOW_MS // 3))
    without, with_timer = _play(drawn), _play(drawn, timer=True)
    for turn_id in TURNS:
        assert [v for v in without if v.turn_id == turn_id] == [
            v for v in with_timer if v.turn_id == turn_id
        ]


@settings(deadline=None)
@given(data=st.data())
def test_revisions_count_up_and_each_says_something_new(events: Drawn, data: st.DataObject) -> None:
    verdicts = _play(data.draw(events(WINDOW_MS // 3)))
    for turn_id in TURNS:
        mine = [verdict for verdict in verdicts if verdict.turn_id == turn_id]
        assert [verdict.revision for verdict in mine] == list(range(1, len(mine) + 1))
        for earlier, later in pairwise(mine):
            assert earlier.model_copy(update={"revision": later.revision}) != later


@settings(deadline=None)
@given(data=st.data())
def test_a_crash_publishes_the_same_again_and_ends_the_same(
    events: Drawn, data: st.DataObject
) -> None:
    drawn = data.draw(events(WINDOW_MS // 3))
    undisturbed = _play(drawn, timer=True)
    table = MemoryTable()
    durable, position, committed = copy.deepcopy(table), 0, 0
    published: list[Verdict] = []
    crashes = data.draw(st.lists(st.integers(0, 6), max_size=4))
    steps_left = crashes.pop() if crashes else None
    while position < len(drawn):
        if steps_left == 0:
            table, position = copy.deepcopy(durable), committed
            steps_left = crashes.pop() if crashes else None
            continue
        judgement, at_ms = drawn[position]
        ensemble = Ensemble(PANEL)
        published += ensemble.due(at_ms, table) + ensemble.apply(judgement, at_ms, table)
        position += 1
        steps_left = None if steps_left is None else steps_left - 1
        if data.draw(st.booleans()):
            durable, committed = copy.deepcopy(table), position
    published += Ensemble(PANEL).due(10**12, table)
    assert {v.to_bytes() for v in published} == {v.to_bytes() for v in undisturbed}
    assert _last(published) == _last(undisturbed)
