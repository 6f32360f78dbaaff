"""Scored turn files: the right lines whatever the order, and a person's part in them."""

from __future__ import annotations

import json
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.table import MemoryTable
from schemas.turn import Place, Turn
from schemas.verdict import Verdict
from sinks import TurnFiles

MakeTurn = Callable[..., Turn]
MakeVerdict = Callable[..., Verdict]
Record = tuple[str, bytes]
DAY = "2026-02-25"


@pytest.fixture
def sink(tmp_path: Path) -> TurnFiles:
    return TurnFiles(tmp_path, "default", "UTC")


def feed(sink: TurnFiles, table: MemoryTable, *records: Turn | Verdict) -> None:
    for record in records:
        topic = "turns" if isinstance(record, Turn) else "verdicts"
        sink.apply(topic, record.to_bytes(), table)
    sink.flush(table, everything=True)


def read(sink: TurnFiles, day: str = DAY) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (sink.directory / f"{day}.jsonl").open()]


def read_text_lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def files(sink: TurnFiles) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sink.directory.iterdir()}


def test_a_line_is_the_turn_and_its_verdict(
    sink: TurnFiles, make_turn: MakeTurn, make_verdict: MakeVerdict
) -> None:
    turn, verdict = make_turn(), make_verdict()
    feed(sink, MemoryTable(), turn, verdict)
    (line,) = read(sink)
    assert list(line)[:-1] == list(json.loads(turn.to_bytes()))
    assert line.pop("verdict") == json.loads(verdict.to_bytes())
    assert line == json.loads(turn.to_bytes())


def test_the_verdict_is_null_until_it_comes(sink: TurnFiles, make_turn: MakeTurn) -> None:
    feed(sink, MemoryTable(), make_turn())
    assert read(sink)[0]["verdict"] is None


def test_other_panels_stand_beside(
    sink: TurnFiles, make_turn: MakeTurn, make_verdict: MakeVerdict
) -> None:
    verdicts = [make_verdict(1, 3, panel=name) for name in ("new", "default", "best")]
    feed(sink, MemoryTable(), make_turn(), *verdicts)
    (line,) = read(sink)
    assert line["verdict"]["panel"] == "default"
    assert list(line["verdicts"]) == ["best", "new"]


def test_a_promoted_panel_rewrites_every_day(
    sink: TurnFiles, tmp_path: Path, make_turn: MakeTurn, make_verdict: MakeVerdict
) -> None:
    table = MemoryTable()
    feed(sink, table, make_turn(), make_verdict(), make_verdict(1, 2, panel="new"))
    promoted = TurnFiles(tmp_path, "new", "UTC")
    assert promoted.flush_in() == 0
    promoted.flush(table, everything=True)
    assert read(promoted)[0]["verdict"]["panel"] == "new"


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("UTC", "2026-02-25"),
        ("Pacific/Kiritimati", "2026-02-25"),
        ("Pacific/Honolulu", "2026-02-24"),
    ],
)
def test_the_date_is_the_owners(tmp_path: Path, make_turn: MakeTurn, zone: str, day: str) -> None:
    sink = TurnFiles(tmp_path, "default", zone)
    feed(sink, MemoryTable(), make_turn())
    assert list(files(sink)) == [f"{day}.jsonl"]


def test_lines_are_in_the_order_of_their_start(sink: TurnFiles, make_turn: MakeTurn) -> None:
    turns = [make_turn(n, started_ms=1_772_000_000_000 + n % 3) for n in range(9)]
    feed(sink, MemoryTable(), *turns)
    found = [(line["started_ms"], line["id"]) for line in read(sink)]
    assert found == sorted(found)


def test_the_original_beats_its_copies(sink: TurnFiles, make_turn: MakeTurn) -> None:
    place = Place(file="a", first_offset=0, last_offset=1)
    copy = make_turn(1, session="aaa", copied=True, place=place)
    feed(sink, MemoryTable(), copy, make_turn(1, session="zzz"), copy)
    assert [line["session"] for line in read(sink)] == ["zzz"]


