"""What comes out of the line is followed and said in one line each."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from schemas.deadletter import DeadLetter
from schemas.judgement import Scores
from schemas.pair import ChatMessage, PreferencePair, Side
from schemas.record import Record
from schemas.topics import TOPICS
from schemas.training import TrainingProgress, TrainingRequest, TrainingRun
from schemas.turn import Decision, Place, ToolCall, Turn
from schemas.verdict import Medians, Opinion, Verdict
from streams.embedded.log import Log
from streams.embedded.records import Entry
from streams.supervisor.feed.feed import AT_ONCE, SHOWN, Feed
from streams.supervisor.feed.follow import Follower, follow
from streams.supervisor.feed.lines import Style, header, shorten

NAMES = ("errors", "reaction", "efficiency")


def turn(name: str = "t1") -> Turn:
    calls = tuple(ToolCall(id=str(n), name=tool, arguments={}) for n, tool in enumerate("aab"))
    return Turn(
        id=name,
        agent="main",
        session="93c1a0b1-a508-4da5-8cbf-856bda56fc1b",
        request="list the\nfiles in the folder of which I spoke yesterday, please",
        request_raw="",
        steps=(Decision(calls=calls),),
        started_ms=0,
        ended_ms=1_000_000,
        place=Place(file="f", first_offset=0, last_offset=1),
        closed_by="quiet",
    )


def verdict(name: str = "t1", **changes: object) -> Verdict:
    def opinion(judge: str, overall: int) -> Opinion:
        scores = Scores(
            tool_correctness=1,
            task_completion=1,
            instruction_adherence=1,
            efficiency=1,
            overall=overall,
        )
        return Opinion(
            judge=f"signals-{judge}", kind="signals", model="", rubric="", status="scored",
            scores=scores,
        )  # fmt: skip

    medians = Medians(
        tool_correctness=1, task_completion=1, instruction_adherence=1, efficiency=1, overall=7.5
    )
    whole = Verdict(
        id=f"v-{name}",
        turn_id=name,
        panel="default",
        status="scored",
        scores=medians,
        opinions=tuple(opinion(judge, number) for number, judge in enumerate(NAMES, 7)),
    )
    return whole.model_copy(update=changes)


def pair() -> PreferencePair:
    return PreferencePair(
        id="0123456789abcdef",
        strategy="retry",
        panel="default",
        prompt=(ChatMessage(role="user", content="old"), ChatMessage(role="user", content="do it")),
        chosen=Side(turn_id="a", messages=(), overall=8),
        rejected=Side(turn_id="b", messages=(), overall=2.5),
        margin=5.5,
    )


def letter() -> DeadLetter:
    return DeadLetter(id="d", stage="tail", source="/s.jsonl", position="12", reason="no\nJSON")


class Story:
    """A log, and a feed over it."""

    def __init__(self, folder: Path) -> None:
        self.log = Log(folder / "log.db")
        self.shown: list[str] = []
        self.feed = Feed("c", Style(), self.shown.append)
        self.topics = [f"c.{name}" for name in SHOWN]
        self.clock = 0

    def put(self, topic: str, *records: Record) -> None:
        self.log.create_topic(f"c.{topic}", 2)
        self.clock += 1
        self.log.append_many(
            [
                Entry(f"c.{topic}", number % 2, self.clock, b"k", record.to_bytes())
                for number, record in enumerate(records)
            ]
        )


def test_the_topics_are_the_lines_own() -> None:
    assert set(SHOWN) <= set(TOPICS)


def test_lines(tmp_path: Path) -> None:
    story = Story(tmp_path)
    follower = Follower(story.log, story.topics)
    assert follower.poll() == []
    story.put("verdicts", verdict())
    story.put("turns", turn())
    story.put("verdicts", verdict())
    story.put("verdicts", verdict("unseen", revision=2, status="incomplete", scores=None))
    story.put("pairs", pair())
    story.put("deadletters", letter())
    story.feed.take(follower.poll())
    assert follower.poll() == []
    first, again, incomplete = [line for line in story.shown if "→" in line]
    assert first == again
    assert "main/93c1a0b1 " in first
    assert "“list the files in the folder of which I…”" in first
    assert "a×2 b" in first
    assert first.endswith("errors 7  reaction 8  efficiency 9  → 7.5")
    assert incomplete.startswith("turn unseen")
    assert incomplete.endswith("→ -  incomplete (revision 2)")
    assert "pair 01234567  8 over 2.5  “do it”" in story.shown
    assert "not readable: /s.jsonl at 12: no JSON" in story.shown


def test_a_side_without_a_score_has_none(tmp_path: Path) -> None:
    story = Story(tmp_path)
    follower = Follower(story.log, story.topics)
    failed = pair().rejected.model_copy(update={"overall": None})
    story.put("pairs", pair().model_copy(update={"rejected": failed}))
    story.feed.take(follower.poll())
    assert story.shown == ["pair 01234567  8 over -  “do it”"]


def test_a_training_run_is_told_of_when_its_state_changes(tmp_path: Path) -> None:
    story = Story(tmp_path)
    follower = Follower(story.log, story.topics)
    planned = TrainingRun(
        id="ab" * 16, state="planned", base_model="tiny", method="dpo", pairs=3, attempt=2
    )
    running = planned.model_copy(update={"state": "running", "hosts": ("spark1", "spark2")})
    progress = TrainingProgress(step=1, steps=9, loss=0.5)
    asked = TrainingRequest(id="r", request="stop", run=planned.id, at_ms=1)
    better = "better with 97 % confidence"
    for record in (
        planned,
        running,
        running.model_copy(update={"progress": progress}),
        asked,
        planned.model_copy(update={"state": "promoted", "reason": better, "attempt": 1}),
    ):
        story.put("training", record)
        story.feed.take(follower.poll())
    assert story.shown == [
        "training abababab is planned (attempt 2)",
        "training abababab is running (attempt 2) on spark1, spark2",
        f"training abababab is promoted: {better}",
    ]


def test_a_skipped_turn_says_by_which_rule(tmp_path: Path) -> None:
    story = Story(tmp_path)
    follower = Follower(story.log, story.topics)
    dropped = Opinion(
        judge="prefilter", kind="prefilter", model="", rubric="", status="skipped", reason="short"
    )
    story.put("verdicts", verdict(status="skipped", scores=None, opinions=(dropped,)))
    story.feed.take(follower.poll())
    assert story.shown[0].endswith("skipped: short")


def test_a_backlog_is_summed_up(tmp_path: Path) -> None:
    story = Story(tmp_path)
    follower = Follower(story.log, story.topics)
    story.put("verdicts", *(verdict(str(number)) for number in range(AT_ONCE + 10)))
    story.feed.take(follower.poll())
    assert len(story.shown) == AT_ONCE + 1
    assert story.shown[-1] == "... and 10 more verdicts"


def test_panels_are_named_where_there_are_several(tmp_path: Path) -> None:
    story = Story(tmp_path)
    follower = Follower(story.log, story.topics)
    story.put("verdicts", verdict(), verdict(panel="other"))
    story.feed.take(follower.poll())
    assert any(line.endswith("other: → 7.5") for line in story.shown)


def test_what_is_there_already_is_not_shown_but_looked_back_at(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.put("turns", turn("t0"), turn("t1"), turn("t2"))
    story.put("verdicts", verdict())
    follower = Follower(story.log, story.topics, {"c.turns": 1})
    assert [each.topic for each in follower.poll()] == ["c.turns", "c.turns"]
    assert follower.poll() == []


async def test_it_wakes_when_something_comes(tmp_path: Path) -> None:
    story = Story(tmp_path)
    follower = Follower(story.log, story.topics)

    async def feed() -> None:
        async with contextlib.aclosing(follow(story.log, follower, story.topics)) as batches:
            async for batch in batches:
                story.feed.take(batch)

    feeding = asyncio.create_task(feed())
    await asyncio.sleep(0.05)
    story.put("verdicts", verdict())
    async with asyncio.timeout(2):
        while not story.shown:  # noqa: ASYNC110 - what is waited for is in another task
            await asyncio.sleep(0.01)
    feeding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await feeding
    assert not any((tmp_path / "log.db.d").rglob("wake/*/*"))


def test_the_header_says_plainly_who_judges() -> None:
    plain = Style()
    signals = header(models=[], openclaw=["/o"], output="/w", style=plain)
    assert "  judged by signals only: no language model is configured" in signals
    models = header(models=["qwen (qwen3)"], openclaw=["/o"], output="/w", style=plain)
    assert "  judged by qwen (qwen3)" in models


def test_colours_only_on_a_terminal() -> None:
    assert Style(colour=True).paint("x", "red") == "\033[31mx\033[0m"
    assert Style().paint("x", "red") == "x"


def test_text_of_others_can_not_steer_the_terminal() -> None:
    assert shorten("a\x1b[2Jb\tc\nd", 20) == "a?[2Jb c d"
