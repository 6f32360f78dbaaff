"""The panel's comparison: whose answers are better, asked in both orders until it is clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import exp, log
from statistics import fmean
from typing import Final, Literal

from schemas.settings import Gate
from trainer.gate.checks.words import share
from trainer.gate.decision import Check, Number
from trainer.gate.evidence import AnsweredPrompt, ComparedPrompt, Evidence
from trainer.gate.statistics.betting import Bet, Round, bounds, length_gap
from trainer.gate.statistics.clustered import Clusters, round_up
from trainer.gate.statistics.lengths import controlled

Standing = Literal["open", "won", "lost", "hopeless"]
"""`hopeless`: not even if the candidate won all that is left would it be sure."""

UNREADABLE: Final = 0.5
"""Where more than this share of the votes can't be read, the judges have said nothing."""


@dataclass(frozen=True, slots=True)
class Course:
    """How the comparison went: a round a cluster, the capital's logarithm after each, and how it
    stood at the end."""

    rounds: tuple[Round, ...]
    capital: tuple[float, ...]
    standing: Standing
    asked: tuple[AnsweredPrompt, ...]
    outcomes: tuple[float, ...]

    @property
    def gaps(self) -> list[float]:
        """How much longer the candidate's answer is, of each prompt asked."""
        return [gap_of(prompt) for prompt in self.asked]


def gap_of(prompt: AnsweredPrompt) -> float:
    """Return how much longer the candidate's answer is; see `length_gap`."""
    return length_gap(prompt.candidate.length, prompt.incumbent.length)


def outcome_of(prompt: ComparedPrompt) -> float:
    """Return the mean of what the judges say; a prompt that none could judge is a tie."""
    said = [vote.outcome for vote in prompt.votes]
    return fmean([each for each in said if each is not None] or [0.5])


def course(
    answers: Sequence[AnsweredPrompt],
    compared: Sequence[ComparedPrompt],
    confidence: float,
) -> Course:
    """Return how the comparison stands.

    Args:
        answers: all prompts that may be asked, each cluster's together, in the order of asking.
        compared: what has been said; only whole clusters count, up to the first that is not whole.
        confidence: the capital at which it is over is 1 / (1 - confidence).
    """
    said: Mapping[str, ComparedPrompt] = {each.id: each for each in compared}
    limit = log(1 / (1 - confidence))
    bet = Bet()
    played: list[Round] = []
    capital: list[float] = []
    asked: list[AnsweredPrompt] = []
    outcomes: list[float] = []
    rounds = [list(each) for _, each in groupby(answers, key=lambda prompt: prompt.cluster)]
    standing: Standing = "hopeless"
    for at, prompts in enumerate(rounds):
        if not all(prompt.id in said for prompt in prompts):
            standing = _open(bet, rounds[at:], limit)
            break
        found = [outcome_of(said[prompt.id]) for prompt in prompts]
        asked += prompts
        outcomes += found
        played.append(Round(fmean(found), tuple(gap_of(prompt) for prompt in prompts)))
        bet.add(played[-1])
        capital.append(bet.log_capital)
        if max(capital[-1], bet.log_against) >= limit:
            standing = "won" if capital[-1] >= limit else "lost"
            break
    return Course(tuple(played), tuple(capital), standing, tuple(asked), tuple(outcomes))


def _open(bet: Bet, left: Sequence[Sequence[AnsweredPrompt]], limit: float) -> Standing:
    best = bet.copy()
    for prompts in left:
        best.add(Round(1.0, tuple(gap_of(prompt) for prompt in prompts)))
        if best.log_capital >= limit:
            return "open"
    return "hopeless"


