"""`clawback pairs` as its user sees it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from schemas.judgement import Scores
from schemas.pair import PreferencePair
from schemas.review import Review
from schemas.turn import Decision, Place, ToolCall, ToolResult, Turn
from schemas.verdict import Medians, Verdict, verdict_id
from sinks import PairsSink
from streams.broker import open_broker
from streams.cli.app import cli
from streams.flow import Outgoing
from streams.replay.topics import partitions, scan
from streams.settings.load import load
from streams.stages.sinks import make_handler, panel_label
from streams.table import TableStore

Call = Callable[..., Result]


def a_turn(number: int, command: str) -> Turn:
    call = ToolCall(id="c", name="exec", arguments={"command": command})
    return Turn(
        id=f"{number:032x}",
        agent="main",
        session=f"s{number}",
        request="is the car charged?",
        request_raw="is the car charged?",
        steps=(
            Decision(calls=(call,), stop_reason="toolUse"),
            ToolResult(call_id="c", name="exec", text="78 %"),
            Decision(text="Yes.", stop_reason="stop"),
        ),
        started_ms=1_772_000_000_000 + number,
        ended_ms=1_772_000_000_000 + number,
        place=Place(file="f", first_offset=0, last_offset=1),
        closed_by="quiet",
    )


def a_verdict(turn: Turn, overall: int, panel: str, edition: str) -> Verdict:
    scores = Scores(
        tool_correctness=overall,
        task_completion=overall,
        instruction_adherence=overall,
        efficiency=overall,
        overall=overall,
    )
    return Verdict(
        id=verdict_id(turn.id, panel),
        turn_id=turn.id,
        panel=panel,
        edition=edition,
        status="scored",
        scores=Medians(**scores.model_dump()),
    )


@pytest.fixture
def line(call: Call, tmp_path: Path) -> Call:
    """A home whose line has made one pair."""
    settings = load(None)
    panel, _, edition = panel_label(settings).partition("@")
    good, bad = a_turn(1, "tesla status"), a_turn(2, "echo no idea")
    records = [
        Outgoing("turns", turn.session.encode(), turn.to_bytes()) for turn in (good, bad)
    ] + [
        Outgoing("verdicts", t.id.encode(), a_verdict(t, s, panel, edition).to_bytes())
        for t, s in ((good, 9), (bad, 2))
    ]
    broker = open_broker(settings)
    broker.ensure_topics()
    asyncio.run(broker.publish(records))
    broker.close()
    sink = make_handler("pairs", settings)._sink
    assert isinstance(sink, PairsSink)
    store = TableStore(tmp_path / "table", "x")
    for record in records:
        sink.apply(record.topic, record.value or b"", store.table("all"))
    sink.flush(store.table("all"), everything=True)
    store.close()
    return call


def reviews() -> list[Review]:
    settings = load(None)
    broker = open_broker(settings)

    async def read() -> list[Review]:
        return [
            Review.from_bytes(record.value or b"")
            for number in range(partitions(broker, "reviews", settings))
            async for record in scan(broker, "reviews", number)
        ]

    try:
        return asyncio.run(read())
    finally:
        broker.close()


def test_list_and_show(line: Call) -> None:
    answer = line("pairs", "list")
    assert answer.exit_code == 0
    pair = json.loads(line("pairs", "list", "--json").stdout)
    for text in (pair["id"][:10], "2026-02-2", "same_request", "7"):
        assert text in answer.stdout
    shown = line("pairs", "show", pair["id"][:6])
    for text in ("chosen: 9", "rejected: 2", "tesla status", "echo no idea", "<|im_start|>"):
        assert text in shown.stdout
    assert json.loads(line("pairs", "show", pair["id"], "--json").stdout) == pair
    assert line("pairs", "list", "--strategy", "retry", "--json").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("show", "zz"), 1, "no pair's id begins with 'zz'"),
        (("list", "--strategy", "magic"), 2, "no strategy is called 'magic'"),
        (("review", "--say", "accept"), 2, "--say needs the IDs"),
        (("sweep", "--chosen", "x"), 2, "write 7,7.5,8"),
        (("sweep", "--chosen", "11"), 2, "from 1 to 10"),
        (("sweep", "--chosen", "3", "--rejected", "8,9"), 2, "nothing could be paired"),
    ],
)
def test_what_can_not_be_done_is_told(
    line: Call, arguments: tuple[str, ...], code: int, told: str
) -> None:
    answer = line("pairs", *arguments)
    assert answer.exit_code == code
    assert told in answer.stderr


def test_a_reader_that_has_seen_enough_is_no_failure(
    line: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(_: PreferencePair) -> bytes:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(PreferencePair, "to_bytes", closed)
    answer = line("pairs", "list", "--json")
    assert (answer.exit_code, answer.output) == (0, "")


@pytest.mark.parametrize(
    ("number", "file", "where", "hint"),
    [
        (errno.ENOSPC, None, "{tmp}/snaps: No space left", "make room"),
        (errno.EROFS, "snaps/.making-7", "{tmp}/snaps: Read-only", "see to its rights"),
        (errno.EIO, "snaps/x", "{tmp}/snaps/x: Input/output", "its disk"),
    ],
)
def test_what_can_not_be_written_is_told_with_its_place_and_what_to_do(
    line: Call,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    number: int,
    file: str | None,
    where: str,
    hint: str,
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), file)

    monkeypatch.setattr("sinks.dataset.build.build", failing)
    answer = line("pairs", "snapshot", "--processes", "0", "--out", "snaps")
    assert answer.exit_code == 1
    assert where.format(tmp=tmp_path) in answer.stderr
    assert hint in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_without_pairs_it_is_told_how_to_get_some(call: Call) -> None:
    answer = call("pairs", "list")
    assert answer.exit_code == 1
    assert "there are no pairs at" in answer.stderr


@pytest.mark.parametrize(
    ("keys", "words"), [("a\n", ["accept"]), ("s\n", ["swap"]), ("n\n", []), ("q\n", [])]
)
@pytest.mark.usefixtures("line")
def test_review_asks_and_publishes(keys: str, words: list[str]) -> None:
    answer = CliRunner().invoke(cli, ["pairs", "review"], input=keys)
    assert answer.exit_code == 0
    assert [review.word for review in reviews()] == words
    assert f"{len(words)} of 1 pairs reviewed" in answer.stderr


def test_a_review_is_in_the_next_snapshot(line: Call) -> None:
    pair = json.loads(line("pairs", "list", "--json").stdout)["id"]
    assert line("pairs", "review", pair, "--say", "reject").exit_code == 0
    found = json.loads(line("pairs", "snapshot", "--json").stdout)
    assert "pairs" not in found["counts"]["rows"]
    assert found["counts"]["found"]["reviews"] == 1


@pytest.mark.parametrize(("word", "good"), [("accept", "tesla"), ("swap", "echo")])
def test_a_rejected_pair_comes_back_by_its_id(
    line: Call, tmp_path: Path, word: str, good: str
) -> None:
    settings = load(None)
    file = settings.paths.output / "pairs/pairs.jsonl"
    pair = json.loads(file.read_text())["id"]
    assert line("pairs", "review", pair[:6], "--say", "reject").exit_code == 0
    file.unlink()  # as the line does when it was the last
    assert line("pairs", "show", pair).exit_code == 1
    back = line("pairs", "review", pair[:6], "--say", word)
    assert (back.exit_code, back.stderr) == (0, "1 of 1 pairs reviewed\n")

    sink = make_handler("pairs", settings)._sink
    store = TableStore(tmp_path / "again", "x")
    outputs = []
    for review in sorted(reviews(), key=lambda each: each.at_ms):
        outputs += sink.apply("reviews", review.to_bytes(), store.table("all"))
    store.close()
    found = PreferencePair.from_bytes(outputs[-1].value or b"")
    assert (found.id, found.reviewed) == (pair, word)
    assert good in str(found.chosen)
    assert line("pairs", "review", pair[:6], "--say", "accept").exit_code == 1


def test_sweep_counts_pairs_by_threshold(line: Call) -> None:
    rows = [
        json.loads(row)
        for row in line("pairs", "sweep", "--chosen", "7,10", "--json").stdout.splitlines()
    ]
    counts: dict[tuple[float, float], Any] = {
        (row["chosen"], row["rejected"]): row["pairs"] for row in rows
    }
    assert counts[7.0, 4.0] == 1
    assert counts[10.0, 4.0] == 0
    table = line("pairs", "sweep").stdout
    assert "as set" in table


def test_the_thresholds_that_are_set_are_tried_with_the_margin_that_is_set(
    line: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAWBACK_PAIRS__MIN_MARGIN", "9")
    rows = map(json.loads, line("pairs", "sweep", "--rejected", "3", "--json").stdout.splitlines())
    counts = {(row["chosen"], row["rejected"], row["set"]): row["pairs"] for row in rows}
    assert counts[7.0, 4.0, True] == 0
    assert counts[7.0, 3.0, False] == 1


def test_a_snapshot_is_made_once_and_leaves_nothing_behind(line: Call, tmp_path: Path) -> None:
    first = line("pairs", "snapshot", "--out", tmp_path / "snaps")
    assert first.exit_code == 0
    assert "train" in first.stdout
    again = json.loads(line("pairs", "snapshot", "--out", tmp_path / "snaps", "--json").stdout)
    assert again["existed"]
    lineage = json.loads((Path(again["path"]) / "lineage.json").read_bytes())
    assert sum(lineage["offsets"]["turns"].values()) == 2
    assert not list((tmp_path / "home" / ".clawback" / "tables").glob(".pairs-*"))
