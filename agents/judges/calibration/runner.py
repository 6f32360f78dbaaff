"""Putting a labelled set to judges, each as busy as its machine allows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agents.judges.calibration.answers import Answer, AnswerFile, Identity
from agents.judges.calibration.labelled import Item, LabelledSet
from agents.judges.contract import Judge, JudgeUnavailable

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
"""Seconds before a judge that is down is asked again; the wait doubles."""

PATIENCE: Final = 600.0
"""Seconds a judge may be down before the calibration goes on without it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a judge is. `seconds` is the time of the answer that was just given."""

    judge: str
    done: int
    total: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """Answers of each judge, in the order of the set, and why some judges have not finished."""

    identities: Mapping[str, Identity]
    answers: Mapping[str, tuple[Answer, ...]]
    unfinished: Mapping[str, str]


async def run(
    judges: Sequence[Judge],
    labelled: LabelledSet,
    answers: Path,
    *,
    askings: int = 2,
    digests: Mapping[str, str] | None = None,
    progress: Callable[[Progress], None] | None = None,
    patience: float = PATIENCE,
    first_wait: float = FIRST_WAIT,
) -> Run:
    """Ask every judge about every item, except what the file of answers already holds.

    A judge that is down is waited for and, after `patience`, left unfinished; asking again later
    goes on where it stopped. The others are not held up.

    Args:
        judges: who is asked; their names must differ.
        labelled: what is asked.
        answers: the JSONL file that answers are kept in.
        askings: how often each item is put to a judge; two and more measure its noise.
        digests: what each judge's server says its weights are, by the judge's name.
        progress: called after each answer.
        patience: seconds a judge may be down without a break.
        first_wait: seconds before it is asked again the first time.

    Raises:
        ValueError: two judges have one name, or `askings` is below 1.
        OSError: the file cannot be written.
    """
    names = [judge.name for judge in judges]
    if len(set(names)) != len(names):
        raise ValueError(f"each judge needs a name of its own: {', '.join(names)}")
    if askings < 1:
        raise ValueError(f"an item is asked at least once, not {askings} times")
    identities = {
        judge.name: identity_of(judge, (digests or {}).get(judge.name, "")) for judge in judges
    }
    with AnswerFile(answers) as file:
        known = {answer.key: answer for answer in file.read()}
        sessions = [
            _Session(
                judge, identities[judge.name], labelled, known, file, progress, patience, first_wait
            )
            for judge in judges
        ]
        async with asyncio.TaskGroup() as group:
            for session in sessions:
                session.start(group, askings)
    return Run(
        identities,
        {session.judge.name: session.in_order(askings) for session in sessions},
        {s.judge.name: s.given_up for s in sessions if s.given_up},
    )


def identity_of(judge: Judge, digest: str = "") -> Identity:
    """Return what a calibration of a judge is valid for."""
    return Identity(judge=judge.name, model=judge.model, rubric=judge.rubric, digest=digest)


@dataclass
class _Session:
    """One judge's part of a run."""

    judge: Judge
    identity: Identity
    labelled: LabelledSet
    known: dict[tuple[str, str, str, str, str, str, int], Answer]
    file: AnswerFile
    progress: Callable[[Progress], None] | None
    patience: float
    wait: float
    given_up: str = ""
    total: int = 0
    answers: dict[tuple[str, int], Answer] = field(default_factory=dict)
    down_since: float | None = None

    def start(self, group: asyncio.TaskGroup, askings: int) -> None:
        """Start as many workers as the judge can be given turns, over what is not answered yet."""
        self.total = askings * len(self.labelled.items)
        open_: list[tuple[Item, int]] = []
        # The whole set once before any of it again: what is there when a run is stopped is of use.
        for asking in range(askings):
            for item in self.labelled.items:
                found = self.known.get(self._blank(item, asking).key)
                if found is None:
                    open_.append((item, asking))
                else:
                    self.answers[item.turn.id, asking] = found
        questions = iter(open_)
        for _ in range(min(max(1, self.judge.concurrency), len(open_))):
            group.create_task(self._work(questions))

    def in_order(self, askings: int) -> tuple[Answer, ...]:
        """Return the answers in the order of the questions."""
        keys = [(item.turn.id, asking) for asking in range(askings) for item in self.labelled.items]
        return tuple(self.answers[key] for key in keys if key in self.answers)

    async def _work(self, questions: Iterator[tuple[Item, int]]) -> None:
        for item, asking in questions:
            answer = await self._ask(item, asking)
            if answer is None:
                return
            self.file.add(answer)
            self.answers[item.turn.id, asking] = answer
            if self.progress is not None:
                done = len(self.answers)
                self.progress(Progress(self.judge.name, done, self.total, answer.seconds))

    async def _ask(self, item: Item, asking: int) -> Answer | None:
        """Return the answer, or None once the judge has been down for too long."""
        wait = self.wait
        while not self.given_up:
            started = time.perf_counter()
            try:
                judgement = await self.judge.judge(item.turn, None)
            except JudgeUnavailable as error:
                now = time.monotonic()
                self.down_since = now if self.down_since is None else self.down_since
                if now - self.down_since >= self.patience:
                    self.given_up = str(error)
                    return None
                await asyncio.sleep(error.retry_after or wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            self.down_since = None
            own = judgement.latency_ms
            return self._blank(item, asking).model_copy(
                update={
                    "status": judgement.status,
                    "scores": judgement.scores,
                    "reason": judgement.reason,
                    "tokens_in": judgement.tokens_in,
                    "tokens_out": judgement.tokens_out,
                    "seconds": time.perf_counter() - started if own is None else own / 1000,
                }
            )
        return None

    def _blank(self, item: Item, asking: int) -> Answer:
        return Answer(
            fingerprint=self.labelled.fingerprint,
            identity=self.identity,
            turn_id=item.turn.id,
            asking=asking,
            status="abstained",
        )
