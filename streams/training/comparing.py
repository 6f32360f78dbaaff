"""The panel says which answers are better: the candidate's, or those of what serves.

Each of its language models that count is asked about each prompt twice, with the two answers in
either order, and told neither which model wrote which nor what the others say. It ends as soon as
the test is decided (`trainer.gate.checks.comparison`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from agents.judges.comparing import Comparer, Question, make_comparer
from agents.judges.contract import JudgeUnavailable
from schemas.settings import ModelJudge, Settings
from streams.trust import trusted
from trainer.gate.checks.comparison import Standing, course
from trainer.gate.evidence import AnsweredPrompt, Comparison
from trainer.gate.gather import Asked, Judges, Texts, compared, comparison, measurement, texts
from trainer.gate.job import COMPARED, COMPARISONS
from trainer.gate.lines import LineFile, put, read_lines
from trainer.gate.records import AnswerRecord, PromptRecord

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
"""Seconds before a judge that is down is asked again; the wait doubles."""

AHEAD: Final = 4
"""How many prompts a quick judge may be ahead of what is decided on, for each question that it is
put at the same time; what it says of them may prove not to be needed."""

_Key = tuple[str, str, str, str]


class JudgesAway(Exception):
    """A judge was down for too long. One line that says which; asked again later, the comparison
    goes on where it was."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: prompts decided on, of how many at most, and how the test stands."""

    asked: int
    most: int
    standing: Standing


async def compare(
    settings: Settings,
    folder: Path,
    *,
    patience: float = 600.0,
    progress: Callable[[Progress], None] | None = None,
    comparers: Sequence[Comparer] | None = None,
    first_wait: float = FIRST_WAIT,
) -> Comparison:
    """Ask the panel what it has not been asked yet, and write compared.json at the end.

    Args:
        settings: as written; whose judges count is found out here.
        folder: the gate's, with its models measured.
        patience: seconds that a judge may be down.
        progress: called after each prompt that all judges have answered.
        comparers: who is asked, in place of the panel's judges that count.
        first_wait: seconds before a judge that is down is asked again the first time.

    Raises:
        trainer.gate.gather.Unfinished: the models have not been measured.
        JudgesAway: a judge was down for longer than `patience`.
        streams.trust.Unreadable: it can't be told whose judges count.
        ValueError: a judge's settings can't work.
    """
    mark = measurement(folder)
    said = texts(folder)
    owned = comparers is None
    why = ""
    if comparers is None:
        judges, why = counting(settings)
        comparers = [make_comparer(judge) for judge in judges]
    try:
        names = tuple(comparer.name for comparer in comparers)
        if comparers:
            with LineFile(folder / COMPARISONS, Asked) as file:
                asking = _Asking(
                    said, comparers, settings.train.gate.confidence, file, patience, first_wait
                )
                asking.resume(read_lines(folder / COMPARISONS, Asked))
                await asking.run(progress)
    finally:
        if owned:
            await asyncio.gather(*(comparer.aclose() for comparer in comparers))
    told = Judges(fingerprint=mark, judges=names, why_none=why)
    put(folder / COMPARED, told.model_dump_json().encode())
    return comparison(folder, said, mark)


def counting(settings: Settings) -> tuple[list[ModelJudge], str]:
    """Return the language models that count on the panel that feeds the sinks; where there are
    none, why.

    Raises:
        streams.trust.Unreadable: it can't be told.
    """
    believed = trusted(settings)
    panel = next(panel for panel in believed.all_panels if panel.name == settings.sinks.panel)
    judges = [
        judge
        for judge in believed.judges
        if judge.name in panel.judges and isinstance(judge, ModelJudge)
    ]
    if judges:
        return judges, ""
    if any(isinstance(judge, ModelJudge) for judge in settings.judges):
        return [], f"no language model counts on panel {panel.name} (clawback judges list)"
    return [], "no language model judges here, and signals judges can't compare"