def test_a_day_that_loses_its_only_turn_to_another_leaves_no_file(
    sink: TurnFiles, make_turn: MakeTurn
) -> None:
    table = MemoryTable()
    feed(sink, table, make_turn(1, copied=True))
    assert list(files(sink)) == [f"{DAY}.jsonl"]
    feed(sink, table, make_turn(1, started_ms=1_773_000_000_000))
    assert list(files(sink)) == ["2026-03-08.jsonl"]


def test_the_highest_revision_wins_in_any_order(
    sink: TurnFiles, make_turn: MakeTurn, make_verdict: MakeVerdict
) -> None:
    feed(sink, MemoryTable(), make_verdict(1, 5, revision=2), make_turn(), make_verdict(1, 9))
    assert read(sink)[0]["verdict"]["scores"]["overall"] == 5


@pytest.mark.parametrize("topic", ["turns", "verdicts"])
@pytest.mark.parametrize("value", [b"", b"nonsense", b"[]", b"{}", b'{"id":"x"}'])
def test_what_is_no_record_is_refused(sink: TurnFiles, topic: str, value: bytes) -> None:
    table = MemoryTable()
    with pytest.raises(ValidationError):
        sink.apply(topic, value, table)
    assert not list(table.scan(""))


def test_a_record_on_several_lines_takes_one(sink: TurnFiles, make_turn: MakeTurn) -> None:
    table = MemoryTable()
    sink.apply("turns", make_turn().model_dump_json(by_alias=True, indent=1).encode(), table)
    sink.flush(table, everything=True)
    assert len(read(sink)) == 1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), cuts=st.sets(st.integers(0, 30), max_size=6))
def test_any_order_repeats_and_restarts_make_the_same_files(
    tmp_path_factory: pytest.TempPathFactory,
    make_turn: MakeTurn,
    make_verdict: MakeVerdict,
    seed: int,
    cuts: set[int],
) -> None:
    records: list[Turn | Verdict] = []
    for number in range(6):
        records += [
            make_turn(number, started_ms=1_772_000_000_000 + number * 40_000_000),
            make_turn(number, session="fork", copied=True),
            make_verdict(number, 4),
            make_verdict(number, 5, revision=2),
            make_verdict(number, 6, panel="new"),
        ]
    plain = TurnFiles(tmp_path_factory.mktemp("plain"), "default", "UTC")
    feed(plain, MemoryTable(), *records)
    rng = random.Random(seed)
    rng.shuffle(records)
    output = tmp_path_factory.mktemp("shuffled")
    table = MemoryTable()
    sink = TurnFiles(output, "default", "UTC")
    for number, record in enumerate([*records, *records[:7]]):
        if number in cuts:
            sink.flush(table, everything=rng.random() < 0.5)
            sink = TurnFiles(output, "default", "UTC")
        topic = "turns" if isinstance(record, Turn) else "verdicts"
        sink.apply(topic, record.to_bytes(), table)
    sink.flush(table, everything=True)
    assert files(sink) == files(plain)


