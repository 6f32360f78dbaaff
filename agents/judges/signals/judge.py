"""The judge that needs no model: it scores a turn from what happened in it."""

from __future__ import annotations

from typing import Final

from agents.judges.signals.evidence import Evidence, collect
from agents.judges.signals.score import score
from schemas.judgement import Judgement, judgement_id
from schemas.reaction import Reaction
from schemas.settings import SignalsJudge as SignalsSettings
from schemas.turn import Turn

RUBRIC: Final = "signals-2"
"""Raised whenever the same turn could get another score than before."""


class SignalsJudge:
    """Deterministic, never abstains, and never claims to be a language model."""

    def __init__(self, settings: SignalsSettings) -> None:
        self.name = settings.name
        self.model = f"signals/{settings.strict_on}"
        self.rubric = RUBRIC
        self.concurrency = 1
        self._strict_on = settings.strict_on

    def judge_now(self, turn: Turn, reaction: Reaction | None = None) -> Judgement:
        """Return the judgement without leaving the calling thread (some 30 microseconds)."""
        evidence = collect(turn, reaction)
        return Judgement(
            id=judgement_id(turn.id, self.name, self.model, self.rubric),
            turn_id=turn.id,
            judge=self.name,
            kind="signals",
            model=self.model,
            rubric=self.rubric,
            status="scored",
            scores=score(evidence, self._strict_on),
            rationale=rationale(evidence),
        )

    async def judge(self, turn: Turn, reaction: Reaction | None = None) -> Judgement:
        """Return the judgement; it never waits for anything."""
        return self.judge_now(turn, reaction)

    async def check(self) -> None:
        """It always works."""

    def abstention(self, turn: Turn, reason: str, detail: str) -> Judgement:
        """Return an abstention for a turn that made it fail, which is a mistake in it."""
        return Judgement(
            id=judgement_id(turn.id, self.name, self.model, self.rubric),
            turn_id=turn.id,
            judge=self.name,
            kind="signals",
            model=self.model,
            rubric=self.rubric,
            status="abstained",
            rationale=detail,
            reason=reason,
        )

    async def aclose(self) -> None:
        """Nothing is held."""


def rationale(evidence: Evidence) -> str:
    """Return one line that names the evidence, weightiest first."""
    said = list(_trouble(evidence)) or ["no errors"]
    heard = evidence.heard
    if heard is not None and heard.thanks:
        said.append(f'user was content ("{heard.quote}")')
    rounds = "1 round" if evidence.rounds == 1 else f"{evidence.rounds} rounds"
    calls = "1 call" if evidence.calls == 1 else f"{evidence.calls} calls"
    said.append(
        f"{calls} in {rounds}, {evidence.tokens_out} output tokens, {evidence.seconds:.1f} s"
    )
    return "; ".join(said)


def _trouble(evidence: Evidence) -> list[str]:
    said = []
    recovered = evidence.failed - evidence.unrecovered
    if evidence.unrecovered:
        said.append(f"{evidence.unrecovered} failed without recovery")
    if recovered:
        said.append(f"{recovered} failed, later recovered")
    if evidence.failures:
        said[-1] += f": {', '.join(evidence.failures)}"
    if evidence.unknown:
        said.append(f"{evidence.unknown} to unknown tools: {', '.join(evidence.strangers)}")
    if evidence.claimed:
        said.append("answer claims success all the same")
    if evidence.unanswered:
        said.append(f"{evidence.unanswered} unanswered")
    if evidence.blank:
        said.append("no answer to the user")
    if evidence.ending:
        said.append(_ENDINGS[evidence.ending])
    heard = evidence.heard
    if heard is not None and heard.correction:
        said.append(f'user objected ("{heard.quote}")')
    if heard is not None and heard.repeated:
        said.append(f'user asked the same again ("{heard.quote}")')
    if evidence.stubborn:
        said.append(f"{evidence.stubborn} tried again unchanged after the same error")
    repeats = evidence.wasted - evidence.failed - evidence.unanswered - evidence.unknown
    if repeats:
        said.append(f"{repeats} repeated for nothing")
    return said


_ENDINGS = {
    "error": "ended with an error",
    "aborted": "was aborted",
    "length": "was cut at the token limit",
    "unfinished": "ended before its last tool answered",
}
