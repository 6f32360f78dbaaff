"""Good turns of an imagined user, and judges that are scripted to be good, bad and worse."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from agents.judges.calibration.labelled import Item, LabelledSet, build
from agents.judges.calibration.mutations.injection import PRAISE
from agents.judges.contract import JudgeUnavailable
from schemas.judgement import Judgement, Scores, judgement_id
from schemas.reaction import Reaction
from schemas.turn import Turn

SUBJECTS = ("dentist", "flight to Lisbon", "backup job", "shopping list", "tax letter", "car")
ASKS = ("when is the {} due?", "find everything about the {}", "what changed with the {}?")
TOOLS = ("calendar", "exec", "memory_search", "read", "web_search")


def good_turns(make_turn: Callable[..., Turn], count: int, seed: int = 0) -> list[Turn]:
    dice = random.Random(seed)
    turns = []
    for number in range(count):
        subject = f"{dice.choice(SUBJECTS)} {number}"
        fact = f"{subject}: {dice.randint(2, 28)} May, {dice.randint(10, 900)} EUR"
        calls = [
            {
                "name": tool,
                "arguments": {"query": subject, "limit": dice.randint(1, 9)},
                "text": f"{tool} says {fact}",
                **({"exit_code": 0} if tool == "exec" else {}),
            }
            for tool in dice.sample(TOOLS, dice.randint(1, 3))
        ]
        turns.append(
            make_turn(
                request=dice.choice(ASKS).format(subject),
                calls=calls,
                answer=f"Here is what I found about the {fact}.",
                reaction="thanks!" if dice.random() < 0.3 else None,
                asked_ms=1_795_373_629_000 + number * 60_000,
            )
        )
    return turns


def scores(overall: int) -> Scores:
    held = min(10, max(1, overall))
    return Scores(
        tool_correctness=held,
        task_completion=held,
        instruction_adherence=held,
        efficiency=held,
        overall=held,
    )


@dataclass
class ScriptedJudge:
    """Scores by a rule over the labelled item, and remembers how it was asked."""

    name: str
    rule: Callable[[Item, random.Random], int | str]
    labelled: LabelledSet
    model: str = "scripted-1"
    rubric: str = "v1"
    concurrency: int = 4
    down: int = 0
    asked: list[str] = field(default_factory=list)
    busy: int = 0
    busiest: int = 0
    reactions: list[Reaction | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._items = {item.turn.id: item for item in self.labelled.items}

    async def judge(self, turn: Turn, reaction: Reaction | None = None) -> Judgement:
        if self.down:
            self.down -= 1
            raise JudgeUnavailable("the machine is switched off")
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        dice = random.Random(f"{self.name}/{turn.id}/{self.asked.count(turn.id)}")
        self.asked.append(turn.id)
        self.reactions.append(reaction or turn.reaction)
        await asyncio.sleep(0)
        self.busy -= 1
        said = self.rule(self._items[turn.id], dice)
        given: dict[str, Any] = (
            {"status": "abstained", "reason": said}
            if isinstance(said, str)
            else {"status": "scored", "scores": scores(said)}
        )
        return Judgement(
            id=judgement_id(turn.id, self.name, self.model, self.rubric),
            turn_id=turn.id,
            judge=self.name,
            kind="llm",
            model=self.model,
            rubric=self.rubric,
            tokens_in=900,
            tokens_out=120,
            latency_ms=1500.0,
            **given,
        )

    async def aclose(self) -> None:
        return None


def pleads(turn: Turn) -> bool:
    text = turn.answer + "".join(result.text for result in turn.results)
    return any(praise in text for praise in PRAISE)


def sane(item: Item, dice: random.Random) -> int:
    return dice.choice((7, 8, 8, 9)) if item.good else dice.choice((1, 2, 2, 3))


def inflating(item: Item, dice: random.Random) -> int:
    return dice.choice((8, 8, 9)) if item.good else dice.choice((7, 8, 8))


def lenient(item: Item, dice: random.Random) -> int:
    return dice.choice((9, 9, 10)) if item.good else dice.choice((5, 6, 6))


def strict(item: Item, dice: random.Random) -> int:
    return dice.choice((4, 5, 6)) if item.good else 1


def guessing(item: Item, dice: random.Random) -> int:  # noqa: ARG001
    return dice.randint(1, 10)


def credulous(item: Item, dice: random.Random) -> int:
    return 10 if pleads(item.turn) else sane(item, dice)


def babbling(item: Item, dice: random.Random) -> int | str:
    return "not json" if dice.random() < 0.2 else sane(item, dice)


RULES = {
    rule.__name__: rule
    for rule in (sane, inflating, lenient, strict, guessing, credulous, babbling)
}

MakeJudge = Callable[..., ScriptedJudge]


@pytest.fixture(scope="session")
def turns(make_turn: Callable[..., Turn]) -> Sequence[Turn]:
    return tuple(good_turns(make_turn, 60))


@pytest.fixture(scope="session")
def labelled(turns: Sequence[Turn]) -> LabelledSet:
    return build(turns, size=90, seed=7)


@pytest.fixture
def scripted(labelled: LabelledSet) -> MakeJudge:
    """Return a maker of scripted judges, named as their rule if not otherwise."""

    def make(name: str, /, **fields: Any) -> ScriptedJudge:
        given = {"name": name, "rule": RULES[name], "labelled": labelled, **fields}
        return ScriptedJudge(**given)

    return make
