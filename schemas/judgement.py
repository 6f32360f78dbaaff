"""The `judgements` topic: what one judge says of one turn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.identity import digest
from schemas.record import Part, Record

Score = Annotated[int, Field(ge=1, le=10, strict=True)]

DIMENSIONS = (
    "tool_correctness",
    "task_completion",
    "instruction_adherence",
    "efficiency",
    "overall",
)
"""The five things every judge scores, each 1 (junk) to 10 (could not be better)."""


class Scores(Part):
    """Five integers from 1 to 10."""

    tool_correctness: Score
    task_completion: Score
    instruction_adherence: Score
    efficiency: Score
    overall: Score


class Judgement(Record):
    """A score, or an abstention with its reason. Never a number that no judge gave.

    `kind` tells a language model's opinion from one that was computed from what happened in the
    turn. `skipped` comes from the pre-filter: `reason` then names the rule, `rationale` what it
    saw. `raw` keeps the text of an answer that could not be read. `latency_ms` is wall-clock time
    over all attempts and differs from run to run, so nothing behind this topic carries it.
    """

    id: str
    turn_id: str
    judge: str
    kind: Literal["llm", "signals", "prefilter"]
    model: str
    rubric: str
    status: Literal["scored", "abstained", "skipped"]
    scores: Scores | None = None
    rationale: str = ""
    reason: str = ""
    raw: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_ms: float | None = None


def judgement_id(turn_id: str, judge: str, model: str, rubric: str) -> str:
    """Return a judgement's id: the same judge, model and rubric judge a turn once."""
    return digest("judgement", turn_id, judge, model, rubric)