@dataclass
class _Asking:
    """One comparison under way."""

    said: Texts
    comparers: Sequence[Comparer]
    confidence: float
    file: LineFile[Asked]
    patience: float
    wait: float
    answers: dict[_Key, Asked] = field(default_factory=dict)
    figures: tuple[AnsweredPrompt, ...] = ()
    standing: Standing = "open"
    decided: int = -1
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    def resume(self, asked: Sequence[Asked]) -> None:
        """Take what was said before into account, of these models and these answers."""
        who = {comparer.name: (comparer.model, comparer.rubric) for comparer in self.comparers}
        for each in asked:
            if who.get(each.judge) == (each.model, each.rubric):
                self.answers[_key(each)] = each
        self.figures = self.said.figures()
        self._look()

    async def run(self, progress: Callable[[Progress], None] | None) -> None:
        """Ask until the test is decided."""
        tasks = [
            asyncio.create_task(self._work(comparer, questions, progress))
            for comparer in self.comparers
            for questions in [iter(self._questions(comparer))]
            for _ in range(comparer.concurrency)
        ]
        try:
            pending = set(tasks)
            while pending and self.standing == "open":
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _questions(self, comparer: Comparer) -> list[tuple[int, Asked, Question]]:
        """Return what a judge is still to be asked, with the place of its prompt."""
        found = []
        for place, prompt in enumerate(self.said.prompts):
            if self.figures[place].same:
                continue
            for shown_first in _ORDERS:
                blank = Asked(
                    prompt=prompt.id,
                    answers=self.said.mark(prompt.id),
                    judge=comparer.name,
                    model=comparer.model,
                    rubric=comparer.rubric,
                    shown_first=shown_first,
                    said="none",
                )
                if _key(blank) not in self.answers:
                    found.append((place, blank, self._question(prompt, shown_first)))
        return found

    def _question(self, prompt: PromptRecord, shown_first: str) -> Question:
        mine, theirs = self.said.candidate[prompt.id], self.said.incumbent[prompt.id]
        question = Question(prompt.id, prompt.prompt, prompt.tools, _side(mine), _side(theirs))
        return question if shown_first == "candidate" else question.swapped()

    async def _work(
        self,
        comparer: Comparer,
        questions: Iterator[tuple[int, Asked, Question]],
        progress: Callable[[Progress], None] | None,
    ) -> None:
        ahead = AHEAD * comparer.concurrency
        for place, blank, question in questions:
            async with self.moved:
                await self.moved.wait_for(partial(self._near, place, ahead))
            answer = await self._ask(comparer, blank, question)
            self.file.add(answer)
            self.answers[_key(answer)] = answer
            async with self.moved:
                before = self.decided
                self._look()
                if self.decided > before:
                    self.moved.notify_all()
                    if progress is not None:
                        most = len(self.figures)
                        progress(Progress(self.decided, most, self.standing))
            if self.standing != "open":
                return

    def _near(self, place: int, ahead: int) -> bool:
        return place < self.decided + ahead

    def _look(self) -> None:
        """See how the test stands by what has been said of the first prompts without a gap."""
        names = [comparer.name for comparer in self.comparers]
        whole = compared(self.said, self.answers.values(), names)
        ids = {each.id for each in whole}
        decided = next(
            (at for at, prompt in enumerate(self.said.prompts) if prompt.id not in ids),
            len(self.said.prompts),
        )
        if decided == self.decided:
            return
        self.decided = decided
        self.standing = course(self.figures, whole, self.confidence).standing

    async def _ask(self, comparer: Comparer, blank: Asked, question: Question) -> Asked:
        wait, down_since = self.wait, None
        while True:
            try:
                opinion = await comparer.compare(question)
            except JudgeUnavailable as error:
                now = time.monotonic()
                down_since = now if down_since is None else down_since
                if now - down_since >= self.patience:
                    raise JudgesAway(f"judge {comparer.name}: {error}") from error
                await asyncio.sleep(error.retry_after or wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            return blank.model_copy(
                update={
                    "said": opinion.better or "none",
                    "rationale": opinion.rationale,
                    "reason": opinion.reason,
                    "tokens_in": opinion.tokens_in,
                    "tokens_out": opinion.tokens_out,
                    "seconds": round(opinion.seconds, 3),
                }
            )


_ORDERS: Final[tuple[Literal["candidate", "incumbent"], ...]] = ("candidate", "incumbent")


def _key(asked: Asked) -> _Key:
    return asked.prompt, asked.judge, asked.shown_first, asked.answers


def _side(answer: AnswerRecord) -> tuple[str, list[dict[str, Any]]]:
    """Return an answer as a judge sees it; calls that can't be read stay as they were written."""
    if answer.parsed.broken or answer.parsed.cut:
        return answer.text, []
    return answer.parsed.content, [call.model_dump() for call in answer.parsed.calls]
