"""The judge that is a language model on somebody's server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Final, Literal

from agents.judges.answer import Answer, read_answer
from agents.judges.asking import PROBE, Abstains, Asking, Case
from agents.judges.clients.wire import Client, Reply
from agents.judges.prompt import render
from agents.judges.rubric import rubric_text
from schemas.identity import well_formed
from schemas.judgement import Judgement, Scores, judgement_id
from schemas.reaction import Reaction
from schemas.turn import Turn

__all__ = ["PROBE", "ModelJudge"]

DEMAND: Final = "Answer with the one JSON object, all five whole numbers from 1 to 10."


class ModelJudge:
    """Asks one model, at most `concurrency` turns at a time, and reads what it says.

    What it can't be brought to score (see `Asking`) is an abstention.
    """

    def __init__(
        self,
        client: Client,
        *,
        name: str,
        model: str,
        rubric: str,
        concurrency: int = 1,
        max_tokens: int = 4096,
        max_tokens_cap: int = 16_384,
        prompt_chars: int = 48_000,
        probe_seconds: float = 60.0,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.name = name
        self.model = model
        self.rubric = rubric
        self.concurrency = concurrency
        self._asking = Asking(
            client,
            name=name,
            system=rubric_text(rubric),
            demand=DEMAND,
            max_tokens=max_tokens,
            max_tokens_cap=max_tokens_cap,
            prompt_chars=prompt_chars,
            probe_seconds=probe_seconds,
        )
        self._clock = clock
        self._slots = asyncio.Semaphore(concurrency)

    async def judge(self, turn: Turn, reaction: Reaction | None = None) -> Judgement:
        """Return the model's scores of `turn`, or an abstention.

        Raises:
            JudgeUnavailable: the machine can't answer whatever it is asked.
        """
        async with self._slots:
            started = self._clock()
            case = self._asking.case()
            shown = reaction or turn.reaction
            said: Answer | Abstains
            try:
                said = await self._asking.ask(case, lambda limit: render(turn, shown, limit), _read)
            except Abstains as error:
                said = error
            return self._judgement(turn, case, said, (self._clock() - started) * 1000)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._asking.aclose()

    async def check(self) -> Reply:
        """Ask the model a question of a few tokens: whether the machine works at all.

        Raises:
            JudgeUnavailable: it does not.
        """
        return await self._asking.check()

    def abstention(self, turn: Turn, reason: str, detail: str) -> Judgement:
        """Return an abstention that whoever asks makes in the model's place."""
        return Judgement(
            id=judgement_id(turn.id, self.name, self.model, self.rubric),
            turn_id=turn.id,
            judge=self.name,
            kind="llm",
            model=self.model,
            rubric=self.rubric,
            status="abstained",
            rationale=well_formed(detail),
            reason=reason,
        )

    def _judgement(
        self, turn: Turn, case: Case, said: Answer | Abstains, latency_ms: float
    ) -> Judgement:
        scores: Scores | None = None
        if isinstance(said, Answer):
            status: Literal["scored", "abstained"] = "scored"
            scores, rationale, reason, raw = said.scores, said.rationale, "", ""
        else:
            status = "abstained"
            rationale, reason, raw = well_formed(str(said)), said.reason, case.raw
        return Judgement(
            id=judgement_id(turn.id, self.name, self.model, self.rubric),
            turn_id=turn.id,
            judge=self.name,
            kind="llm",
            model=self.model,
            rubric=self.rubric,
            status=status,
            scores=scores,
            rationale=rationale,
            reason=reason,
            raw=raw,
            tokens_in=case.tokens_in,
            tokens_out=case.tokens_out,
            latency_ms=round(latency_ms, 1),
        )


def _read(reply: Reply) -> Answer:
    return read_answer(reply.content, reply.reasoning, finished=reply.finish == "stop")
