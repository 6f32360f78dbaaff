"""The panel compares answers: in both orders, until it is decided, and goes on after a kill."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agents.judges.comparing import Comparer, make_comparer
from agents.judges.fake import FAULTS, Act, Asked, FakeJudge, Script
from schemas.settings import Calibration, Gate, ModelJudge, Panel, Settings
from streams.training.comparing import JudgesAway, Progress, compare, counting
from tests.support.gatefolder import GOOD, MARK, POOR, make_folder
from trainer.gate.conclude import conclude
from trainer.gate.decision import Check
from trainer.gate.evidence import Comparison
from trainer.gate.gather import Asked as Line
from trainer.gate.gather import Unfinished, comparison, texts
from trainer.gate.job import COMPARED, COMPARISONS
from trainer.gate.lines import read_lines

Start = Callable[..., Awaitable[tuple[list[FakeJudge], list[Comparer]]]]
SETTINGS = Settings()


def says(better: str) -> Act:
    return Act(json.dumps({"rationale": "So it is.", "better": better}))


def honest(asked: Asked) -> Act:
    """Prefer the answer that switches the lamp on, wherever it stands."""
    return says("first" if '"on"' in _shown_first(asked) else "second")


def doubtful(asked: Asked) -> Act:
    """Prefer it in three of four questions."""
    right = asked.random().random() < 0.75
    return says("first" if ('"on"' in _shown_first(asked)) is right else "second")


def always_first(_: Asked) -> Act:
    return says("first")


def _shown_first(asked: Asked) -> str:
    return asked.prompt.partition("FIRST ANSWER")[2].partition("SECOND ANSWER")[0]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Return a function that starts servers by scripts and makes a comparer for each."""
    async with AsyncExitStack() as stack:

        async def started(*scripts: Script, **options: Any) -> Any:
            fakes = [await stack.enter_async_context(FakeJudge(script)) for script in scripts]
            comparers = [
                make_comparer(settings(fake, f"judge-{at}", **options), backoff=0.001)
                for at, fake in enumerate(fakes)
            ]
            for comparer in comparers:
                stack.push_async_callback(comparer.aclose)
            return fakes, comparers

        yield started


def settings(fake: FakeJudge, name: str, **options: Any) -> ModelJudge:
    return ModelJudge(
        kind="ollama", name=name, url=fake.url, model="fake-judge", timeout=5, **options
    )


async def ask(folder: Path, comparers: Sequence[Comparer], **options: Any) -> Comparison:
    return await compare(SETTINGS, folder, comparers=comparers, first_wait=0.001, **options)


def judged(folder: Path) -> Check:
    decision = conclude(folder, Gate())
    return next(each for each in decision.checks if each.name == "judges")


async def test_the_better_answers_win_and_no_more_is_asked_than_needed(
    tmp_path: Path, start: Start
) -> None:
    fakes, comparers = await start(honest, honest)
    folder = make_folder(tmp_path)
    seen: list[Progress] = []
    said = await ask(folder, comparers, progress=seen.append)
    assert said.judges == ("judge-0", "judge-1")
    assert seen[-1].standing == "won"
    assert seen[-1].asked < 12
    # Both orders of each prompt, and a judge may be a few prompts ahead.
    for fake in fakes:
        assert 2 * seen[-1].asked <= len(fake.asked) <= 2 * (seen[-1].asked + 4)
    check = judged(folder)
    assert check.passed is True
    assert check.figures["judges that prefer a place"] == 0
    lines = read_lines(folder / COMPARISONS, Line)
    assert {line.said for line in lines} == {"first", "second"}
    assert all(line.rationale == "So it is." for line in lines)


async def test_judges_are_not_told_whose_answer_is_whose(tmp_path: Path, start: Start) -> None:
    fakes, comparers = await start(honest)
    await ask(make_folder(tmp_path), comparers)
    for asked in fakes[0].asked:
        assert "Qwen" not in asked.prompt
        assert "candidate" not in asked.prompt
        assert "/models" not in asked.prompt


async def test_a_judge_that_always_prefers_the_first_makes_ties(
    tmp_path: Path, start: Start
) -> None:
    _, comparers = await start(always_first)
    folder = make_folder(tmp_path, sessions=20)
    said = await ask(folder, comparers)
    votes = [vote for prompt in said.prompts for vote in prompt.votes]
    assert votes
    assert {vote.outcome for vote in votes} == {0.5}
    check = judged(folder)
    assert check.passed is False
    assert check.figures["judges that prefer a place"] == 1.0
    assert check.figures["evidence (1 is none)"] == pytest.approx(1.0)


async def test_a_judge_that_babbles_says_nothing(tmp_path: Path, start: Start) -> None:
    fakes, comparers = await start(FAULTS["babble"])
    folder = make_folder(tmp_path, sessions=12)
    await ask(folder, comparers)
    check = judged(folder)
    assert check.passed is False
    assert check.sentence == "100% of the judges' answers can't be read"
    lines = read_lines(folder / COMPARISONS, Line)
    assert {(line.said, line.reason) for line in lines} == {("none", "unreadable")}
    assert len(fakes[0].asked) == 2 * len(lines)  # each was asked once more


async def test_one_that_babbles_beside_two_that_do_not(tmp_path: Path, start: Start) -> None:
    _, comparers = await start(honest, FAULTS["babble"], honest)
    folder = make_folder(tmp_path)
    await ask(folder, comparers)
    check = judged(folder)
    assert check.passed is True
    assert check.figures["not readable"] == pytest.approx(1 / 3)


