"""What is known of a candidate: everything that the decision is computed from, and no texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from schemas.record import Part

Split = Literal["eval", "test"]
Said = Literal["first", "second", "tie", "none"]
"""What a judge says of two answers in one order; `none` is no readable answer."""


class Logs(Part):
    """The log-probabilities, in nats, that a model gives the two sides of a pair."""

    chosen: float
    rejected: float


class HeldOutRow(Part):
    """A held-out pair. Rows of one `cluster` share sessions and are not independent.

    Lengths are in tokens of the side alone. Without an incumbent of its own the base's figures
    stand for it.
    """

    id: str
    cluster: str
    split: Split
    chosen_tokens: int
    rejected_tokens: int
    base: Logs
    candidate: Logs
    incumbent: Logs | None = None


class AnswerFigures(Part):
    """An answer to a held-out prompt, in figures.

    `length` is in characters, words and calls together. `calls` counts those that the model came
    to the end of, `faults` says of each that does not fit what is wrong with it.
    """

    length: int
    tokens: int
    finished: bool = True
    calls: int = 0
    faults: tuple[str, ...] = ()


class AnsweredPrompt(Part):
    """A held-out prompt that both models have answered. `due`: the chosen answer calls a tool."""

    id: str
    cluster: str
    due: bool = False
    same: bool = False
    candidate: AnswerFigures
    incumbent: AnswerFigures


class Vote(Part):
    """What one judge says of one prompt's two answers: with the candidate's shown first, and with
    it shown second."""

    judge: str
    first: Said
    second: Said

    @property
    def outcome(self) -> float | None:
        """1 where the candidate's answer is the better one, 0 where the incumbent's is, 0.5 for a
        tie; None where the judge could not be read.

        A judge that names another answer when the order is changed has preferred a position, which
        says nothing of the answers: a tie.
        """
        if "none" in (self.first, self.second):
            return None
        if (self.first, self.second) == ("first", "second"):
            return 1.0
        if (self.first, self.second) == ("second", "first"):
            return 0.0
        return 0.5

    @property
    def positional(self) -> bool:
        """Whether it named the same place both times."""
        return self.first == self.second and self.first in ("first", "second")


class ComparedPrompt(Part):
    """What the judges say of one prompt's two answers."""

    id: str
    votes: tuple[Vote, ...]


class Comparison(Part):
    """What the panel said of the prompts it was asked about, whole clusters in the order asked.

    Without `judges` nobody was asked; `why_none` says why.
    """

    judges: tuple[str, ...] = ()
    why_none: str = ""
    prompts: tuple[ComparedPrompt, ...] = ()


class MustPassFigures(Part):
    """What the two models' answers to a must-pass prompt lack; nothing where they pass."""

    name: str
    candidate: tuple[str, ...] = ()
    incumbent: tuple[str, ...] = ()


class Evidence(Part):
    """All of it. `beta` is the scale of rewards; `left_out` counts held-out pairs that are longer
    than the models read; `has_incumbent` is false while the base is what serves."""

    run: str
    beta: float
    has_incumbent: bool
    rows: tuple[HeldOutRow, ...] = ()
    left_out: int = 0
    answers: tuple[AnsweredPrompt, ...] = ()
    comparison: Comparison = Comparison()
    must_pass: tuple[MustPassFigures, ...] = ()


def cluster_of(rows: Iterable[tuple[str, Sequence[str]]]) -> dict[str, str]:
    """Return the cluster of each row: rows that share a session, also by way of others, are one.

    Args:
        rows: ids with their sessions.

    Returns:
        The name of the cluster by row, which is the least of its sessions' names.
    """
    found = list(rows)
    parent: dict[str, str] = {}

    def root(session: str) -> str:
        while parent.setdefault(session, session) != session:
            parent[session] = session = parent[parent[session]]
        return session

    for row, sessions in found:
        first, *others = sessions or (f"row {row}",)
        for other in others:
            low, high = sorted((root(first), root(other)))
            parent[high] = low
    return {row: root((sessions or (f"row {row}",))[0]) for row, sessions in found}