class TestAPersonsPart:
    """What people do to a file while the line runs."""

    @pytest.fixture
    def table(self, sink: TurnFiles, make_turn: MakeTurn) -> MemoryTable:
        table = MemoryTable()
        feed(sink, table, *(make_turn(n) for n in range(1, 4)))
        return table

    def edit(self, sink: TurnFiles, change: Callable[[list[str]], list[str]]) -> None:
        path = sink.directory / f"{DAY}.jsonl"
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    def test_added_fields_survive_a_new_verdict_and_a_restart(
        self, sink: TurnFiles, table: MemoryTable, tmp_path: Path, make_verdict: MakeVerdict
    ) -> None:
        note = '"label":"good","big":123456789012345678901234567890,"x":{"ü":null}'
        self.edit(sink, lambda lines: [lines[0], lines[1].replace("{", "{" + note + ",", 1)])
        for number, writer in enumerate((sink, sink, TurnFiles(tmp_path, "default", "UTC"))):
            feed(writer, table, make_verdict(2, 5, revision=number + 1))
            lines = read(sink)
            assert [line["id"][-1] for line in lines] == ["1", "2", "3"]
            assert lines[1]["label"] == "good"
            assert lines[1]["big"] == 123456789012345678901234567890
            assert lines[1]["x"] == {"ü": None}
            assert lines[1]["verdict"]["revision"] == number + 1

    def test_own_lines_survive_at_the_end(
        self, sink: TurnFiles, table: MemoryTable, make_verdict: MakeVerdict
    ) -> None:
        own = ["# look at this one\n", '{"id":"mine"}\n', "[1]\n"]
        self.edit(sink, lambda lines: [own[0], lines[2], own[1], lines[0], own[2].strip()])
        for revision in (1, 2):
            feed(sink, table, make_verdict(1, revision=revision))
            text = (sink.directory / f"{DAY}.jsonl").read_text().splitlines(keepends=True)
            assert len(text) == 6
            assert text[3:] == own

    def test_a_turn_of_ours_is_put_right(
        self, sink: TurnFiles, table: MemoryTable, make_verdict: MakeVerdict
    ) -> None:
        before = files(sink)
        self.edit(sink, lambda lines: [lines[2].replace("done", "ruined"), "\n", lines[2]])
        feed(sink, table, make_verdict(99), make_verdict(1))
        assert [line["answer"] for line in read(sink)] == ["done"] * 3
        assert files(sink).keys() == before.keys()

    def test_a_broken_line_is_kept_and_made_anew(
        self, sink: TurnFiles, table: MemoryTable, make_verdict: MakeVerdict
    ) -> None:
        self.edit(sink, lambda lines: [lines[0][:-20] + "\n", *lines[1:]])
        feed(sink, table, make_verdict(1))
        text = (sink.directory / f"{DAY}.jsonl").read_text().splitlines()
        assert len(text) == 4
        assert [json.loads(line)["id"][-1] for line in text[:3]] == ["1", "2", "3"]

    def test_a_line_moved_to_another_day_goes_unless_it_has_notes(
        self, sink: TurnFiles, table: MemoryTable, make_turn: MakeTurn
    ) -> None:
        lines = (sink.directory / f"{DAY}.jsonl").read_text().splitlines(keepends=True)
        noted = lines[1].replace("{", '{"note":1,', 1)
        feed(sink, table, make_turn(7, started_ms=1_773_000_000_000))
        with (sink.directory / "2026-03-08.jsonl").open("a") as file:
            file.write(lines[0] + noted)
        feed(sink, table, make_turn(8, started_ms=1_773_000_000_001))
        other = read(sink, "2026-03-08")
        assert [line["id"][-1] for line in other] == ["7", "8", "2"]
        assert other[2]["note"] == 1

    def test_a_deleted_file_is_made_again_in_full(
        self, sink: TurnFiles, table: MemoryTable, tmp_path: Path, make_verdict: MakeVerdict
    ) -> None:
        path = sink.directory / f"{DAY}.jsonl"
        before = path.read_bytes()
        path.rename(tmp_path / "elsewhere.jsonl")
        feed(sink, table, make_verdict(1))
        assert len(read(sink)) == 3
        path.unlink()
        restarted = TurnFiles(tmp_path, "default", "UTC")
        restarted.flush(table, everything=True)
        assert len(read(sink)) == 3
        assert (tmp_path / "elsewhere.jsonl").read_bytes() == before

    def test_an_edit_between_our_read_and_our_rename_is_merged(
        self,
        sink: TurnFiles,
        table: MemoryTable,
        make_verdict: MakeVerdict,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        real = os.fsync
        edits = iter([True])

        def fsync(descriptor: int) -> None:
            if next(edits, False):
                with (sink.directory / f"{DAY}.jsonl").open("a") as file:
                    file.write("mine\n")
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        feed(sink, table, make_verdict(1))
        assert (sink.directory / f"{DAY}.jsonl").read_text().endswith("\nmine\n")
        assert not list(sink.directory.glob(".*"))

    def test_a_file_that_keeps_changing_is_left_until_it_rests(
        self,
        table: MemoryTable,
        tmp_path: Path,
        make_verdict: MakeVerdict,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        clock = [0.0]
        sink = TurnFiles(tmp_path, "default", "UTC", delay=0, clock=lambda: clock[0])
        path = sink.directory / f"{DAY}.jsonl"
        real = os.fsync

        def fsync(descriptor: int) -> None:
            with path.open("a") as file:
                file.write("mine\n")
            real(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            feed(sink, table, make_verdict(1))
        assert f"{path} keeps changing" in caplog.text
        assert read_text_lines(path)[3:] == ["mine"] * 5
        assert sink.flush_in() == 5
        clock[0] = 5
        sink.flush(table)
        assert json.loads(read_text_lines(path)[0])["verdict"] is not None
        assert read_text_lines(path)[3:] == ["mine"] * 5

    def test_permissions_and_links_are_kept(
        self, sink: TurnFiles, table: MemoryTable, tmp_path: Path, make_verdict: MakeVerdict
    ) -> None:
        path, real = sink.directory / f"{DAY}.jsonl", tmp_path / "elsewhere" / "day.jsonl"
        assert path.stat().st_mode & 0o777 == 0o600
        real.parent.mkdir()
        path.rename(real)
        real.chmod(0o644)
        path.symlink_to(real)
        feed(sink, table, make_verdict(1))
        assert path.is_symlink()
        assert real.stat().st_mode & 0o777 == 0o644
        assert read(sink)[0]["verdict"] is not None


def test_an_untouched_file_is_not_read_again(
    sink: TurnFiles,
    make_turn: MakeTurn,
    make_verdict: MakeVerdict,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = MemoryTable()
    feed(sink, table, make_turn())
    monkeypatch.setattr("sinks.turnfiles.reading", None)
    feed(sink, table, make_verdict())
    assert read(sink)[0]["verdict"] is not None


def test_records_are_gathered_and_a_big_file_rests(
    tmp_path: Path, make_turn: MakeTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    sink = TurnFiles(tmp_path, "default", "UTC", delay=1, clock=lambda: now[0])
    table = MemoryTable()
    sink.flush(table)
    assert sink.flush_in() is None
    sink.apply("turns", make_turn(1).to_bytes(), table)
    now[0] += 0.4
    sink.apply("turns", make_turn(2).to_bytes(), table)
    assert sink.flush_in() == pytest.approx(0.6)
    sink.flush(table)
    assert not sink.directory.exists()
    now[0] += 0.6
    assert sink.flush_in() == 0

    def slow(*_: object) -> None:
        now[0] += 2

    monkeypatch.setattr(os, "fchmod", slow)
    sink.flush(table)
    assert len(read(sink)) == 2
    assert sink.flush_in() is None
    sink.apply("turns", make_turn(3).to_bytes(), table)
    assert sink.flush_in() == pytest.approx(20)


def test_a_rewrite_takes_no_more_memory_for_a_longer_day(
    tmp_path: Path, make_turn: MakeTurn
) -> None:
    table = MemoryTable()
    for number in range(400):
        turn = make_turn(number, started_ms=1_772_000_000_000 + number, answer="x" * 50_000)
        TurnFiles(tmp_path, "default", "UTC").apply("turns", turn.to_bytes(), table)
    path = tmp_path / "turns" / f"{DAY}.jsonl"
    for _ in range(2):
        sink = TurnFiles(tmp_path, "default", "UTC")
        tracemalloc.start()
        try:
            sink._mark(DAY, table)
            sink.flush(table, everything=True)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert path.stat().st_size > 20_000_000
        assert peak < 3_000_000
        # The second time there is a file to merge with.
        path.write_bytes(path.read_bytes() + b"mine\n")