def preferred(evidence: Evidence, rules: Gate) -> Check:
    """Check whether judges who do not know whose answer is whose prefer the candidate's."""
    said = evidence.comparison
    check = Check(
        name="judges",
        title="Answers, compared blind by the panel",
        passed=False,
        sentence="",
        rule="better than what the lengths of the answers explain, with "
        f"{rules.confidence:.0%} confidence however early it was stopped",
    )
    if not said.judges:
        return check.model_copy(
            update={
                "passed": None,
                "sentence": f"nobody compared answers: {said.why_none}; the decision goes by "
                "preferences, tool calls and must-pass prompts alone",
            }
        )
    if not evidence.answers:
        return check.model_copy(
            update={"passed": None, "sentence": "there are no held-out prompts to compare"}
        )
    went = course(evidence.answers, said.prompts, rules.confidence)
    votes = [vote for prompt in said.prompts for vote in prompt.votes]
    unread = sum(vote.outcome is None for vote in votes) / max(1, len(votes))
    if not went.rounds:
        return check.model_copy(
            update={
                "too_little": True,
                "sentence": f"too little evidence: even if it won all of the "
                f"{len(evidence.answers)} prompts, it would not be sure",
                "needed": _least(rules.confidence),
            }
        )
    figures = _figures(went, evidence, unread, rules.confidence)
    check = check.model_copy(update={"figures": figures})
    if votes and unread > UNREADABLE:
        text = f"{unread:.0%} of the judges' answers can't be read"
        return check.model_copy(update={"sentence": text})
    return _concluded(check, went, evidence, rules.confidence)


def _concluded(check: Check, went: Course, evidence: Evidence, confidence: float) -> Check:
    last = bounds(went.rounds, confidence)[-1]
    even = check.figures["win rate at equal lengths"]
    told = (
        f"win rate {last.win_rate:.0%} (at equal lengths {share(even)}) "  # type: ignore[arg-type]
        f"over {len(went.asked)} of {len(evidence.answers)} prompts"
    )
    if went.standing == "won":
        return check.model_copy(update={"passed": True, "sentence": told})
    if went.standing == "lost":
        return check.model_copy(update={"sentence": f"worse than what serves: {told}"})
    if last.low > 0.5:
        text = f"better only as far as its longer answers explain: {told}"
        return check.model_copy(update={"sentence": text})
    if last.win_rate <= 0.5:
        return check.model_copy(update={"sentence": f"no better than what serves: {told}"})
    grown = went.capital[-1]
    needed = None
    if grown > 0:
        needed = round_up(len(went.asked) * log(1 / (1 - confidence)) / grown)
    return check.model_copy(
        update={
            "too_little": True,
            "needed": needed,
            "sentence": f"too little evidence: {told}"
            + (f", needs about {needed}" if needed else ", and no more in sight"),
        }
    )


def _figures(
    went: Course, evidence: Evidence, unread: float, confidence: float
) -> dict[str, Number]:
    clusters = [prompt.cluster for prompt in went.asked]
    last = bounds(went.rounds, confidence)[-1]
    ids = {prompt.id for prompt in went.asked}
    votes = [v for p in evidence.comparison.prompts if p.id in ids for v in p.votes]
    figures: dict[str, Number] = {
        "win rate": Clusters(clusters).share(went.outcomes),
        "win rate at equal lengths": controlled(went.outcomes, went.gaps, clusters),
        "lower bound at any time": last.low,
        "upper bound at any time": last.high,
        "evidence (1 is none)": exp(min(50.0, max(went.capital))),
        "prompts asked": len(went.asked),
        "sessions asked": len(went.rounds),
        "answers the same": sum(prompt.same for prompt in went.asked),
    }
    if votes:
        figures["judges that prefer a place"] = sum(v.positional for v in votes) / len(votes)
        figures["not readable"] = unread
    return figures


def _least(confidence: float) -> int:
    """Return how many prompts of equally long answers it takes if the candidate wins them all."""
    bet, count = Bet(), 0
    while bet.log_capital < log(1 / (1 - confidence)):
        bet.add(Round(1.0, (0.0,)))
        count += 1
    return count
