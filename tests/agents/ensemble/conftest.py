"""Judgements as judges make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.judgement import Judgement, Scores, judgement_id


def _make_judgement(judge: str, overall: int | None = 7, **changes: Any) -> Judgement:
    """Return a score, or an abstention where `overall` is None."""
    fields: dict[str, Any] = {
        "turn_id": "f" * 32,
        "judge": judge,
        "kind": "llm",
        "model": "llama3.3:70b",
        "rubric": "v1",
        "status": "abstained" if overall is None else "scored",
        "reason": "timeout" if overall is None else "",
    }
    fields |= changes
    if overall is not None:
        fields["scores"] = Scores(
            tool_correctness=overall,
            task_completion=overall,
            instruction_adherence=min(10, overall + 1),
            efficiency=overall,
            overall=overall,
        )
    identity = (fields["turn_id"], judge, fields["model"], fields["rubric"])
    return Judgement(id=judgement_id(*identity), **fields)


@pytest.fixture(scope="session")
def make_judgement() -> Callable[..., Judgement]:
    return _make_judgement


@pytest.fixture(scope="session")
def make_skip() -> Callable[..., Judgement]:
    def make(rule: str = "short", **changes: Any) -> Judgement:
        kinds = {"kind": "prefilter", "status": "skipped", "model": "rules", "reason": rule}
        return _make_judgement("prefilter", None, **(kinds | changes))

    return make