async def test_worse_answers_lose_early(tmp_path: Path, start: Start) -> None:
    fakes, comparers = await start(honest)
    folder = make_folder(tmp_path, candidate_says=(POOR,), incumbent_says=(GOOD,))
    await ask(folder, comparers)
    assert judged(folder).sentence.startswith("worse than what serves")
    assert len(fakes[0].asked) < 40


async def test_the_same_answers_are_not_asked_about(tmp_path: Path, start: Start) -> None:
    fakes, comparers = await start(honest)
    folder = make_folder(tmp_path, candidate_says=(GOOD,), incumbent_says=(GOOD,))
    await ask(folder, comparers)
    assert fakes[0].asked == []
    assert judged(folder).sentence.startswith("no better than what serves: win rate 50%")


async def test_a_restart_asks_only_what_is_missing(tmp_path: Path, start: Start) -> None:
    """After a kill at any byte of what was written down."""
    fakes, comparers = await start(doubtful, doubtful)
    folder = make_folder(tmp_path)
    whole = await ask(folder, comparers)
    decided = judged(folder)
    written = (folder / COMPARISONS).read_bytes()
    dice = Random(7)
    for _ in range(6):
        torn = written[: dice.randrange(len(written))]
        (folder / COMPARISONS).write_bytes(torn)
        (folder / COMPARED).unlink()
        before = [len(fake.asked) for fake in fakes]
        assert await ask(folder, comparers) == whole
        assert judged(folder) == decided
        asked = sum(len(fake.asked) for fake in fakes) - sum(before)
        kept = torn.count(b"\n")
        # No prompt decides alone, so a judge may have been asked ahead of the end this time, too.
        assert asked <= written.count(b"\n") - kept + 2 * 2 * 4
    before = [len(fake.asked) for fake in fakes]
    assert await ask(folder, comparers) == whole
    assert [len(fake.asked) for fake in fakes] == before


async def test_a_stop_leaves_nobody_asking(tmp_path: Path, start: Start) -> None:
    asked = asyncio.Event()

    def hangs(_: Asked) -> Act:
        asked.set()
        return Act(hang=True)

    _, comparers = await start(honest, hangs)
    comparing = asyncio.create_task(ask(make_folder(tmp_path), comparers))
    await asked.wait()
    comparing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await comparing
    assert not (tmp_path / COMPARED).exists()
    assert [task for task in asyncio.all_tasks() if "_work" in repr(task)] == []


async def test_what_was_said_of_other_answers_does_not_count(tmp_path: Path, start: Start) -> None:
    fakes, comparers = await start(honest)
    await ask(make_folder(tmp_path), comparers)
    before = len(fakes[0].asked)
    make_folder(tmp_path, candidate_says=(POOR,), incumbent_says=(GOOD,))
    (tmp_path / COMPARED).unlink()
    with pytest.raises(Unfinished):
        comparison(tmp_path, texts(tmp_path), MARK)
    await ask(tmp_path, comparers)
    assert len(fakes[0].asked) > before
    assert judged(tmp_path).sentence.startswith("worse than what serves")


async def test_a_judge_that_is_down_is_waited_for(tmp_path: Path, start: Start) -> None:
    fakes, comparers = await start(
        lambda asked: FAULTS["busy"](asked) if asked.number < 12 else honest(asked)
    )
    await ask(make_folder(tmp_path), comparers, patience=60)
    assert judged(tmp_path).passed is True
    assert len(fakes[0].asked) > 12


async def test_one_that_stays_down_is_told_and_nothing_is_lost(
    tmp_path: Path, start: Start
) -> None:
    fakes, comparers = await start(honest, FAULTS["busy"])
    folder = make_folder(tmp_path)
    with pytest.raises(JudgesAway, match="judge judge-1: "):
        await ask(folder, comparers, patience=0)
    assert not (folder / COMPARED).exists()
    kept = len(read_lines(folder / COMPARISONS, Line))
    await ask(folder, comparers[:1])
    # Only what it was being asked when the other was given up may have been asked again.
    assert len(fakes[0].asked) <= len({asked.prompt for asked in fakes[0].asked}) + 1
    assert kept <= len(read_lines(folder / COMPARISONS, Line))


async def test_before_the_models_are_measured_nobody_is_asked(tmp_path: Path) -> None:
    with pytest.raises(Unfinished):
        await compare(SETTINGS, tmp_path)


async def test_signals_judges_can_not_compare(tmp_path: Path) -> None:
    said = await compare(SETTINGS, make_folder(tmp_path))
    assert said.judges == ()
    assert said.why_none == "no language model judges here, and signals judges can't compare"
    assert judged(tmp_path).passed is None


def test_only_judges_that_count_are_asked(tmp_path: Path) -> None:
    judges = tuple(
        ModelJudge(kind="ollama", name=name, url="http://127.0.0.1:1", model="m")
        for name in ("one", "two", "three")
    )
    panels = (
        Panel(name="default", judges=("one", "two"), quorum=1, force=("two",)),
        Panel(name="other", judges=("three",), quorum=1),
    )
    paths = {"home": tmp_path}
    made = Settings(judges=judges, panels=panels, paths=paths)  # type: ignore[arg-type]
    assert [judge.name for judge in counting(made)[0]] == ["two"]
    trusting = made.model_copy(update={"calibration": Calibration(required=False)})
    assert [judge.name for judge in counting(trusting)[0]] == ["one", "two"]
    strict = made.model_copy(update={"panels": (panels[0].model_copy(update={"force": ()}),)})
    found, why = counting(strict)
    assert found == []
    assert why == "no language model counts on panel default (clawback judges list)"
