"""What the gate promotes and what it refuses, by evidence of which the truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.settings import Gate
from tests.support.gatefolder import GOOD, MARK, POOR, make_folder
from trainer.gate.conclude import Unfinished, conclude
from trainer.gate.decide import decide
from trainer.gate.decision import Check, Decision
from trainer.gate.evidence import ComparedPrompt, Comparison, Evidence, Said, Vote
from trainer.gate.gather import gather
from trainer.gate.job import COMPARED, DECISION, EVIDENCE, MEASURED, REPORT
from trainer.gate.mustpass import MustPass

RULES = Gate()
LAMP = (MustPass(name="lamp", prompt="Light!", calls="lamp"),)


def evidence(folder: Path, **options: object) -> Evidence:
    """Return evidence without judges."""
    return gather(make_folder(folder, judged=False, **options))  # type: ignore[arg-type]


def voted(found: Evidence, votes: Sequence[tuple[Said, Said]], prompts: int = 200) -> Evidence:
    """Return evidence with the votes of two judges, in turn over the first prompts."""
    said = tuple(
        ComparedPrompt(
            id=prompt.id,
            votes=tuple(
                Vote(judge=judge, first=first, second=second)
                for judge, (first, second) in (
                    ("one", votes[at % len(votes)]),
                    ("two", votes[at % len(votes)]),
                )
            ),
        )
        for at, prompt in enumerate(found.answers[:prompts])
    )
    comparison = Comparison(judges=("one", "two"), prompts=said)
    return found.model_copy(update={"comparison": comparison})


def check(decision: Decision, name: str) -> Check:
    return next(each for each in decision.checks if each.name == name)


WON: tuple[Said, Said] = ("first", "second")
LOST: tuple[Said, Said] = ("second", "first")


def test_a_better_model_is_promoted(tmp_path: Path) -> None:
    found = voted(evidence(tmp_path), [WON, WON, WON, LOST])
    decision = decide(found, RULES)
    assert decision.promote
    assert decision.judged
    assert decision.sentence.startswith("better: win rate ")
    assert decision.splits == ("eval", "test")
    assert check(decision, "judges").passed is True
    assert int(check(decision, "judges").figures["prompts asked"]) < 60  # type: ignore[arg-type]


def test_without_judges_the_rest_decides_and_it_is_said(tmp_path: Path) -> None:
    decision = decide(evidence(tmp_path), RULES)
    assert decision.promote
    assert not decision.judged
    assert check(decision, "judges").passed is None
    assert "nobody compared answers: no language model judges here" in (
        check(decision, "judges").sentence
    )
    assert decision.sentence.endswith("no language-model judge compared answers")


@pytest.mark.parametrize("margin", [0.0, -10.0])
def test_a_model_that_prefers_no_better_is_refused(tmp_path: Path, margin: float) -> None:
    decision = decide(voted(evidence(tmp_path, margin=margin), [WON]), RULES)
    assert not decision.promote
    assert check(decision, "base").passed is False
    assert check(decision, "judges").passed is True


def test_a_model_that_only_likes_short_answers_is_refused(tmp_path: Path) -> None:
    """Worse at every token, and so at long sides most; the wrong sides are longer."""
    found = evidence(tmp_path, margin=0.0, noise=0.0)
    rows = []
    for row in found.rows:
        tokens = max(row.chosen_tokens, row.rejected_tokens) + 5
        logs = row.candidate.model_copy(
            update={
                "chosen": row.base.chosen - 0.2 * row.chosen_tokens,
                "rejected": row.base.rejected - 0.2 * tokens,
            }
        )
        rows.append(row.model_copy(update={"rejected_tokens": tokens, "candidate": logs}))
    fooled = found.model_copy(update={"rows": tuple(rows)})
    decision = decide(fooled, RULES)
    base = check(decision, "base")
    assert base.figures["accuracy"].value > 0.95  # type: ignore[union-attr]
    assert abs(base.figures["margin at equal lengths"].value) < 1e-9  # type: ignore[union-attr]
    assert not decision.promote


def test_little_evidence_is_said_to_be_little(tmp_path: Path) -> None:
    decision = decide(evidence(tmp_path, sessions=3), RULES)
    assert not decision.promote
    assert decision.sentence.startswith(
        "too little evidence: 6 held-out pairs from 3 sessions, needs about 67"
    )
    none = decide(evidence(tmp_path / "none", sessions=0), RULES)
    assert none.sentence.startswith("too little evidence: no held-out pairs, needs about 67")
    weak = decide(evidence(tmp_path / "weak", sessions=12, margin=2.0), RULES)
    base = check(weak, "base")
    assert base.too_little
    assert base.needed is not None
    assert base.needed > 24
    assert f"24 pairs, needs about {base.needed}" in weak.sentence


def test_a_stricter_owner_asks_for_more(tmp_path: Path) -> None:
    found = evidence(tmp_path, sessions=8, noise=4.0)
    assert decide(found, RULES).promote
    assert not decide(found, Gate(confidence=0.999)).promote
    strict = decide(found, Gate(min_accuracy=1.0))
    assert check(strict, "base").sentence.startswith("below 100%")


def test_the_model_now_served_must_be_beaten_too(tmp_path: Path) -> None:
    found = evidence(tmp_path, incumbent=True)
    # It has doubled its margins and prefers no pair otherwise: a scale is no proof by itself.
    alone = decide(found, RULES)
    assert not alone.promote
    assert check(alone, "incumbent").sentence.startswith("no better than what serves")
    assert decide(voted(found, [WON]), RULES).promote
    # The same model again.
    rows = tuple(row.model_copy(update={"incumbent": row.candidate}) for row in found.rows)
    same = decide(voted(found.model_copy(update={"rows": rows}), [WON]), RULES)
    assert not same.promote


@pytest.mark.parametrize(
    ("votes", "says"),
    [
        ([("first", "first")], "no better than what serves: win rate 50%"),
        ([("tie", "tie")], "no better than what serves: win rate 50%"),
        ([LOST], "worse than what serves: win rate 0%"),
        ([WON, LOST], "no better than what serves: win rate 50%"),
        ([WON, WON, LOST, LOST, WON], "too little evidence: win rate 60%"),
        ([("none", "none")], "100% of the judges' answers can't be read"),
        ([("none", "first"), ("second", "none"), WON], "67% of the judges' answers can't be read"),
    ],
)
def test_judges_who_do_not_prefer_it_refuse_it(
    tmp_path: Path, votes: list[tuple[Said, Said]], says: str
) -> None:
    decision = decide(voted(evidence(tmp_path), votes), RULES)
    assert not decision.promote
    assert check(decision, "judges").passed is False
    assert check(decision, "judges").sentence.startswith(says)


def test_a_place_that_is_preferred_is_counted(tmp_path: Path) -> None:
    decision = decide(voted(evidence(tmp_path), [("first", "first")]), RULES)
    assert check(decision, "judges").figures["judges that prefer a place"] == 1.0


def test_too_few_prompts_can_show_nothing(tmp_path: Path) -> None:
    found = evidence(tmp_path, sessions=6, noise=1.0)
    asked = found.model_copy(update={"comparison": Comparison(judges=("one",))})
    decision = decide(asked, RULES)
    assert check(decision, "judges").too_little
    assert check(decision, "judges").sentence.startswith(
        "too little evidence: even if it won all of the 6 prompts"
    )
    assert decision.sentence.startswith("too little evidence")


def test_much_longer_answers_are_refused(tmp_path: Path) -> None:
    found = evidence(tmp_path, candidate_says=(f"{GOOD}{'!' * 60}",))
    decision = decide(found, RULES)
    assert not decision.promote
    assert check(decision, "length").passed is False
    assert decide(found, Gate(max_length_ratio=2)).promote


def test_winning_by_length_is_not_winning(tmp_path: Path) -> None:
    """Always longer, and preferred where it is: the lengths explain it all."""
    longer = tuple(f"{POOR}{'!' * at}" for at in (0, 15, 30, 45, 60, 75))
    found = evidence(tmp_path, candidate_says=longer, sessions=120)
    votes = [("first", "first"), *[WON] * 2, LOST, *[WON] * 2]
    decision = decide(voted(found, votes), Gate(max_length_ratio=3))
    judges = check(decision, "judges")
    assert judges.passed is False
    assert judges.sentence.startswith("better only as far as its longer answers explain")


def test_calls_that_break_are_refused(tmp_path: Path) -> None:
    broken = GOOD.replace('"state"', '"status"')
    found = evidence(tmp_path, candidate_says=(*[GOOD] * 9, broken))
    decision = decide(found, RULES)
    assert not decision.promote
    assert check(decision, "valid_calls").passed is False
    # What serves does no better: not less than that is enough.
    level = evidence(
        tmp_path / "level",
        candidate_says=(*[GOOD] * 9, broken),
        incumbent_says=(*[POOR] * 8, broken, broken),
    )
    assert decide(level, RULES).promote


def test_a_model_that_has_stopped_calling_tools_is_refused(tmp_path: Path) -> None:
    found = evidence(tmp_path, candidate_says=("I have switched the lamp on for you, sir.",))
    decision = decide(found, RULES)
    assert not decision.promote
    assert check(decision, "valid_calls").passed is None
    assert check(decision, "due_calls").passed is False
    assert check(decision, "due_calls").sentence == "on 0 of 60 prompts, before on 60"


@pytest.mark.parametrize(
    ("says", "passed"),
    [((GOOD, GOOD), True), (("", ""), True), ((GOOD, ""), True), (("", GOOD), False)],
)
def test_must_pass_prompts(tmp_path: Path, says: tuple[str, str], passed: bool) -> None:
    found = evidence(tmp_path, must_pass=LAMP, must_pass_says=says)
    decision = decide(found, RULES)
    assert check(decision, "must_pass").passed is passed
    assert decision.promote is passed
    if not passed:
        assert "lost: lamp" in decision.sentence


def test_the_decision_is_written_down(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, judged=False, must_pass=LAMP, must_pass_says=(GOOD, GOOD))
    decision = conclude(folder, RULES)
    assert Decision.model_validate_json((folder / DECISION).read_bytes()) == decision
    assert decide(Evidence.model_validate_json((folder / EVIDENCE).read_bytes()), RULES) == decision
    page = (folder / REPORT).read_bytes()
    assert conclude(folder, RULES) == decision
    assert (folder / REPORT).read_bytes() == page


def test_nothing_is_decided_before_all_is_there(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, judged=False)
    (folder / COMPARED).write_text('{"fingerprint": "another measurement"}')
    with pytest.raises(Unfinished, match="have not compared"):
        conclude(folder, RULES)
    (folder / COMPARED).write_text(f'{{"fingerprint": "{MARK}"}}')
    conclude(folder, RULES)
    (folder / MEASURED).unlink()
    with pytest.raises(Unfinished, match="have not been measured"):
        conclude(folder, RULES)
    with pytest.raises(Unfinished, match="is no job"):
        conclude(tmp_path / "nowhere", RULES)
